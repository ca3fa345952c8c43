import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CoordinatorConfig } from '../../../coordinator/config.ts';
import { NodeConfig } from '../../../node/config.ts';
import { reloadSettings } from '../../../node/cli/reload-settings.ts';
import { loadConfig } from '../../../shared/runtime/config-loader.ts';
import type { Logger } from '../../../shared/runtime/log.ts';
import { settingChanges } from '../../../shared/runtime/setting-changes.ts';
import { settingsOf } from '../../../shared/runtime/settings.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

test('A changed receiver of notifications waits for the next start, which is told without its secrets', () => {
  const before = { notifications: { endpoints: [{ name: 'ci', url: 'https://ci.example/', secret: 'secret-1' }] } };
  const after = { notifications: { endpoints: [{ name: 'ci', url: 'https://ci.example/', secret: 'secret-2' }] } };

  const [change, ...others] = settingChanges(settingsOf(CoordinatorConfig), before, after);

  assert.deepEqual(
    [change?.setting.key, change?.setting.isReloadable, others.length],
    ['notifications.endpoints', false, 0],
  );
  assert.ok(!`${change?.before} ${change?.after}`.includes('secret-'));
});

test('New settings are taken up and told, those that wait for a start are named, and wrong ones change nothing', async () => {
  await using folder = await openTemporaryFolder('reload');
  const file = join(folder.path, 'shoal.yml');
  const read = (): Promise<NodeConfig> => loadConfig(NodeConfig, { flags: {}, environment: {}, file });
  await writeFile(file, 'peers: { uploadRate: 200MB/s }\njoin: secret-1\n');
  const config = await read();
  const told: string[] = [];
  const applied: unknown[] = [];
  const tell =
    (level: string) =>
    (fields: object, message: string): number =>
      told.push(`${level} ${JSON.stringify(fields)} ${message}`);
  const log = { info: tell('info'), warn: tell('warn'), error: tell('error') } as unknown as Logger;
  let hangUp = (): void => undefined;
  const onReload = (run: () => void): (() => void) => {
    hangUp = run;
    return () => undefined;
  };
  const after = async (text: string): Promise<string[]> => {
    await writeFile(file, text);
    const reloading = reloadSettings({ log, onReload, read, apply: ({ peers }) => applied.push(peers) }, start);
    hangUp();
    await reloading[Symbol.asyncDispose]();
    return told.splice(0);
  };
  const start = { schema: NodeConfig, config };

  const changed = await after('peers: { uploadRate: 1Gbit/s, maxConnections: 7 }\njoin: secret-2\n');
  assert.equal(changed.length, 3);
  assert.ok(
    changed.some(
      (line) => line.includes('"peers.uploadRate","before":"200MB/s","after":"125MB/s"') && line.startsWith('info'),
    ),
  );
  assert.ok(changed.some((line) => line.includes('"peers.maxConnections"') && line.startsWith('warn')));
  assert.ok(!changed.join('').includes('secret-'));
  assert.equal(applied.length, 1);

  const wrong = await after('peers: { uploadRate: fast }\n');
  assert.ok(wrong.length === 1 && wrong[0]?.startsWith('error') && wrong[0].includes('200MB/s, 25MiB/s or 1Gbit/s'));
  const broken = await after('peers: [\n');
  assert.ok(broken.length === 1 && broken[0]?.startsWith('error'));
  assert.equal(applied.length, 1);

  const lifted = await after('join: secret-1\n');
  assert.ok(lifted[0]?.includes('"after":"not set"'));
  assert.deepEqual((applied[1] as NodeConfig['peers']).uploadRate, undefined);
});

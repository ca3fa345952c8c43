import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '../../../node/store/store.ts';
import { createLogger } from '../../../shared/runtime/log.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const MORE_THAN_ANY_DISK = 2 ** 50;

test('A store on a disk with no room beside the reserve says so when it is opened, and no other does', async () => {
  await using folder = await openTemporaryFolder('no-room');
  const lines: string[] = [];
  const log = createLogger({ level: 'info', format: 'json', sink: { write: (line) => void lines.push(line) } });
  const deps = () => ({ clock: new FakeClock(), log, metrics: new Metrics() });

  await (await openStore(deps(), { folder: folder.path, reserveBytes: 0 }))[Symbol.asyncDispose]();
  assert.deepEqual(lines, []);
  await (await openStore(deps(), { folder: folder.path, reserveBytes: MORE_THAN_ANY_DISK }))[Symbol.asyncDispose]();

  assert.equal(lines.length, 1);
  assert.match(lines.join(), /"reserveBytes":1125899906842624.*pushes are refused.*store\.reserveBytes/);
});

// The metrics that docs/operations.md lists are those that a fleet shows.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../../../scripts/repository-files.ts';
import { findFreePorts } from '../../support/free-ports.ts';
import { exchange } from '../../support/http-exchange.ts';
import { runCommand } from '../../support/run-command.ts';
import { ShoalProgram, shoalCommand } from '../../support/shoal-program.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

test('docs/operations.md lists every metric of a coordinator and of a node, and no other', async () => {
  await using folder = await openTemporaryFolder('metrics');
  const [listen = 0, http = 0, swarm = 0] = await findFreePorts(3);
  const data = join(folder.path, 'coordinator');
  await using coordinator = await ShoalProgram.start({
    args: ['coordinator', `--data=${data}`, `--listen=127.0.0.1:${listen}`],
    logFile: join(folder.path, 'coordinator.log'),
    http: { port: listen, tls: true },
  });
  const token = (await runCommand(shoalCommand(['token', 'create', '--data', data]))).trim();
  const joining = [`--coordinator=127.0.0.1:${listen}`, `--join=${token}`, `--swarm=127.0.0.1:${swarm}`];
  await using node = await ShoalProgram.start({
    args: ['node', `--data=${join(folder.path, 'node')}`, `--http=127.0.0.1:${http}`, ...joining],
    logFile: join(folder.path, 'node.log'),
    http: { port: http },
  });

  const shown = new Set([...(await metricsOf(coordinator)), ...(await metricsOf(node))]);
  const listed = new Set((await readFile(join(repositoryRoot, 'docs/operations.md'), 'utf8')).match(/\bshoal_\w+/g));

  assert.deepEqual([...listed].sort(), [...shown].sort());
});

async function metricsOf(program: ShoalProgram): Promise<readonly string[]> {
  const { body } = await exchange(program.target, { method: 'GET', path: '/metrics' });
  return [...body.toString().matchAll(/^# HELP (shoal_\w+) /gm)].map(([, name = '']) => name);
}

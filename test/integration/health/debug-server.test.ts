// Checks of real files, ports and pages, and the address where operators see them.

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startDebugServer } from '../../../node/health/debug-server.ts';
import { HealthChecks } from '../../../node/health/health-checks.ts';
import { checkOf, storageCheck, type WantedCheck } from '../../../node/health/kinds-of-checks.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { findFreePorts } from '../../support/free-ports.ts';
import { exchange, type HttpAnswer } from '../../support/http-exchange.ts';
import { listenRegistry } from '../../support/registry-listener.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const never = new AbortController().signal;

async function isFine(wanted: WantedCheck): Promise<boolean> {
  return checkOf(wanted)
    .run(never)
    .then(
      () => true,
      () => false,
    );
}

test('Files, pages and ports are checked', async () => {
  await using folder = await openTemporaryFolder('health');
  await using registry = await listenRegistry();
  const { host } = new URL(registry.baseUrl);
  const [nobody = 0] = await findFreePorts(1);
  const file = join(folder.path, 'out-of-service');

  assert.equal(await isFine({ type: 'file', file }), true);
  await writeFile(file, '');
  assert.equal(await isFine({ type: 'file', file }), false);
  assert.equal(await isFine({ type: 'tcp', address: host }), true);
  assert.equal(await isFine({ type: 'tcp', address: `127.0.0.1:${nobody}` }), false);
  assert.equal(await isFine({ type: 'http', url: `${registry.baseUrl}/v2/` }), true);
  assert.equal(await isFine({ type: 'http', url: `${registry.baseUrl}/v2/`, status: 404 }), false);
  assert.equal(await isFine({ type: 'http', url: 'nonsense' }), false);
  const storage = storageCheck(join(folder.path, 'gone'), { intervalMs: 1, threshold: 0 });
  await assert.rejects(storage.run(never));
});

test('While a check fails everybody gets 503, and the debug address tells why', async () => {
  await using folder = await openTemporaryFolder('health');
  const file = join(folder.path, 'out-of-service');
  const clock = new FakeClock();
  const metrics = new Metrics();
  await using checks = new HealthChecks({ clock, log: silentLogger }, [
    checkOf({ type: 'file', file, intervalMs: 1000 }),
  ]);
  const health = { isReady: () => ({ ready: true }), failing: checks.failing };
  await using registry = await listenRegistry({ health, metrics });
  await using debug = await startDebugServer(
    { checks, metrics, version: '1' },
    { listen: '127.0.0.1:0', metricsPath: '/numbers' },
  );
  const ask = (port: string, method: string, path: string): Promise<HttpAnswer> =>
    exchange({ address: { port: Number(port) } }, { method, path });
  const { port } = new URL(registry.baseUrl);
  const debugPort = debug.address.split(':')[1] ?? '';
  /** Lets checks run until the registry answers so: they look at a real file, which takes its time. */
  const comesTo = (status: number): Promise<HttpAnswer> =>
    eventually({ what: `the registry to answer ${status}` }, async () => {
      await clock.advance(1000);
      const answer = await ask(port, 'GET', '/v2/');
      return answer.status === status && answer;
    });

  assert.equal((await ask(port, 'GET', '/v2/')).status, 200);
  assert.equal((await ask(debugPort, 'GET', '/debug/health')).body.toString(), '{}\n');
  await writeFile(file, '');
  const refused = await comesTo(503);
  const told = await ask(debugPort, 'GET', '/debug/health');
  await rm(file);
  await comesTo(200);
  await ask(debugPort, 'POST', '/debug/health/down');
  const byHand = await ask(port, 'GET', '/v2/');
  await ask(debugPort, 'POST', '/debug/health/up');

  assert.equal(refused.status, 503);
  assert.match(refused.body.toString(), /"UNAVAILABLE"/);
  assert.equal(told.status, 503);
  assert.deepEqual(JSON.parse(told.body.toString()), { [file]: 'the file is there' });
  assert.equal(byHand.status, 503);
  assert.equal((await ask(port, 'GET', '/v2/')).status, 200);
  assert.match((await ask(debugPort, 'GET', '/numbers')).body.toString(), /shoal_registry_requests_total/);
  assert.equal((await ask(debugPort, 'GET', '/metrics')).status, 404);
  assert.equal((await ask(debugPort, 'GET', '/debug/vars')).status, 200);
});

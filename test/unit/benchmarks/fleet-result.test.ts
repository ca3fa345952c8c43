import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FleetOptions } from '../../../scripts/benchmarks/fleet/fleet-options.ts';
import { fleetPlot } from '../../../scripts/benchmarks/fleet/fleet-plot.ts';
import { fleetJson, fleetTable } from '../../../scripts/benchmarks/fleet/fleet-report.ts';
import { type HostResult, type SideResult, summarise } from '../../../scripts/benchmarks/fleet/fleet-result.ts';

const options: FleetOptions = {
  hosts: 4,
  bytesPerSecond: 100,
  sizeBytes: 1000,
  layers: 2,
  runs: 1,
  slowHosts: 1,
  killedHosts: 1,
  isFromNode: false,
  warmUpBytes: 0,
  isBeside: true,
};

function side(hosts: readonly HostResult[]): SideResult {
  return {
    hosts,
    source: { receivedBytes: 10, sentBytes: 1100 },
    control: { receivedBytes: 5, sentBytes: 15 },
    samples: [
      { atMs: 1000, hosts: hosts.map(() => ({ receivedBytes: 0, sentBytes: 0 })) },
      { atMs: 6000, hosts: hosts.map(() => ({ receivedBytes: 500, sentBytes: 300 })) },
    ],
    startMs: 1000,
    cpuSeconds: 2,
    idleShare: 0.5,
  };
}

const swarm = side([
  { host: 0, kind: 'slow', receivedBytes: 1000, sentBytes: 0, seconds: 100, firstByteSeconds: 1 },
  { host: 1, kind: 'killed', receivedBytes: 400, sentBytes: 300, error: 'killed' },
  { host: 2, kind: 'healthy', receivedBytes: 1000, sentBytes: 700, seconds: 11, firstByteSeconds: 0.2 },
  { host: 3, kind: 'healthy', receivedBytes: 1000, sentBytes: 800, seconds: 12, firstByteSeconds: 0.4 },
]);

test('Times are those of the healthy hosts, bytes those of all', () => {
  const summary = summarise(swarm, { sizeBytes: 1000, boundSeconds: 10 });

  assert.equal(summary.slowestSeconds, 12);
  assert.equal(summary.fastestSeconds, 11);
  assert.equal(summary.p50Seconds, 11.5);
  assert.equal(summary.ratio, 1.2);
  assert.equal(summary.originCopies, 1.1);
  assert.equal(summary.sentBytes, 0 + 300 + 700 + 800 + 1100 + 15);
  assert.equal(summary.receivedBytes, 1000 + 400 + 1000 + 1000 + 10 + 5);
  assert.equal(summary.controlBytes, 20);
  assert.deepEqual(summary.slowHostSeconds, [100]);
  assert.deepEqual(summary.failures, []);
});

test('A healthy host that failed has no time, and the table says why', () => {
  const failed = side([{ host: 0, kind: 'healthy', receivedBytes: 1, sentBytes: 2, error: 'GET /v2/: 503' }]);
  const shoal = { result: failed, summary: summarise(failed, { sizeBytes: 1000, boundSeconds: 10 }) };

  const table = fleetTable({ options, boundSeconds: 10, runs: [{ load: 0, shoal }] });

  assert.ok(Number.isNaN(shoal.summary.slowestSeconds));
  assert.match(table, /FAILED shoal: host 0: GET \/v2\/: 503/);
});

test('Table, JSON and plot show both sides of every run', () => {
  const measured = { result: swarm, summary: summarise(swarm, { sizeBytes: 1000, boundSeconds: 10 }) };
  const report = { options, boundSeconds: 10, runs: [{ load: 0.5, shoal: measured, reference: measured }] };

  const table = fleetTable(report);
  const json = JSON.parse(JSON.stringify(fleetJson(report))) as { shoal: unknown[]; reference: unknown[] };
  const plot = fleetPlot(report);

  assert.match(table, /4 hosts \(1 at a tenth of the rate, 1 killed half way; times are of the others\)/);
  assert.match(table, /slowest \/ bound +1\.200 +1\.200/);
  assert.deepEqual([json.shoal.length, json.reference.length], [1, 1]);
  assert.match(plot, /^<svg /);
  assert.match(plot, /docker-registry: hosts that have all/);
  assert.match(plot, />bound</);
});

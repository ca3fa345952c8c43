import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderPull, renderPulls } from '../../../node/cli/pulls-view.ts';
import { PullRecord } from '../../../node/pulls/pull-record.ts';
import { mergePeers, summarize } from '../../../node/pulls/pull-summary.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import type { PullDetail } from '../../../shared/protocol/pull-report.ts';
import { AppError } from '../../../shared/runtime/errors.ts';

const MIB = 1024 * 1024;
const WALL_MS = Date.UTC(2026, 0, 1);
const peers = [
  { nodeId: 'web-2', address: '10.0.0.2:5110', isOrigin: false },
  { nodeId: 'store-1', address: '10.0.0.1:5110', isOrigin: true },
];
const image = {
  repository: 'team/app',
  tag: 'v1',
  digest: digestOf(Buffer.from('manifest')),
  blobCount: 3,
  sizeBytes: 100 * MIB,
};

/** A blob that took five seconds, three of them waiting for web-2. */
function slowBlob(): PullRecord {
  const subject = {
    digest: digestOf(Buffer.from('slow')),
    sizeBytes: 40 * MIB,
    cause: 'client',
    repository: 'team/app',
  } as const;
  const record = new PullRecord(subject, { nowMs: 0, wallMs: WALL_MS }, () => undefined);
  record.clientJoined(0);
  record.granted(0);
  record.locating(0);
  record.located(100, peers);
  record.opened(0);
  const origin = record.peer('store-1', 'tls');
  const node = record.peer('web-2', 'tls');
  for (const tally of [origin, node]) tally.asked({ isAgain: false });
  origin.received(30 * MIB, 1000);
  origin.verified(30 * MIB);
  record.clientServed(1000);
  node.stalled(3000);
  node.received(10 * MIB, 4000);
  node.verified(9 * MIB);
  origin.received(MIB, 4400);
  origin.verified(MIB);
  record.fetched(4500);
  record.ended(5000);
  return record;
}

function slowPull(): PullDetail {
  const blobs = [slowBlob().report(5000, { bytesPerSecond: 16 * MIB })];
  const summary = summarize({ id: 7, image, blobs, link: { bytesPerSecond: 16 * MIB } });
  return { ...summary, nowMs: WALL_MS + 65_000, peers: mergePeers(blobs), blobs };
}

test('The list tells of each pull what, when, how much, how fast, and why', () => {
  const { nowMs } = slowPull();
  const list = { nowMs, kept: { blobs: 1, ageMs: 1 }, pulls: [slowPull()] };

  assert.equal(
    renderPulls(list, 200),
    `ID  WHEN       WHAT          FETCHED   TIME       RATE  WHY
 7  1m 0s ago  team/app:v1  40.0 MiB  5.0 s  8.0 MiB/s  waited 3.0 s for peer web-2
`,
  );
});

test('On a narrow terminal the reason gets a line of its own', () => {
  const { nowMs } = slowPull();
  const list = { nowMs, kept: { blobs: 1, ageMs: 1 }, pulls: [slowPull()] };

  assert.equal(
    renderPulls(list, 80),
    `ID  WHEN       WHAT          FETCHED   TIME       RATE
 7  1m 0s ago  team/app:v1  40.0 MiB  5.0 s  8.0 MiB/s
    waited 3.0 s for peer web-2
`,
  );
});

test('One pull is told with a bar for each peer and the waits of each blob', () => {
  assert.equal(
    renderPull(slowPull(), 200),
    `team/app:v1 (sha256:${image.digest.slice(7, 19)}), for a client of this host, 1m 0s ago
done in 5.0 s: 40.0 MiB at 8.0 MiB/s; 1.0 MiB more came twice or too late
50% of what the link of this host carries, 16.0 MiB/s
of the image's 3 blobs 2 were here or not asked for
why: waited 3.0 s for peer web-2

FROM     ROLE    OVER      GAVE                                 WASTE  WAITED  STALLS
store-1  origin  tls   31.0 MiB  78%  [###############.....]
web-2    node    tls    9.0 MiB  23%  [####................]  1.0 MiB   3.0 s       1

BLOB                     SIZE   TIME       RATE  FIRST BYTE  LOCATE  CONNECT  SILENCE   CHECK  WHY
sha256:5e0cf7bd1dfa  40.0 MiB  5.0 s  9.1 MiB/s       1.0 s  100 ms   900 ms    3.0 s  500 ms  waited 3.0 s for peer web-2
`,
  );
});

test('What runs and what failed are told apart, and an order says so', () => {
  const digest = digestOf(Buffer.from('order'));
  const at = { nowMs: 0, wallMs: WALL_MS };
  const running = new PullRecord({ digest, sizeBytes: 8 * MIB, cause: 'order' }, at, () => undefined);
  const failed = new PullRecord({ digest, sizeBytes: 8 * MIB, cause: 'client' }, at, () => undefined);
  failed.ended(2000, new AppError('blob_unavailable', 'no host that has this blob\u001b[2J can be reached'));
  const pulls = [running, failed].map((record, index) => summarize({ id: index + 1, blobs: [record.report(500)] }));

  const text = renderPulls({ nowMs: WALL_MS + 500, kept: { blobs: 1, ageMs: 1 }, pulls }, 200);

  assert.match(text, /1 {2}now .*sha256:[0-9a-f]{12} \(ordered\) +0 B of 8\.0 MiB .*on its way/);
  assert.match(text, /2 .*failed: no host that has this blob\?\[2J can be reached/);
});

test('A host that fetched nothing says so', () => {
  const text = renderPulls({ nowMs: 0, kept: { blobs: 1, ageMs: 1 }, pulls: [] }, 80);

  assert.equal(text, 'no pulls yet: nothing was fetched from other hosts lately\n');
});

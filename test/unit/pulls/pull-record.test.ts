import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Check } from 'typebox/value';
import { PullRecord } from '../../../node/pulls/pull-record.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { BlobPull, MAX_PEERS_TOLD, type PullCause } from '../../../shared/protocol/pull-report.ts';
import { AppError } from '../../../shared/runtime/errors.ts';

const MIB = 1024 * 1024;
const digest = digestOf(Buffer.from('blob'));
const peers = [
  { nodeId: 'near', address: '127.0.0.1:1', isOrigin: false },
  { nodeId: 'far', address: '127.0.0.1:2', isOrigin: false },
  { nodeId: 'origin', address: '127.0.0.1:3', isOrigin: true },
];

function begin(options: { readonly sizeBytes?: number; readonly cause?: PullCause } = {}): PullRecord {
  const { sizeBytes = 10 * MIB, cause = 'client' } = options;
  return new PullRecord({ digest, sizeBytes, cause, repository: 'app' }, { nowMs: 0, wallMs: 1e12 }, () => undefined);
}

/** A record that is fetching since `nowMs`. */
function fetching(options: { readonly sizeBytes?: number; readonly nowMs?: number } = {}): PullRecord {
  const record = begin(options);
  const { nowMs = 0 } = options;
  record.granted(nowMs);
  record.locating(nowMs);
  record.located(nowMs, peers);
  record.opened(0);
  return record;
}

test('A report tells from whom the bytes came, how fast, and what each wait took', () => {
  const record = begin();
  record.clientJoined(0);
  record.granted(10);
  record.locating(10);
  record.located(30, peers);
  record.opened(2 * MIB);
  const near = record.peer('near', 'tls');
  near.asked({ isAgain: false });
  near.received(4 * MIB, 50);
  near.verified(4 * MIB);
  record.clientServed(55);
  record.clientServed(70);
  const origin = record.peer('origin', 'tls');
  origin.asked({ isAgain: true });
  origin.received(5 * MIB, 430);
  origin.verified(4 * MIB);
  record.fetched(430);
  record.ended(500);

  const report = record.report(9000, { bytesPerSecond: 32 * MIB });

  assert.ok(Check(BlobPull, report));
  assert.equal(report.state, 'done');
  assert.deepEqual(
    [report.placeMs, report.locateMs, report.connectMs, report.firstByteMs, report.checkMs, report.tookMs],
    [10, 20, 20, 55, 70, 500],
  );
  assert.deepEqual([report.hereBytes, report.fetchedBytes, report.wastedBytes], [2 * MIB, 8 * MIB, MIB]);
  assert.deepEqual([report.requests, report.retries], [2, 1]);
  assert.equal(report.bytesPerSecond, 20 * MIB);
  assert.deepEqual(report.bound, { kind: 'link', bytesPerSecond: 32 * MIB, fraction: 0.5 });
  assert.deepEqual(
    report.peers.map(({ nodeId, isOrigin, usefulBytes }) => [nodeId, isOrigin, usefulBytes]),
    [
      ['near', false, 4 * MIB],
      ['origin', true, 4 * MIB],
    ],
  );
});

test('Nothing is said of the bound while nobody said what the link carries', () => {
  const record = fetching();
  record.peer('near', 'tls').received(10 * MIB, 100);
  record.ended(200);

  assert.equal(record.report(200).bound, undefined);
});

test('A pause in which nothing comes is put down to the peer that was silent past its deadline, not to who filled in', () => {
  const record = fetching();
  const near = record.peer('near', 'tls');
  const far = record.peer('far', 'tls');
  far.received(MIB, 100);
  near.received(MIB, 110);
  far.stalled(3100);
  near.received(8 * MIB, 3200);
  near.verified(10 * MIB);
  record.fetched(3200);
  record.ended(3300);

  const { silentMs, peers: shares, verdict } = record.report(3300);

  assert.equal(silentMs, 3090);
  assert.equal(shares.find(({ nodeId }) => nodeId === 'far')?.stalls ?? 1, 1);
  assert.equal(verdict.code, 'waited_for_peer');
  assert.equal(verdict.peer, 'far');
  assert.equal(verdict.text, 'waited 3.1 s for peer far');
});

test('A stall of long ago is not to blame for a later pause', () => {
  const record = fetching();
  const near = record.peer('near', 'tls');
  const far = record.peer('far', 'tls');
  near.received(MIB, 100);
  far.stalled(150);
  near.received(MIB, 200);
  near.received(MIB, 5200);
  record.ended(5300);

  const shares = record.report(5300).peers;

  assert.equal(shares.find(({ nodeId }) => nodeId === 'near')?.waitedMs, 5000);
});

test('The last pieces are put down to the peer that gave them when all others had ended long before', () => {
  const record = fetching();
  const near = record.peer('near', 'tls');
  const far = record.peer('far', 'tls');
  near.received(9 * MIB, 1000);
  near.verified(9 * MIB);
  for (let nowMs = 1100; nowMs <= 4000; nowMs += 100) far.received(MIB / 30, nowMs);
  far.verified(MIB);
  record.fetched(4000);
  record.ended(4010);

  const { verdict, lastPeerMs } = record.report(4010);

  assert.equal(lastPeerMs, 3000);
  assert.deepEqual([verdict.code, verdict.peer], ['waited_for_last_peer', 'far']);
});

test('A blob that one origin alone gave says so', () => {
  const record = fetching();
  const origin = record.peer('origin', 'tls');
  for (let nowMs = 100; nowMs <= 3000; nowMs += 100) origin.received(MIB / 3, nowMs);
  origin.verified(10 * MIB);
  record.fetched(3000);
  record.ended(3010);

  assert.equal(record.report(3010).verdict.code, 'origin_only');
});

test('A pull that nobody answered names the failure, and the silence to its end', () => {
  const record = fetching();
  record.peer('near', 'tls').received(MIB, 100);
  record.ended(60_100, new AppError('blob_unavailable', 'no host that has this blob can be reached'));

  const report = record.report(60_100);

  assert.ok(Check(BlobPull, report));
  assert.equal(report.state, 'failed');
  assert.equal(report.silentMs, 60_000);
  assert.equal(report.failure?.code, 'blob_unavailable');
  assert.match(report.verdict.text, /no host that has this blob can be reached/);
});

test('Waiting for a place, for the coordinator, for a first byte and for the disk are told apart', () => {
  const times = { granted: 0, located: 0, firstByte: 1, fetched: 2, ended: 3 };
  const verdictOf = (at: Partial<typeof times>): string => {
    const { granted, located, firstByte, fetched, ended } = { ...times, ...at };
    const record = begin();
    record.granted(granted);
    record.locating(granted);
    record.located(located, peers);
    record.opened(0);
    record.peer('near', 'tls').received(10 * MIB, firstByte);
    record.peer('near', 'tls').verified(10 * MIB);
    record.fetched(fetched);
    record.ended(ended);
    return record.report(ended).verdict.code;
  };

  const later = { firstByte: 5000, fetched: 5001, ended: 5002 };
  assert.equal(verdictOf({ granted: 4900, located: 4900, ...later }), 'waited_for_place');
  assert.equal(verdictOf({ located: 4900, ...later }), 'waited_to_locate');
  assert.equal(verdictOf(later), 'waited_to_connect');
  assert.equal(verdictOf({ ended: 5000 }), 'waited_for_disk');
});

test('Pieces that were thrown away with a wrong table count as waste, and the blob starts anew', () => {
  const record = fetching();
  const near = record.peer('near', 'tls');
  near.received(5 * MIB, 100);
  near.verified(5 * MIB);
  record.opened(0);
  near.received(10 * MIB, 200);
  near.verified(10 * MIB);
  record.fetched(200);
  record.ended(210);

  const report = record.report(210);

  assert.deepEqual([report.fetchedBytes, report.wastedBytes, report.hereBytes], [10 * MIB, 5 * MIB, 0]);
});

test('Pieces that stay on disk for the next try are not counted twice', () => {
  const record = fetching();
  const near = record.peer('near', 'tls');
  near.received(5 * MIB, 100);
  near.verified(5 * MIB);
  record.opened(5 * MIB);

  const report = record.report(110);

  assert.deepEqual([report.fetchedBytes, report.hereBytes], [5 * MIB, 0]);
});

test('However many peers took part, a report is bounded and loses no byte', () => {
  const record = fetching({ sizeBytes: 1000 });
  for (let index = 0; index < 1000; index += 1) {
    const tally = record.peer(`peer-${index}`, 'tls');
    tally.asked({ isAgain: false });
    tally.received(1, 10);
    tally.verified(1);
  }
  record.ended(20);

  const report = record.report(20);

  assert.ok(Check(BlobPull, report));
  assert.equal(report.peers.length, MAX_PEERS_TOLD + 1);
  assert.equal(report.fetchedBytes, 1000);
  assert.equal(
    report.peers.reduce((sum, { usefulBytes }) => sum + usefulBytes, 0),
    1000,
  );
});

test('Whatever happens in whatever order, bytes of the peers add up to what was fetched and wasted, and times are no debts', () => {
  const event = fc.oneof(
    fc.record({ type: fc.constant('received'), peer: fc.nat(40), bytes: fc.nat(1000) }),
    fc.record({ type: fc.constant('stalled'), peer: fc.nat(40), bytes: fc.constant(0) }),
    fc.record({ type: fc.constant('reopened'), peer: fc.constant(0), bytes: fc.nat(3000) }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(900), event), { maxLength: 60 }), fc.boolean(), (events, isGood) => {
      const record = fetching();
      let nowMs = 0;
      let receivedBytes = 0;
      for (const [passedMs, { type, peer, bytes }] of events) {
        nowMs += passedMs;
        const tally = record.peer(`p${peer}`, 'tls');
        if (type === 'reopened') record.opened(bytes);
        if (type === 'stalled') tally.stalled(nowMs);
        if (type !== 'received') continue;
        tally.asked({ isAgain: false });
        tally.received(bytes, nowMs);
        if (bytes % 3 > 0) tally.verified(bytes);
        receivedBytes += bytes;
      }
      if (isGood) record.fetched(nowMs);
      record.ended(nowMs, isGood ? undefined : new Error('given up'));
      const report = record.report(nowMs + 50);
      assert.ok(Check(BlobPull, report), JSON.stringify(report));
      assert.equal(report.fetchedBytes + report.wastedBytes, receivedBytes);
      assert.equal(
        report.peers.reduce((sum, share) => sum + share.receivedBytes, 0),
        receivedBytes,
      );
      assert.equal(
        report.peers.reduce((sum, share) => sum + share.usefulBytes, 0),
        report.fetchedBytes,
      );
      assert.ok(report.silentMs <= report.tookMs);
    }),
  );
});

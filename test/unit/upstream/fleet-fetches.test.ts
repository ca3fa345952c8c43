// What the coordinator remembers of blobs that are being fetched for the fleet.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FleetFetches, type FetchOffer, type ReadRequest } from '../../../coordinator/cache/fleet-fetches.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { HASH_BYTES, LEAF_BYTES } from '../../../shared/pieces/piece-table.ts';

const digest = digestOf(Buffer.from('a'));
const hashes = Uint8Array.from({ length: 10 * HASH_BYTES }, (_, at) => at & 0xff);
const offer: FetchOffer = {
  digest,
  fetchId: 'first',
  repository: 'up.example/a',
  sizeBytes: 10 * LEAF_BYTES,
  firstPiece: 0,
  hashes: hashes.subarray(0, 4 * HASH_BYTES),
};
const reading: ReadRequest = { repository: 'up.example/a', fetchId: 'first', knownPieces: 0, isReading: true };

const at = (nodeId: string, nowMs = 0) => ({ nodeId, nowMs, zone: undefined });
const reader = (nodeId: string, nowMs = 0) => ({ ...at(nodeId, nowMs), role: 'reader' as const });

test('Who reads along hears the hashes that it does not know, and whom to read from', () => {
  const fetches = new FleetFetches();
  assert.equal(fetches.read(digest, reading, reader('two')), undefined);
  assert.equal(fetches.offer(offer, at('one')), 4);

  const answer = fetches.read(digest, { ...reading, knownPieces: 3 }, reader('two'));

  assert.deepEqual(answer, {
    fetchId: 'first',
    fetcher: 'one',
    sizeBytes: offer.sizeBytes,
    isOfRepository: true,
    hashes: hashes.subarray(3 * HASH_BYTES, 4 * HASH_BYTES),
    sourceId: 'one',
  });
  const other = fetches.read(digest, { repository: 'up.example/b', knownPieces: 0, isReading: false }, reader('three'));
  assert.equal(other?.isOfRepository, false);
  assert.equal(other?.sourceId, undefined, 'it has not begun');
  assert.equal(other?.hashes.byteLength, 4 * HASH_BYTES);
});

test('The host that goes on keeps the fetch; one that says otherwise ends it for all', () => {
  const fetches = new FleetFetches();
  fetches.offer(offer, at('one'));
  fetches.read(digest, reading, reader('two'));

  const taken = fetches.read(digest, reading, { ...at('two'), role: 'fetcher' });
  assert.equal(taken?.sourceId, undefined);
  assert.equal(fetches.offer({ ...offer, firstPiece: 4, hashes: hashes.subarray(4 * HASH_BYTES) }, at('two')), 10);
  assert.equal(fetches.read(digest, reading, reader('three'))?.fetcher, 'two');

  assert.equal(fetches.offer({ ...offer, hashes: hashes.subarray(HASH_BYTES, 2 * HASH_BYTES) }, at('two')), 0);
  assert.equal(fetches.read(digest, reading, reader('three')), undefined);
});

test('What was no such blob is forgotten at the word of the host that fetched it, and of no other', () => {
  const fetches = new FleetFetches();
  fetches.offer(offer, at('one'));

  fetches.revoke(digest, 'two');
  assert.ok(fetches.read(digest, reading, reader('two')) !== undefined);
  fetches.revoke(digest, 'one');
  assert.equal(fetches.read(digest, reading, reader('two')), undefined);
});

test('A fetch that nobody reads is forgotten with its end; one that is read stays until nobody asks any more', () => {
  const fetches = new FleetFetches();
  fetches.offer(offer, at('one'));
  fetches.end(digest, 'one');
  assert.equal(fetches.read(digest, reading, reader('two')), undefined);

  fetches.offer(offer, at('one', 1000));
  fetches.read(digest, reading, reader('two', 1000));
  fetches.end(digest, 'one');
  assert.equal(fetches.read(digest, reading, reader('two', 10_000))?.sourceId, 'one');
  assert.equal(fetches.read(digest, { ...reading, isReading: false }, reader('three', 25_001)), undefined);
});

test('A host without a session is nobody’s source', () => {
  const fetches = new FleetFetches();
  fetches.offer(offer, at('one'));
  for (const nodeId of ['two', 'three', 'four']) fetches.read(digest, reading, reader(nodeId));
  assert.equal(fetches.read(digest, reading, reader('four'))?.sourceId, 'two');

  fetches.nodeLeft('two');

  assert.equal(fetches.read(digest, reading, reader('four'))?.sourceId, 'one');
});

test('After the coordinator started anew the host that fetches says everything again', () => {
  const fetches = new FleetFetches();

  assert.equal(fetches.offer({ ...offer, firstPiece: 3, hashes: hashes.subarray(3 * HASH_BYTES) }, at('one')), 0);
  assert.equal(fetches.offer({ ...offer, hashes }, at('one')), 10);
});

const PIECES = 1024;
const many = new Uint8Array(PIECES * HASH_BYTES);
const asking: ReadRequest = { repository: 'up.example/a', knownPieces: 0, isReading: false };

function hugeOffer(name: string): FetchOffer {
  return { ...offer, digest: digestOf(Buffer.from(name)), sizeBytes: 2 ** 43, hashes: many };
}

/** Says hashes until they are not taken any more. @returns how many bytes of them were. */
function fill(fetches: FleetFetches, huge: FetchOffer, nodeId: string): number {
  for (let known = 0; ;) {
    const now = fetches.offer({ ...huge, firstPiece: known }, at(nodeId));
    if (now === known) return known * HASH_BYTES;
    known = now;
  }
}

test('Hashes of one fetch are bounded, and so are those of all', () => {
  const fetches = new FleetFetches();
  const taken = Array.from({ length: 100 }, (_, number) => fill(fetches, hugeOffer(`b${number}`), `n${number}`));

  assert.ok(Math.max(...taken) <= 4 * 1024 * 1024, 'of a blob of half a TiB');
  const sum = taken.reduce((left, right) => left + right);
  assert.ok(sum > 32 * 1024 * 1024 && sum <= 64 * 1024 * 1024, String(sum));
  fetches.end(hugeOffer('b0').digest, 'n0');
  assert.equal(fetches.offer(hugeOffer('another'), at('one')), PIECES, 'room comes back');
});

test('A host that says any number of sizes and hashes takes no room from the others', () => {
  const fetches = new FleetFetches();
  for (let number = 0; number < 20; number += 1) fill(fetches, hugeOffer(`b${number}`), 'greedy');
  assert.equal(fetches.offer(hugeOffer('of another'), at('one')), PIECES);

  for (let number = 0; number < 8_000; number += 1)
    fetches.offer({ ...offer, digest: digestOf(Buffer.from(`d${number}`)) }, at('greedy'));
  assert.equal(fetches.offer(offer, at('one')), 4);
});

test('A fetch for whose hashes there is no room is read along by nobody who has not begun', () => {
  const fetches = new FleetFetches();
  fill(fetches, { ...hugeOffer('a'), digest }, 'one');
  assert.equal(fetches.read(digest, asking, reader('two')), undefined);
  assert.ok(fetches.read(digest, asking, { ...at('two'), role: 'fetcher' }) !== undefined, 'whose turn it is goes on');

  fetches.revoke(digest, 'two');
  assert.equal(fetches.offer({ ...offer, sizeBytes: 2 ** 43, hashes: many }, at('one')), PIECES);
  assert.equal(fetches.read(digest, asking, reader('two'))?.hashes.byteLength, many.byteLength);
});

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

test('Hashes of all fetches together are bounded, and room comes back', () => {
  const fetches = new FleetFetches();
  const big = new Uint8Array(1024 * HASH_BYTES);
  const sizeBytes = 8 * 1024 ** 4;
  let known = 0;
  for (;;) {
    const next = fetches.offer({ ...offer, sizeBytes, firstPiece: known, hashes: big }, at('one'));
    if (next === known) break;
    known = next;
  }
  assert.ok(known * HASH_BYTES <= 64 * 1024 * 1024);

  fetches.end(digest, 'one');
  assert.equal(fetches.offer({ ...offer, sizeBytes, hashes: big }, at('one')), 1024);
});

test('A fetch for whose hashes there is no room is read along by nobody who has not begun', () => {
  const fetches = new FleetFetches();
  const many = new Uint8Array(1024 * HASH_BYTES);
  const huge = { ...offer, digest: digestOf(Buffer.from('huge')), sizeBytes: 2 ** 43, hashes: many };
  for (let known = 0, before = -1; known > before;) {
    before = known;
    known = fetches.offer({ ...huge, firstPiece: known }, at('greedy'));
  }
  const asking: ReadRequest = { repository: 'up.example/a', knownPieces: 0, isReading: false };
  assert.equal(fetches.offer({ ...offer, sizeBytes: 2 ** 43, hashes: many }, at('one')), 0);
  assert.equal(fetches.read(digest, asking, reader('two')), undefined);
  assert.ok(fetches.read(digest, asking, { ...at('two'), role: 'fetcher' }) !== undefined, 'whose turn it is goes on');

  fetches.revoke(huge.digest, 'greedy');
  assert.equal(fetches.offer({ ...offer, sizeBytes: 2 ** 43, hashes: many }, at('one')), 1024);
  assert.equal(fetches.read(digest, asking, reader('two'))?.hashes.byteLength, many.byteLength);
});

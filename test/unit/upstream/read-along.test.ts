// A host that reads along what another fetches: whom it believes, and for how long.

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { chunkedBody, type Body } from '../../../node/content/body.ts';
import { BlobFetches } from '../../../node/upstream/blob-fetches.ts';
import type { BlobFetch, BlobOrigin } from '../../../node/upstream/blob-fetch.ts';
import { DigestLocks } from '../../../node/content/digest-locks.ts';
import type { Leaf } from '../../../node/content/arriving-leaves.ts';
import type { Store } from '../../../node/store/store.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { HASH_BYTES, hashPiece, LEAF_BYTES, pieceBytesFor } from '../../../shared/pieces/piece-table.ts';
import type { FleetFetch } from '../../../shared/protocol/cache-methods.ts';
import type { Result } from '../../../shared/protocol/coordinator-methods.ts';
import type { Peer } from '../../../shared/protocol/peer-shape.ts';
import { AppError, isAppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';

import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

const REPOSITORY = 'up.example/app';
const BLOB = Buffer.concat([...seededBytes('along', 1_200_000)]); // nine whole pieces and a part of one
const DIGEST = digestOf(BLOB);
const never = new AbortController().signal;

function peer(nodeId: string): Peer {
  return { nodeId, address: 'nowhere:1', isOrigin: false };
}

function hashesOf(bytes: Buffer, pieces = Number.POSITIVE_INFINITY): Uint8Array {
  const pieceBytes = pieceBytesFor(bytes.length);
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < bytes.length && hashes.length < pieces; at += pieceBytes)
    hashes.push(hashPiece(bytes.subarray(at, at + pieceBytes)));
  return Buffer.concat(hashes);
}

function flipped(at: number): Buffer {
  const other = Buffer.from(BLOB);
  other[at] = (other[at] ?? 0) ^ 1;
  return other;
}

interface World extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly store: Store;
  readonly link: FakeLink;
  readonly fetches: BlobFetches;
  /** `nodeId:leaf` in the order in which they were asked for. */
  readonly asked: string[];
  readonly blamed: string[];
  /** Begins to read along what `others` say. */
  start(): Promise<BlobFetch>;
}

interface Others {
  /** What each host has of the blob, or that it has nothing. */
  readonly hosts: Readonly<Record<string, Buffer | undefined>>;
  readonly hashes: Uint8Array;
  /** Whose word the hashes are, and to whom one is sent: the first, and after each that was lost the next. */
  readonly sources: readonly string[];
  /** The fetch that is told of; the same for ever if it does not say. */
  readonly fetchId?: () => string;
  /** When the turn comes to this host. */
  readonly isTurn?: () => boolean;
  readonly upstream?: BlobOrigin;
  /** Of the blob, as the one says that fetches. */
  readonly sizeBytes?: number;
}

async function open(others: Others): Promise<World> {
  const folder = await openTemporaryFolder('along');
  const clock = new FakeClock();
  const store = await openTestStore({ folder: folder.path }, { clock });
  const [asked, blamed]: [string[], string[]] = [[], []];
  let sourceNumber = 0;
  const fetchFrom = (knownPieces: number): FleetFetch => {
    const source = others.sources[sourceNumber];
    const about = {
      fetchId: others.fetchId?.() ?? 'f',
      fetcher: 'fetcher',
      sizeBytes: others.sizeBytes ?? BLOB.length,
      isOfRepository: true,
    };
    const hashes = others.hashes.subarray(knownPieces * HASH_BYTES);
    return source === undefined ? { ...about, hashes } : { ...about, hashes, source: peer(source) };
  };
  const link = new FakeLink({
    'cache.lease': ({ reads }): Result<'cache.lease'> => {
      if (reads?.lost !== undefined && reads.lost === others.sources[sourceNumber]) sourceNumber += 1;
      const state = others.isTurn?.() === true ? 'turn' : 'wait';
      return reads === undefined ? { state } : { state, fetch: fetchFrom(reads.knownPieces) };
    },
    'cache.offer': ({ firstPiece, hashes }) => ({ knownPieces: firstPiece + hashes.byteLength / HASH_BYTES }),
    'cache.unlease': () => ({}),
    'blob.stat': () => ({}),
    'blob.add': () => ({}),
  });
  const leaves = {
    serve: () => undefined,
    fetch: async ({ nodeId }: Peer, { leafIndex }: Leaf) => {
      asked.push(`${nodeId}:${leafIndex}`);
      const bytes = others.hosts[nodeId];
      if (bytes === undefined) throw new AppError('blob_unavailable', 'not there', { detail: { reason: 'not_here' } });
      return bytes.subarray(leafIndex * LEAF_BYTES, (leafIndex + 1) * LEAF_BYTES);
    },
    blame: (nodeId: string) => void blamed.push(nodeId),
  };
  const fetches = new BlobFetches({
    clock,
    log: silentLogger,
    link,
    leaves,
    known: { rememberBlob: () => undefined },
    store: store.arriving,
    blobs: store.blobs,
    locks: new DigestLocks(),
    onAdopted: () => undefined,
    onReceived: () => undefined,
  });
  const origin = others.upstream ?? { open: () => Promise.reject(new Error('the upstream is not to be asked')) };
  return {
    clock,
    store,
    link,
    fetches,
    asked,
    blamed,
    start: async () => {
      const turn = await fetches.turn(DIGEST, REPOSITORY, never);
      assert.ok(turn.type !== 'held');
      return fetches.start(DIGEST, REPOSITORY, { origin, turn });
    },
    [Symbol.asyncDispose]: async () => {
      await fetches[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Reads as a client does, while time passes. @returns what came, and why no more did. */
async function readAll(
  world: World,
  fetch: BlobFetch,
  onBytes: (bytes: number) => void = () => undefined,
  stepMs?: () => number,
): Promise<{ readonly bytes: Buffer; readonly failure: unknown }> {
  const chunks: Buffer[] = [];
  let failure: unknown;
  let isOver = false;
  const reading = (async () => {
    const reader = await fetch.join(never);
    assert.ok(reader !== undefined);
    try {
      for (let position = 0; ;) {
        const target = new Uint8Array(50_000);
        const count = await reader.read(target, position, never);
        if (count === 0) return;
        chunks.push(Buffer.from(target.subarray(0, count)));
        position += count;
        onBytes(position);
      }
    } finally {
      await reader[Symbol.asyncDispose]();
    }
  })();
  reading.then(
    () => (isOver = true),
    (error: unknown) => {
      failure = error;
      isOver = true;
    },
  );
  await passTime(world, () => isOver, stepMs);
  return { bytes: Buffer.concat(chunks), failure };
}

async function passTime({ clock }: World, isOver: () => boolean, stepMs = (): number => 50): Promise<void> {
  await eventually({ what: 'the end', intervalMs: 1 }, async () => {
    await clock.advance(stepMs());
    return isOver();
  });
}

test('A member that gives wrong bytes is found out at their piece, and the rest comes from another', async () => {
  const hosts = { liar: flipped(5 * LEAF_BYTES + 7), honest: BLOB };
  await using world = await open({ hosts, hashes: hashesOf(BLOB), sources: ['liar', 'honest'] });

  const { bytes, failure } = await readAll(world, await world.start());

  assert.equal(failure, undefined);
  assert.ok(bytes.equals(BLOB));
  assert.deepEqual(world.blamed, ['liar']);
  assert.ok(world.asked.includes('honest:5') && !world.asked.includes('honest:4'), 'what was right is kept');
});

test('When the host that fetches lies, nobody gets the end of it, nothing is kept, and the next time the upstream is asked', async () => {
  const lie = flipped(1_000_000);
  await using world = await open({ hosts: { fetcher: lie }, hashes: hashesOf(lie), sources: ['fetcher'] });
  const fetch = await world.start();

  const { bytes, failure } = await readAll(world, fetch);
  await passTime(world, () => fetch.isOver);

  assert.ok(isAppError(failure, 'digest_mismatch'));
  assert.ok(bytes.length < BLOB.length);
  assert.equal(await world.store.blobs.stat(DIGEST), undefined);
  assert.deepEqual(await world.fetches.turn(DIGEST, REPOSITORY, never), { type: 'alone' });
});

test('Hosts whose pieces all differ from what the one that fetches says end the fetch, since nobody knows who is right', async () => {
  const hosts = { one: flipped(0), two: flipped(1), three: flipped(2), four: BLOB };
  await using world = await open({ hosts, hashes: hashesOf(BLOB), sources: Object.keys(hosts) });

  const { bytes, failure } = await readAll(world, await world.start());

  assert.ok(isAppError(failure, 'digest_mismatch'));
  assert.equal(bytes.length, 0);
});

test('Nothing is asked for before its hash is known, and a host that has nothing more is left for another', async () => {
  const hosts = { gone: undefined, other: BLOB };
  await using world = await open({ hosts, hashes: hashesOf(BLOB, 3), sources: ['gone', 'other'] });
  const fetch = await world.start();
  const reader = await fetch.join(never);
  assert.ok(reader !== undefined);
  const target = new Uint8Array(LEAF_BYTES);

  let got = 0;
  const reading = reader.read(target, 2 * LEAF_BYTES, never).then((count) => (got = count));
  await passTime(world, () => got > 0);
  await reading;

  assert.ok(target.subarray(0, got).every((byte, at) => byte === BLOB[2 * LEAF_BYTES + at]));
  assert.ok(
    world.asked.every((each) => Number(each.split(':')[1]) < 3),
    world.asked.join(' '),
  );
  await reader[Symbol.asyncDispose]();
});

test('Readers to which nothing more comes ask the upstream for the rest after a minute, and their host does so alone for a while', async () => {
  const silent = { hosts: { fetcher: BLOB.subarray(0, 3 * LEAF_BYTES), mute: undefined }, hashes: hashesOf(BLOB, 3) };
  const allSaid = { ...silent, hashes: hashesOf(BLOB) };
  for (const { others, fromByte } of [
    { others: { ...silent, sources: [] }, fromByte: 0 },
    { others: { ...silent, sources: ['fetcher'] }, fromByte: 3 * LEAF_BYTES },
    { others: { ...allSaid, sources: ['mute', 'mute', 'mute', 'mute', 'mute'] }, fromByte: 0 },
    { others: { ...allSaid, sources: ['fetcher'] }, fromByte: 3 * LEAF_BYTES },
  ]) {
    const firstBytes: number[] = [];
    const upstream = upstreamOf(BLOB, firstBytes);
    await using world = await open({ ...others, upstream });
    const fetch = await world.start();

    let gotBytes = 0;
    // What the others have comes first, however slow this machine is; then time runs.
    const [note, stepMs] = [(got: number) => void (gotBytes = got), () => (gotBytes < fromByte ? 1 : 250)];
    const { bytes, failure } = await readAll(world, fetch, note, stepMs);
    await passTime(world, () => fetch.isOver);

    assert.ok(bytes.equals(BLOB), String(failure));
    assert.deepEqual(firstBytes, [fromByte]);
    assert.deepEqual(await world.fetches.turn(DIGEST, REPOSITORY, never), { type: 'alone' });
  }
});

test('What a fetcher lied about in size does not outlast it: who leaves it takes the size of the upstream', async () => {
  const upstream = upstreamOf(BLOB, []);
  const others = { hosts: {}, hashes: new Uint8Array(), sources: [], sizeBytes: BLOB.length + 5, upstream };
  await using world = await open(others);

  const { bytes, failure } = await readAll(world, await world.start());

  assert.ok(bytes.equals(BLOB), String(failure));
});

test('A small blob that does not come soon is told of all the same, so that the others know that it is on its way', async () => {
  const small = BLOB.subarray(0, LEAF_BYTES + 1);
  let openGate: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (openGate = resolve));
  async function* body(): AsyncGenerator<Uint8Array> {
    await gate;
    yield small;
  }
  const upstream: BlobOrigin = {
    open: async () => ({ sizeBytes: small.length, firstByte: 0, body: chunkedBody(body()) }),
  };
  await using world = await open({ hosts: {}, hashes: new Uint8Array(), sources: [] });
  const fetch = world.fetches.start(digestOf(small), REPOSITORY, { origin: upstream, turn: { type: 'fetch' } });
  const isTold = (): boolean => world.link.calls.some(({ method }) => method === 'cache.offer');
  const reader = await fetch.join(never);

  for (let at = 0; at < 4000; at += 250) await world.clock.advance(250);
  assert.equal(isTold(), false);
  await passTime(world, isTold);

  openGate();
  await passTime(world, () => fetch.isOver);
  await reader?.[Symbol.asyncDispose]();
});

test('A host that begins a fetch anew again and again fails its readers twice, not for ever', async () => {
  let fetchNumber = 0;
  const hosts = { fetcher: BLOB.subarray(0, 3 * LEAF_BYTES) };
  const lie = { hosts, hashes: hashesOf(BLOB, 3), sources: ['fetcher'], fetchId: () => `f${fetchNumber}` };
  await using world = await open(lie);

  for (let time = 1; time <= 2; time += 1) {
    const fetch = await world.start();
    const { bytes, failure } = await readAll(world, fetch, (got) => {
      if (got === 3 * LEAF_BYTES) fetchNumber += 1;
    });
    await passTime(world, () => fetch.isOver);
    assert.ok(isAppError(failure, 'blob_unavailable'), String(failure));
    assert.equal(bytes.length, 3 * LEAF_BYTES);
    const turn = await world.fetches.turn(DIGEST, REPOSITORY, never);
    assert.equal(
      turn.type,
      time === 1 ? 'read' : 'alone',
      'a host that goes in the middle is no reason to leave the others',
    );
  }
});

test('Who takes over asks the upstream for the rest alone, and compares what the other had said of it', async () => {
  for (const outcome of ['as was said', 'otherwise'] as const) {
    const sent = outcome === 'otherwise' ? flipped(4 * LEAF_BYTES) : BLOB;
    const firstBytes: number[] = [];
    const upstream: BlobOrigin = {
      open: async (fromByte) => {
        firstBytes.push(fromByte);
        const body = [sent.subarray(fromByte)];
        return { sizeBytes: BLOB.length, firstByte: fromByte, body: asBody(body) };
      },
    };
    // The host has three pieces, and said the hashes of six.
    const half = { hosts: { fetcher: BLOB.subarray(0, 3 * LEAF_BYTES) }, hashes: hashesOf(BLOB, 6) };
    let isTurn = false;
    await using world = await open({ ...half, sources: ['fetcher'], isTurn: () => isTurn, upstream });
    const fetch = await world.start();

    const { bytes, failure } = await readAll(world, fetch, (got) => (isTurn ||= got >= 3 * LEAF_BYTES));
    await passTime(world, () => fetch.isOver);

    assert.ok(
      firstBytes.length === 1 && firstBytes[0] === 3 * LEAF_BYTES,
      `asked from ${firstBytes.join(' ')}: ${String(failure)} ${bytes.length} ${isTurn}`,
    );
    const ends = world.link.calls.filter(({ method }) => method === 'cache.unlease').map(({ params }) => params);
    if (outcome === 'as was said') {
      assert.ok(bytes.equals(BLOB), String(failure));
      assert.deepEqual(ends, [{ digest: DIGEST }]);
    } else {
      assert.ok(isAppError(failure, 'digest_mismatch'));
      assert.ok(bytes.length <= 4 * LEAF_BYTES);
      assert.deepEqual(ends, [{ digest: DIGEST, isWrong: true }]);
    }
  }
});

function upstreamOf(blob: Buffer, firstBytes: number[]): BlobOrigin {
  return {
    open: async (fromByte) => {
      firstBytes.push(fromByte);
      return { sizeBytes: blob.length, firstByte: fromByte, body: asBody([blob.subarray(fromByte)]) };
    },
  };
}

function asBody(chunks: readonly Uint8Array[]): Body {
  return chunkedBody(Readable.from(chunks));
}

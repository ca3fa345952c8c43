import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bitfield } from '../../../shared/pieces/bitfield.ts';
import { pieceCount } from '../../../shared/pieces/piece-table.ts';
import { eventually } from '../../support/eventually.ts';
import { publish, type TestBlob } from '../../support/pull-blob.ts';
import { silentHolder, startScriptedPeer, type PeerScript } from '../../support/scripted-peer.ts';
import { SwarmFleet, type SwarmNode } from '../../support/swarm-fleet.ts';

const MIB = 1024 * 1024;
/** Far enough for pieces to be foretold. */
const ROUND_TRIP_MS = 30;
/** So that the answer to a ping is known before the first piece. */
const FIRST_PIECE_MS = 2 * ROUND_TRIP_MS;
const { signal } = new AbortController();

function pieceOf({ bytes, table }: TestBlob, pieceIndex: number): Buffer {
  return bytes.subarray(pieceIndex * table.pieceBytes, (pieceIndex + 1) * table.pieceBytes);
}

/** Has the blob, far away. @param send what it sends for a piece. */
async function farHolder(fleet: SwarmFleet, blob: TestBlob, send = (piece: Buffer) => piece) {
  const script: PeerScript = (frame, wire) => {
    if (frame.type !== 'request') return silentHolder(frame, wire);
    const { pieceIndex } = frame;
    setTimeout(() => wire.data({ channel: 1, pieceIndex, offset: 0 }, send(pieceOf(blob, pieceIndex))), FIRST_PIECE_MS);
    return [];
  };
  const far = await startScriptedPeer(fleet.identity, { nodeId: 'far', script, roundTripMs: ROUND_TRIP_MS });
  fleet.hold(blob.digest, far.peer);
  return far;
}

/** Has nothing, and asks at once for every piece that it hears of, or for none. */
async function listener(fleet: SwarmFleet, blob: TestBlob, how: 'asks' | 'waits') {
  const known = new Set<number>();
  const asked: number[] = [];
  const rejected: number[] = [];
  const got = new Map<number, Buffer>();
  const script: PeerScript = (frame) => {
    if (frame.type === 'open-channel') {
      const bits = new Bitfield(pieceCount(blob.table)).toBytes();
      return [
        { ...frame, channel: 1 },
        { type: 'bitfield', channel: 1, bits },
      ];
    }
    if (frame.type === 'reject') {
      rejected.push(frame.pieceIndex);
      known.delete(frame.pieceIndex);
    }
    if (frame.type !== 'have') return [];
    const pieces = frame.runs.flatMap(({ first, count }) => Array.from({ length: count }, (_, at) => first + at));
    for (const piece of pieces) known.add(piece);
    if (how === 'waits') return [];
    asked.push(...pieces);
    return pieces.map((pieceIndex) => ({ type: 'request', channel: 1, pieceIndex }));
  };
  const onData = ({ pieceIndex }: { pieceIndex: number }, bytes: Uint8Array): void => {
    got.set(pieceIndex, Buffer.concat([got.get(pieceIndex) ?? Buffer.alloc(0), bytes]));
  };
  const peer = await startScriptedPeer(fleet.identity, { nodeId: how, script, onData });
  fleet.hold(blob.digest, peer.peer);
  return { peer, known, asked, rejected, got };
}

/** A blob that some node would have, were it asked. */
async function blobOf(fleet: SwarmFleet, seed: string) {
  const spare = await fleet.start('spare');
  const blob = publish(fleet, spare, { seed, sizeBytes: MIB });
  fleet.forget(blob.digest, 'spare');
  return { blob, spare };
}

/** No piece is checked until the function that it returns is called. */
function holdChecks({ store }: SwarmNode): () => void {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  store.beforeWrite = () => held;
  return release;
}

test('Where the way is long a piece is told of before it was checked, and sent to who asked when it is', async () => {
  await using fleet = await SwarmFleet.open();
  const { blob } = await blobOf(fleet, 'foretold');
  await using far = await farHolder(fleet, blob);
  const { peer, asked, got } = await listener(fleet, blob, 'asks');
  await using _asker = peer;
  const middle = await fleet.start('middle');
  const check = holdChecks(middle);

  const replicated = middle.swarm.replicate(blob, signal);
  await eventually({ what: 'a piece to be foretold' }, () => asked.length > 0);
  assert.equal(got.size, 0, 'nothing was checked');
  assert.ok(far.heard.includes('request'));

  check();
  await replicated;
  const count = pieceCount(blob.table);
  await eventually({ what: 'all pieces' }, () => got.size === count && [...got.values()].every(isWhole));
  for (const [pieceIndex, bytes] of got) assert.ok(bytes.equals(pieceOf(blob, pieceIndex)));
  assert.equal(new Set(asked).size, count, 'each was told of');

  function isWhole(piece: Buffer): boolean {
    return piece.length === blob.table.pieceBytes;
  }
});

test('A foretold piece that turns out to be wrong is refused to who asked, and told of anew when it is here', async () => {
  await using fleet = await SwarmFleet.open();
  const { blob, spare } = await blobOf(fleet, 'wrong');
  await using _far = await farHolder(fleet, blob, (piece) => Buffer.from(piece.map((byte) => byte ^ 1)));
  const { peer, asked, rejected, got } = await listener(fleet, blob, 'asks');
  await using _asker = peer;
  const other = await listener(fleet, blob, 'waits');
  await using _other = other.peer;
  const middle = await fleet.start('middle');
  const check = holdChecks(middle);

  const replicated = middle.swarm.replicate(blob, signal);
  await eventually({ what: 'a piece to be foretold to both' }, () => asked.length > 0 && other.known.size > 0);
  const [first = -1] = asked;
  check();
  await eventually({ what: 'the piece to be refused' }, () => rejected.includes(first));
  await eventually({ what: 'nobody to believe in a piece' }, () => other.known.size === 0);
  assert.equal(got.size, 0);

  fleet.hold(blob.digest, fleet.peerOf(spare));
  await replicated;
  await eventually({ what: 'the right piece' }, () => got.get(first)?.length === blob.table.pieceBytes);
  assert.ok(got.get(first)?.equals(pieceOf(blob, first)));
});

test('A foretold piece that is not checked for long is refused to who waits for it, and told of anew when it is', async () => {
  await using fleet = await SwarmFleet.open();
  const { blob } = await blobOf(fleet, 'slow disk');
  await using _far = await farHolder(fleet, blob);
  const { peer, asked, rejected, got } = await listener(fleet, blob, 'asks');
  await using _asker = peer;
  const middle = await fleet.start('middle');
  const check = holdChecks(middle);

  const replicated = middle.swarm.replicate(blob, signal);
  await eventually({ what: 'a piece to be refused' }, () => rejected.length > 0);
  assert.ok(asked.includes(rejected[0] ?? -1));
  assert.equal(got.size, 0);

  check();
  await replicated;
  await eventually({ what: 'all pieces' }, () => got.size === pieceCount(blob.table));
});

test('When a download is given up between, whoever waits for a foretold piece hears that there is nothing', async () => {
  await using fleet = await SwarmFleet.open();
  const { blob } = await blobOf(fleet, 'given up');
  await using _far = await farHolder(fleet, blob);
  const { peer, asked, got } = await listener(fleet, blob, 'asks');
  await using _asker = peer;
  const middle = await fleet.start('middle');
  const check = holdChecks(middle);
  const given = new AbortController();

  const replicated = middle.swarm.replicate(blob, given.signal);
  await eventually({ what: 'a piece to be foretold' }, () => asked.length > 0);
  given.abort(new Error('given up'));
  await assert.rejects(replicated, /given up/);
  check();
  await middle.swarm[Symbol.asyncDispose]();

  await eventually({ what: 'the channel to be closed' }, () => peer.heard.some(isEnd));
  assert.equal(got.size, 0);

  function isEnd(type: string): boolean {
    return type === 'close-channel' || type === 'reject' || type === 'goodbye';
  }
});

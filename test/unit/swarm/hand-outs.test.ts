import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { digestOf, type Digest } from '../../../shared/oci/digest.ts';
import { HandOuts, type HandOutChannel } from '../../../node/swarm/scheduler/hand-outs.ts';
import { HAND_OUT_PLACES } from '../../../node/swarm/scheduler/piece-hand-out.ts';
import { PieceSet } from '../../../node/swarm/scheduler/piece-set.ts';

const PIECE_BYTES = 128 * 1024;
const PIECES = 20;

interface Channel extends HandOutChannel {
  remoteHas: PieceSet | undefined;
  readonly name: string;
}

interface Given {
  readonly channel: Channel;
  readonly pieceIndex: number;
}

/** A node that hands out `blobs` blobs to `nodes` nodes, each over one connection. */
function seeder(nodes: number, blobs: number) {
  const underway: Given[] = [];
  const offers: string[] = [];
  const outs = new HandOuts<Channel>({
    give: (channel, pieceIndex) => underway.push({ channel, pieceIndex }) > 0,
    offer: (channel, { credits, isPassOver }) => void offers.push(`${channel.name} ${credits} ${isPassOver}`),
  });
  const channels: Channel[] = [];
  for (let node = 0; node < nodes; node += 1) {
    const connection = { node };
    for (let blob = 0; blob < blobs; blob += 1) {
      const digest: Digest = digestOf(Buffer.from(`blob ${blob}`));
      const cut = { sizeBytes: PIECES * PIECE_BYTES, pieceBytes: PIECE_BYTES };
      const name = `node ${node} blob ${blob}`;
      const channel = { connection, digest, cut, name, remoteHas: new PieceSet(PIECES), isHandOut: false };
      channels.push(channel);
      outs.joined(channel);
    }
  }
  return { outs, channels, underway, offers };
}

test('Among many nodes each gets one piece at a time, however many blobs it asks for', () => {
  const { outs, channels, underway } = seeder(20, 3);

  for (const channel of channels) outs.asked(channel);

  assert.equal(underway.length, HAND_OUT_PLACES);
  assert.equal(new Set(underway.map(({ channel }) => channel.connection)).size, HAND_OUT_PLACES);
});

test('A piece that went out and was not taken is given again for the next credit, also after the first pass', () => {
  const { outs, channels, underway } = seeder(1, 1);
  const [channel] = channels;
  assert.ok(channel !== undefined);
  for (let piece = 0; piece < PIECES; piece += 1) {
    outs.asked(channel);
    outs.served({ connection: channel.connection, channel }, piece, true);
    if (piece !== 7) outs.has(channel, piece);
  }
  outs.asked(channel);
  assert.equal(underway.length, PIECES);

  outs.refused(channel, 3);
  assert.equal(underway.length, PIECES, 'it has that one');
  outs.refused(channel, 7);

  assert.deepEqual(
    underway.slice(PIECES).map(({ pieceIndex }) => pieceIndex),
    [7],
  );
});

test('Who has pieces and does not say so gets all the others, though it takes none of those that it has', () => {
  const { outs, channels, underway } = seeder(1, 1);
  const [channel] = channels;
  assert.ok(channel !== undefined);
  for (let credit = 0; credit < 10 * PIECES; credit += 1) {
    const count = underway.length;
    outs.asked(channel);
    const given = underway.slice(count);
    for (const { pieceIndex } of given) {
      outs.served({ connection: channel.connection, channel }, pieceIndex, true);
      if (pieceIndex < 5) outs.refused(channel, pieceIndex);
      else outs.has(channel, pieceIndex);
    }
  }

  assert.equal(new Set(underway.map(({ pieceIndex }) => pieceIndex)).size, PIECES);
  assert.equal(underway.length, 1.3 * PIECES);
});

test('Among few nodes no node has more than two pieces under way', () => {
  const { outs, channels, underway } = seeder(3, 3);

  for (const channel of channels) outs.asked(channel);

  assert.deepEqual(
    underway.map(({ channel }) => channel.connection),
    [0, 0, 1, 1, 2, 2].map((node) => ({ node })),
  );
});

test('A lone node gets all the places, of all its blobs', () => {
  const { outs, channels, underway } = seeder(1, 2);

  for (let turn = 0; turn < PIECES; turn += 1) for (const channel of channels) outs.asked(channel);

  assert.equal(underway.length, HAND_OUT_PLACES);
  assert.equal(new Set(underway.map(({ channel }) => channel.digest)).size, 2);
});

test('Every channel is told what it may ask for, and again when every piece was given once', () => {
  const { outs, channels, underway, offers } = seeder(2, 1);
  assert.deepEqual(
    new Set(offers),
    new Set(['node 0 blob 0 64 false', 'node 0 blob 0 2 false', 'node 1 blob 0 2 false']),
  );

  for (let turn = 0; turn < PIECES; turn += 1) {
    for (const channel of channels) outs.asked(channel);
    for (const { channel, pieceIndex } of underway.splice(0)) {
      outs.served({ connection: channel.connection, channel }, pieceIndex, true);
    }
  }

  assert.deepEqual(offers.slice(-2).sort(), ['node 0 blob 0 2 true', 'node 1 blob 0 2 true']);
});

test('Whatever nodes do, places are bounded, each blob goes out once before twice, and 1.3 times at most', () => {
  const step = fc.record({ what: fc.nat(5), at: fc.nat(11) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const { outs, channels, underway } = seeder(4, 3);
      const counts = new Map<string, number>();
      let seen = 0;
      for (const { what, at } of steps) {
        const channel = channels[at];
        if (channel === undefined) continue;
        if (what <= 2) outs.asked(channel);
        else if (what === 3) {
          const given = underway.splice(at % Math.max(1, underway.length), 1)[0];
          if (given === undefined) continue;
          seen -= 1;
          given.channel.remoteHas?.add(given.pieceIndex);
          outs.served({ connection: given.channel.connection, channel: given.channel }, given.pieceIndex, true);
          outs.has(given.channel, given.pieceIndex);
        } else outs.tick();
        assert.ok(underway.length <= HAND_OUT_PLACES, 'more under way than there are places');
        for (const { channel: to, pieceIndex } of underway.slice(seen)) {
          const key = `${to.digest} ${pieceIndex}`;
          counts.set(key, (counts.get(key) ?? 0) + 1);
          const ofBlob = [...counts].filter(([each]) => each.startsWith(to.digest));
          const isTwice = ofBlob.some(([, count]) => count > 1);
          assert.ok(!isTwice || ofBlob.length === PIECES, 'a piece twice before each once');
          const sum = ofBlob.reduce((total, [, count]) => total + count, 0);
          assert.ok(sum <= PIECES * 1.3, 'more than 1.3 copies');
        }
        seen = underway.length;
      }
    }),
  );
});

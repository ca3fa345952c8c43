import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Deliveries } from '../../../node/swarm/scheduler/deliveries.ts';

interface Peer {
  readonly name: string;
}

function started() {
  const served: string[] = [];
  const deliveries = new Deliveries<Peer>({ served: (peer, piece) => void served.push(`${peer.name} ${piece}`) });
  return { served, deliveries };
}

test('Over a slow link eight pieces are ahead, and each that is told of lets another go', () => {
  const { served, deliveries } = started();
  const peer = { name: 'slow' };
  for (let piece = 0; piece < 12; piece += 1) deliveries.taken(peer, piece, 0);
  assert.equal(served.length, 8);

  deliveries.has(peer, 0, 1000);
  deliveries.has(peer, 1, 2000);

  assert.deepEqual(served.slice(8), ['slow 8', 'slow 9']);
});

test('A piece that is told of while it holds a place frees that place', () => {
  const { served, deliveries } = started();
  const peer = { name: 'a' };
  for (let piece = 0; piece < 10; piece += 1) deliveries.taken(peer, piece, 0);

  deliveries.has(peer, 9, 1000);

  assert.deepEqual(served.slice(8), ['a 9']);
});

test('Where pieces arrive at once many are ahead', () => {
  const { served, deliveries } = started();
  const peer = { name: 'fast' };
  for (let piece = 0; piece < 100; piece += 1) {
    deliveries.taken(peer, piece, piece);
    deliveries.has(peer, piece, piece + 1);
  }

  for (let piece = 100; piece < 200; piece += 1) deliveries.taken(peer, piece, 200);

  assert.equal(served.length, 200);
});

test('What a peer never tells of is given up after half a minute', () => {
  const { served, deliveries } = started();
  const peer = { name: 'silent' };
  for (let piece = 0; piece < 20; piece += 1) deliveries.taken(peer, piece, 0);

  deliveries.tick(30_000);
  assert.equal(served.length, 8);
  deliveries.tick(30_001);

  assert.equal(served.length, 20);
});

test('A peer that tells of nothing lets another piece go when it asks for one more', () => {
  const { served, deliveries } = started();
  const peer = { name: 'mute' };
  for (let piece = 0; piece < 12; piece += 1) deliveries.taken(peer, piece, 0);

  deliveries.askedAgain(peer);
  deliveries.askedAgain(peer);
  deliveries.askedAgain({ name: 'nobody' });

  assert.deepEqual(served.slice(8), ['mute 8', 'mute 9']);
});

test('A piece that its peer does not take holds no place, and is not waited for', () => {
  const { served, deliveries } = started();
  const peer = { name: 'choosy' };
  for (let piece = 0; piece < 12; piece += 1) deliveries.taken(peer, piece, 0);

  deliveries.refused(peer, 11);
  deliveries.refused(peer, 0);
  deliveries.refused(peer, 30);

  assert.deepEqual(served.slice(8), ['choosy 11', 'choosy 8']);
});

test('Whatever happens in whatever order, each piece is served once, here or by the caller of a channel that left', () => {
  const event = fc.record({
    type: fc.constantFrom('taken', 'has', 'left', 'tick'),
    peer: fc.nat(2),
    piece: fc.nat(30),
    waitMs: fc.nat(20_000),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      const { served, deliveries } = started();
      const peers = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];
      const taken: string[] = [];
      const busy = new Set<string>();
      let nowMs = 0;
      for (const { type, peer: at, piece, waitMs } of events) {
        nowMs += waitMs;
        const peer = peers[at] ?? { name: 'never' };
        const name = `${peer.name} ${piece}`;
        if (type === 'taken' && !busy.has(name)) {
          busy.add(name);
          taken.push(name);
          deliveries.taken(peer, piece, nowMs);
        } else if (type === 'has') {
          busy.delete(name);
          deliveries.has(peer, piece, nowMs);
        } else if (type === 'left') {
          for (const each of busy) if (each.startsWith(peer.name)) busy.delete(each);
          served.push(...deliveries.left(peer).map((gone) => `${peer.name} ${gone}`));
        } else if (type === 'tick') {
          deliveries.tick(nowMs);
        }
      }
      deliveries.tick(nowMs + 30_001);
      assert.deepEqual([...served].sort(), [...taken].sort());
    }),
  );
});

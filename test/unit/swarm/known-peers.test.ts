import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Peer } from '../../../shared/protocol/peer-shape.ts';
import { silentLogger as log } from '../../../shared/runtime/log.ts';
import { KnownPeers } from '../../../node/swarm/known-peers.ts';
import { FakeClock } from '../../support/fake-clock.ts';

test('The latest peers come first, 256 at most, and are kept over a restart', async () => {
  const { memory, known } = await openKnown();
  known.note(Array.from({ length: 300 }, (_, at) => peer(`n-${at}`)));
  known.note([peer('n-100')]);
  await known[Symbol.asyncDispose]();

  const again = await openKnown(memory.kept);

  const names = again.known.list().map(({ nodeId }) => nodeId);
  assert.equal(names.length, 256);
  assert.deepEqual(names.slice(0, 3), ['n-100', 'n-299', 'n-298']);
  assert.ok(!names.includes('n-0'));
});

test('Changes are written once for all of a second, and nothing is written when nothing changed', async () => {
  const { memory, known, clock } = await openKnown();

  known.note([peer('a')]);
  known.note([peer('b')]);
  await clock.advance(1000);
  known.note([peer('a'), peer('b')]);
  await clock.advance(5000);

  assert.equal(memory.saves, 1);
});

test('A node that says where it may be dialled stays an origin, and one that was removed is forgotten', async () => {
  const { known } = await openKnown([{ ...peer('a'), isOrigin: true }, peer('b')]);

  known.noteConnected({ nodeId: 'a', address: '10.0.0.9:1', zone: undefined });
  known.forget(['b']);

  assert.deepEqual(known.list(), [{ nodeId: 'a', address: '10.0.0.9:1', isOrigin: true }]);
});

function peer(nodeId: string): Peer {
  return { nodeId, address: '10.0.0.1:5110', isOrigin: false };
}

async function openKnown(kept: readonly Peer[] = []) {
  const clock = new FakeClock();
  const memory = {
    kept,
    saves: 0,
    load: async () => memory.kept,
    save: async (peers: readonly Peer[]) => {
      memory.kept = peers;
      memory.saves += 1;
    },
  };
  return { memory, clock, known: await KnownPeers.open({ clock, log, memory }) };
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_STABLE_NODES, RendezvousDesk } from '../../../coordinator/hyperswarm/rendezvous-desk.ts';
import { MAX_BOOTSTRAP } from '../../../shared/protocol/rendezvous.ts';

const own = ['10.0.0.1:5120', '10.0.0.1:5121', '10.0.0.1:5122', '10.0.0.1:5123'];
const topic = 'ab'.repeat(32);

function keyOf(name: string): string {
  return Buffer.from(name.padEnd(32)).toString('hex');
}

function joined(desk: RendezvousDesk, name: string, atMs: number, udpAddress?: string): boolean {
  return desk.join(name, { noiseKey: keyOf(name), udpAddress }, atMs).isListChanged;
}

test('Nodes are named beside the coordinator when they serve the DHT, the oldest first and not too many', () => {
  const desk = new RendezvousDesk({ bootstrap: own, topic });
  for (let at = 0; at < 20; at += 1) joined(desk, `n${at}`, 100 - at, `10.0.1.${at}:5110`);
  joined(desk, 'behind-a-nat', 0);

  const { bootstrap } = desk.describe();

  assert.deepEqual(bootstrap.slice(0, own.length), own);
  assert.deepEqual(
    bootstrap.slice(own.length),
    Array.from({ length: MAX_STABLE_NODES }, (_, at) => `10.0.1.${19 - at}:5110`),
  );
  assert.ok(bootstrap.length <= MAX_BOOTSTRAP);
});

test('Who is named stays named through a new session, and gives way when gone and there are others', () => {
  const desk = new RendezvousDesk({ bootstrap: own, topic });
  for (let at = 0; at < MAX_STABLE_NODES; at += 1) joined(desk, `n${at}`, at, `10.0.1.${at}:5110`);

  desk.left('n0');
  assert.ok(desk.bootstrap().includes('10.0.1.0:5110'));
  assert.equal(joined(desk, 'n0', 50, '10.0.1.0:5110'), false);
  desk.left('n0');

  assert.equal(joined(desk, 'other', 60, '10.0.2.1:5110'), true);
  assert.ok(!desk.bootstrap().includes('10.0.1.0:5110'));
});

test('A removed node is a member no more, and another cannot take its key away before', () => {
  const desk = new RendezvousDesk({ bootstrap: own, topic });
  joined(desk, 'a', 0);
  desk.join('thief', { noiseKey: keyOf('a'), udpAddress: undefined }, 1);

  desk.remove('thief');
  assert.equal(desk.isMember(keyOf('a')), true);
  desk.remove('a');

  assert.equal(desk.isMember(keyOf('a')), false);
  assert.deepEqual(desk.connected(), []);
});

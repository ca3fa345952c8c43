import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Peers, type PeersUser } from '../../../node/swarm/peers.ts';
import type { Transport } from '../../../node/swarm/transport.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const signal = new AbortController().signal;

/** Peers whose every dial fails at once, and where they dialled. */
function failingPeers() {
  const dialled: string[] = [];
  const transport: Transport = {
    name: 'tls',
    listen: () => Promise.reject(new Error('nobody listens here')),
    dial: ({ address }) => {
      dialled.push(address);
      return Promise.reject(new AppError('blob_unavailable', 'unreachable'));
    },
  };
  const nothing = (): undefined => undefined;
  const user: PeersUser = { opened: nothing, isBusy: () => false, closed: nothing, frame: nothing, data: nothing };
  const clock = new FakeClock();
  const deps = { clock, log: silentLogger, transport, random: () => 1, user, address: () => '10.0.0.9:5110' };
  return { clock, dialled, peers: new Peers(deps, { nodeId: 'me', fleetId: 'fleet' }) };
}

async function tryAt(peers: Peers, address: string): Promise<void> {
  await assert.rejects(peers.connect({ nodeId: 'other', address, isOrigin: false }, signal), {
    code: 'blob_unavailable',
  });
}

test('A node that failed is left alone, the longer the more often', async () => {
  const { clock, dialled, peers } = failingPeers();

  await tryAt(peers, '10.0.0.1:5110');
  await tryAt(peers, '10.0.0.1:5110');
  assert.equal(dialled.length, 1);
  await clock.advance(500);
  await tryAt(peers, '10.0.0.1:5110');
  await clock.advance(999);
  await tryAt(peers, '10.0.0.1:5110');

  assert.equal(dialled.length, 2);
  await peers[Symbol.asyncDispose]();
});

test('A node that says where else it is now is dialled there at once', async () => {
  const { clock, dialled, peers } = failingPeers();
  for (let failure = 0; failure < 5; failure += 1) {
    await tryAt(peers, '10.0.0.1:5110');
    await clock.advance(60_000);
  }
  await tryAt(peers, '10.0.0.1:5110');
  dialled.length = 0;

  await tryAt(peers, '10.0.0.2:5110');
  assert.deepEqual(dialled, ['10.0.0.2:5110']);
  await clock.advance(500);
  await tryAt(peers, '10.0.0.2:5110');

  assert.equal(dialled.length, 2, 'what failed elsewhere does not count there');
  await peers[Symbol.asyncDispose]();
});

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { PeerTransports } from '../../../node/swarm/peer-transports.ts';
import type { PeerStream, Transport } from '../../../node/swarm/transport.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const signal = AbortSignal.timeout(10_000);
const peer = { nodeId: 'b', address: '10.0.0.2:5110', noiseKey: 'ab'.repeat(32) };

function opened(transport: PeerStream['transport']): PeerStream {
  return { stream: new PassThrough(), nodeId: 'b', transport };
}

function transports() {
  const clock = new FakeClock();
  const dials: string[] = [];
  const state: { tls: 'up' | 'down' | 'another' } = { tls: 'up' };
  const tls: Transport = {
    name: 'tls',
    listen: async () => ({ address: '127.0.0.1:1', [Symbol.asyncDispose]: async () => undefined }),
    dial: async () => {
      dials.push('tls');
      if (state.tls === 'down') throw new AppError('blob_unavailable', 'no answer');
      if (state.tls === 'another') throw new AppError('identity_refused', 'another node lives there');
      return opened('tls');
    },
  };
  const both = new PeerTransports({ tls, clock, metrics: new Metrics() });
  both.attach({
    listen: () => undefined,
    refuse: () => undefined,
    dial: async () => {
      dials.push('hyperswarm');
      return opened('hyperswarm');
    },
  });
  return { both, clock, dials, state };
}

test('A peer that can be dialled over TLS is dialled over nothing else', async () => {
  const { both, dials } = transports();

  assert.equal((await both.dial(peer, signal)).transport, 'tls');
  assert.deepEqual(dials, ['tls']);
});

for (const tls of ['down', 'another'] as const) {
  test(`A peer is dialled by its key when its address is of no use: ${tls}`, async () => {
    const { both, dials, state } = transports();
    state.tls = tls;

    assert.equal((await both.dial(peer, signal)).transport, 'hyperswarm');
    assert.deepEqual(dials, ['tls', 'hyperswarm']);
  });
}

test('For a minute after TLS failed a peer is dialled by its key at once, then TLS is tried again', async () => {
  const { both, clock, dials, state } = transports();
  state.tls = 'down';
  await both.dial(peer, signal);
  dials.length = 0;

  await clock.advance(59_999);
  await both.dial(peer, signal);
  assert.deepEqual(dials, ['hyperswarm']);
  state.tls = 'up';
  await clock.advance(1);

  assert.equal((await both.dial(peer, signal)).transport, 'tls');
});

test('Without a key, or without hyperswarm, the failure of TLS is the failure of the dial', async () => {
  const { both, state } = transports();
  state.tls = 'down';

  await assert.rejects(both.dial({ nodeId: 'b', address: peer.address }, signal), { code: 'blob_unavailable' });
  both.attach(undefined);
  await assert.rejects(both.dial(peer, signal), { code: 'blob_unavailable' });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NeighbourKeeper } from '../../../node/swarm/neighbour-keeper.ts';
import type { PeerConnection } from '../../../node/swarm/peer-connection.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import type { NamedPeer } from '../../../shared/protocol/coordinator-methods.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const NAMES = ['far-1', 'far-2', 'connected-1', 'far-3', 'connected-2'];

test('Neighbours that are connected are used before others are dialled, which may take the processor for long', () => {
  const did: string[] = [];
  const keeper = new NeighbourKeeper(
    {
      clock: new FakeClock(),
      log: silentLogger,
      link: { isConnected: true },
      reports: { report: () => undefined },
      peers: {
        backoffLeftMs: () => 0,
        isRefused: () => false,
        get: (nodeId) => (nodeId.startsWith('connected') ? connectionTo(nodeId) : undefined),
        connect: ({ nodeId }) => {
          did.push(`dial ${nodeId}`);
          return new Promise(() => undefined);
        },
      },
      locateAgain: () => new Promise(() => undefined),
      use: ({ peerId }) => did.push(`use ${peerId}`),
      renamed: () => undefined,
    },
    { digest: digestOf(Buffer.from('a layer')) },
  );

  keeper.start(NAMES.map(neighbour));
  keeper.stop();

  assert.deepEqual(did, ['use connected-1', 'use connected-2', 'dial far-1', 'dial far-2', 'dial far-3']);
});

function neighbour(nodeId: string): NamedPeer {
  return { nodeId, address: '127.0.0.1:1', isOrigin: false };
}

function connectionTo(peerId: string): PeerConnection {
  // Only handed on.
  return { peerId } as PeerConnection;
}

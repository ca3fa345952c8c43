import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type HyperDHT from 'hyperdht';
import type { SecretStream } from 'hyperdht';
import { Relay, type RelayDeps } from '../../../coordinator/hyperswarm/relay.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A relay whose clients and their streams are the test's. */
async function openRelay(bytesPerSecond: number) {
  const clock = new FakeClock();
  let accept: (socket: SecretStream) => void = () => undefined;
  const sessions: EventEmitter[] = [];
  const packages = {
    blindRelay: {
      Server: class {
        readonly stats = { pairings: { pending: 0, active: 0 } };
        accept(): EventEmitter {
          sessions.push(new EventEmitter());
          return sessions.at(-1) as EventEmitter;
        }
      },
    },
  } as unknown as RelayDeps['packages'];
  const dht = {
    createServer: (_: unknown, onConnection: typeof accept) => {
      accept = onConnection;
      return { listen: async () => undefined };
    },
  } as unknown as HyperDHT;
  const keyPair = { publicKey: Buffer.alloc(32), secretKey: Buffer.alloc(64) };
  const relay = await Relay.open(
    { packages, dht, clock, log: silentLogger, isMember: () => true },
    { keyPair, maxPairs: 4, bytesPerSecond },
  );
  const paired = () => {
    const socket = Object.assign(new EventEmitter(), {
      remotePublicKey: Buffer.alloc(32, 1),
      destroyed: false,
      destroy,
    });
    function destroy(): void {
      socket.destroyed = true;
      socket.emit('close');
    }
    accept(socket as unknown as SecretStream);
    const stream = Object.assign(new EventEmitter(), { bytesReceived: 0 });
    const pair = (): boolean => sessions.at(-1)?.emit('pair', true, Buffer.alloc(32), stream, 1) ?? false;
    pair();
    return { socket, stream, pair };
  };
  return { clock, relay, paired };
}

test('A client that keeps to its rate goes on, and one that sends twice as much is cut off', async () => {
  const { clock, relay, paired } = await openRelay(1_000_000);
  await using _relay = relay;
  const [fair, greedy] = [paired(), paired()];

  for (let second = 0; second < 30; second += 1) {
    fair.stream.bytesReceived += 1_000_000;
    greedy.stream.bytesReceived += 2_000_000;
    await clock.advance(1000);
  }

  assert.deepEqual([fair.socket.destroyed, greedy.socket.destroyed, relay.clientCount], [false, true, 1]);
});

test('A client that wants a second pair on one connection is cut off', async () => {
  const { relay, paired } = await openRelay(1_000_000);
  await using _relay = relay;
  const client = paired();

  client.pair();

  assert.equal(client.socket.destroyed, true);
});

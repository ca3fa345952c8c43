// Leaves that go out to peers: what waits in front of a socket that takes nothing, or little at a time.

import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { ArrivingFrames } from '../../../node/swarm/arriving-frames.ts';
import { PeerConnection } from '../../../node/swarm/peer-connection.ts';
import { TransferLimiter } from '../../../node/swarm/transfer-limiter.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { LEAF_BYTES } from '../../../shared/pieces/piece-table.ts';
import { encodeFrame, PEER_PROTOCOL } from '../../../shared/protocol/peer-frames.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const DIGEST = digestOf(Buffer.from('of an upstream'));
const REQUESTS = 40;

/** A peer that said hello over a socket which takes what is written when the test says so, and the leaves that it is given. */
function connect() {
  const clock = new FakeClock();
  let take: (() => void) | undefined;
  let writtenBytes = 0;
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _, done) => {
      writtenBytes += chunk.byteLength;
      take = done;
    },
  });
  const limiter = () => new TransferLimiter({ clock }, { allBytesPerSecond: Infinity, farBytesPerSecond: Infinity });
  const frames = new ArrivingFrames({
    clock,
    log: silentLogger,
    metrics: {
      received: () => undefined,
      sent: () => undefined,
      piece: () => undefined,
      stalled: () => undefined,
      downloadEnded: () => undefined,
    },
    peers: {
      connect: () => Promise.reject(new AppError('blob_unavailable', 'nobody is asked')),
      offended: () => false,
    },
    reports: { report: () => undefined },
    limits: { up: limiter(), down: limiter() },
  });
  frames.serve({
    leaf: () => Promise.resolve(new Uint8Array(LEAF_BYTES)),
    settled: () => Promise.resolve(),
  });
  const connection = new PeerConnection(
    {
      opened: { stream, nodeId: 'peer', transport: 'tls' },
      clock,
      user: {
        frame: (from, frame) => {
          if (frame.type === 'arriving-request') frames.frame(from, frame);
        },
        data: () => undefined,
        closed: (from) => frames.closed(from),
      },
    },
    {
      nodeId: 'self',
      fleetId: 'fleet',
      role: 'acceptor',
      address: 'here:1',
      helloTimeoutMs: 1000,
      admit: () => undefined,
    },
  );
  connection.start();
  const hello = {
    type: 'hello',
    protocol: PEER_PROTOCOL,
    nodeId: 'peer',
    fleetId: 'fleet',
    address: 'there:1',
  } as const;
  stream.push(encodeFrame(hello));
  return {
    clock,
    connection,
    stream,
    /** Asks for leaves. */
    ask: (count: number) => {
      for (let request = 0; request < count; request += 1)
        stream.push(encodeFrame({ type: 'arriving-request', request, digest: DIGEST, leafIndex: request }));
    },
    written: () => writtenBytes,
    /** The socket takes what it was given. */
    takeUp: () => {
      const done = take;
      take = undefined;
      done?.();
    },
  };
}

test('Leaves wait for a socket that takes nothing, so that no more than one is in front of what else is said', async () => {
  const peer = connect();
  await peer.connection.ready;

  peer.ask(REQUESTS);
  await eventually({ what: 'the first leaf', intervalMs: 1 }, () => peer.stream.writableLength > LEAF_BYTES);
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));

  assert.ok(peer.stream.writableLength < 2 * LEAF_BYTES, `${peer.stream.writableLength} bytes wait`);
  assert.ok(peer.connection.isOpen);

  await eventually({ what: 'all leaves', intervalMs: 0 }, () => {
    peer.takeUp();
    return peer.written() > REQUESTS * LEAF_BYTES;
  });
  peer.connection.close('stopping');
  await peer.clock.advance(2000);
});

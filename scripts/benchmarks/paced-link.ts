// A line to a server that carries so many bytes in a second and no more, all connections together, and counts them: what stands
// between a fleet and a registry on the internet.

import { connect, createServer, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** Timers are late by milliseconds on a busy machine: so much may pass ahead of its time, and be made up for afterwards. */
const SLACK_MS = 20;

/** Dispose it to cut all connections. */
export interface PacedLink extends AsyncDisposable {
  readonly port: number;
  /** What the server sent so far, headers included. */
  receivedBytes(): number;
}

/** Listens on loopback and passes on to `port` there. @param options.bytesPerSecond of what comes from the server. */
export async function openPacedLink(options: {
  readonly port: number;
  readonly bytesPerSecond: number;
}): Promise<PacedLink> {
  const sockets = new Set<Socket>();
  const paced = new Pace(options.bytesPerSecond);
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port: options.port });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    const answers = new Transform({
      transform: (chunk: Buffer, _, done) => void paced.pass(chunk.length).then(() => done(null, chunk), done),
    });
    const cut = (): void => {
      near.destroy();
      far.destroy();
    };
    Promise.all([pipeline(near, far), pipeline(far, answers, near)]).catch(cut); // one end left, as clients do
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port');
  return {
    port: address.port,
    receivedBytes: () => paced.passedBytes,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Bytes pass one after the other, each when the line has carried those before. */
class Pace {
  readonly #bytesPerSecond: number;
  #freeAtMs = 0;
  passedBytes = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  async pass(bytes: number): Promise<void> {
    const nowMs = performance.now();
    this.passedBytes += bytes;
    this.#freeAtMs = Math.max(nowMs - SLACK_MS, this.#freeAtMs) + (bytes / this.#bytesPerSecond) * 1000;
    const aheadMs = this.#freeAtMs - nowMs;
    if (aheadMs > SLACK_MS) await pause(aheadMs);
  }
}

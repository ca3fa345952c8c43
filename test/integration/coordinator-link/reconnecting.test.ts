// When a node tries again: soon after a good session, later and later while it fails, and never waiting for ever.

import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { test } from 'node:test';
import { digestOf } from '../../../shared/oci/digest.ts';
import type { Clock } from '../../../shared/runtime/clock.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeTestFleet } from '../../support/fleet-identity.ts';
import { connected, next, startLink } from '../../support/session-link.ts';
import { startSessionServer, type SessionServer } from '../../support/session-server.ts';

const { signal } = new AbortController();
const digest = digestOf(Buffer.from('a blob'));

/** A clock that stands still, and tells how long the link wants to wait before its next attempt. */
class WaitingClock {
  readonly time = new FakeClock();
  readonly clock: Clock;
  readonly #waits: number[] = [];
  #wake: () => void = () => undefined;

  constructor() {
    const { time } = this;
    this.clock = {
      nowMs: () => time.nowMs(),
      wallMs: () => time.wallMs(),
      schedule: (ms, run) => time.schedule(ms, run),
      sleep: (ms, stop) => {
        this.#waits.push(ms);
        this.#wake();
        return time.sleep(ms, stop);
      },
    };
  }

  /** The next wait, as soon as it has begun. */
  async wait(): Promise<number> {
    for (;;) {
      const waitMs = this.#waits.shift();
      if (waitMs !== undefined) return waitMs;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Lets the next wait pass. @returns how long it was. */
  async passWait(): Promise<number> {
    const waitMs = await this.wait();
    await this.time.advance(waitMs);
    return waitMs;
  }
}

function cutAll(server: SessionServer): void {
  for (const socket of server.sockets) socket.terminate();
}

test('The first attempt after a good session comes at once, however many failed before it', async () => {
  await using fleet = await makeTestFleet();
  const waiting = new WaitingClock();
  const away = await startSessionServer(fleet);
  await away[Symbol.asyncDispose]();
  await using link = startLink(fleet, away.address, { clock: waiting.clock });
  const failedWaits = [await waiting.passWait(), await waiting.passWait(), await waiting.passWait()];
  const last = await waiting.wait();
  await using server = await startSessionServer(fleet, { port: away.port });
  const connecting = next(link, 'onConnected');
  await waiting.time.advance(last);
  await connecting;

  await waiting.time.advance(5_000);
  cutAll(server);

  assert.deepEqual([...failedWaits, last, await waiting.wait()], [250, 500, 1000, 2000, 250]);
});

test('Sessions that end as soon as they began make the waits longer', async () => {
  await using fleet = await makeTestFleet();
  await using server = await startSessionServer(fleet);
  const waiting = new WaitingClock();
  const waits: number[] = [];
  await using link = startLink(fleet, server.address, { clock: waiting.clock });
  await next(link, 'onConnected');

  while (waits.length < 4) {
    const again = next(link, 'onConnected');
    cutAll(server);
    waits.push(await waiting.passWait());
    await again;
  }

  assert.deepEqual(waits, [250, 500, 1000, 2000]);
});

test('A coordinator that takes the connection and says nothing is given up after ten seconds', async () => {
  await using fleet = await makeTestFleet();
  const waiting = new WaitingClock();
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => socket.destroy()));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = (): Promise<unknown> => new Promise((resolve) => server.once('connection', resolve));
  const first = accepted();
  await using _link = startLink(fleet, `127.0.0.1:${(server.address() as AddressInfo).port}`, waiting);
  await first;

  const second = accepted();
  await waiting.time.advance(10_000);
  const waitMs = await waiting.passWait();
  await second;

  assert.equal(waitMs, 250);
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('A coordinator that does not answer hello is given up after ten seconds', async () => {
  await using fleet = await makeTestFleet();
  const waiting = new WaitingClock();
  let onHello = (): void => undefined;
  const answers = {
    'session.hello': () => {
      onHello();
      return new Promise<never>(() => undefined);
    },
  };
  await using server = await startSessionServer(fleet, { answers });
  const heard = (): Promise<void> => new Promise((resolve) => (onHello = resolve));
  const first = heard();
  await using link = startLink(fleet, server.address, waiting);
  await first;

  const second = heard();
  await waiting.time.advance(10_000);
  const waitMs = await waiting.passWait();
  await second;

  assert.deepEqual([waitMs, link.isConnected], [250, false]);
});

test('Calls fail soon when the coordinator says that it goes and then falls silent', { timeout: 20_000 }, async () => {
  await using fleet = await makeTestFleet();
  const answers = { 'blob.stat': () => new Promise<never>(() => undefined) };
  await using server = await startSessionServer(fleet, { answers });
  await using link = await connected(fleet, server);
  const lost = next(link, 'onDisconnected');
  const call = link.call('blob.stat', { repository: 'a', digest }, signal);

  for (const socket of server.sockets) {
    socket.close(1001);
    socket.pause();
  }

  // The clock stands still, so it is not the call's own time limit that ends it.
  await assert.rejects(call, (error) => isAppError(error, 'coordinator_unreachable'));
  await lost;
});

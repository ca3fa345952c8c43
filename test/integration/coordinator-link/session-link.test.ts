import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WebSocket } from 'ws';
import type { SessionLink } from '../../../node/coordinator-link/session-link.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import type { CoordinatorEvent } from '../../../shared/protocol/coordinator-methods.ts';
import { AppError, isAppError } from '../../../shared/runtime/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeTestFleet } from '../../support/fleet-identity.ts';
import { connected, hello, next, startLink } from '../../support/session-link.ts';
import { startSessionServer } from '../../support/session-server.ts';

const { signal } = new AbortController();
const digest = digestOf(Buffer.from('a blob'));

/** Moves time on until `done` settles; real sockets need turns of the event loop between the steps. */
async function advanceUntil(clock: FakeClock, done: Promise<unknown>): Promise<void> {
  let isDone = false;
  const watching = done.finally(() => {
    isDone = true;
  });
  while (!isDone) await clock.advance(50);
  await watching;
}

/** A second, and then a call with its answer: what was on the way between the ends, pings and pongs, has come by then. */
async function passSecond(clock: FakeClock, link: SessionLink): Promise<void> {
  await clock.advance(1_000);
  await link.call('blob.leave', { digest }, signal);
}

test('A link says hello first and then carries calls, answers and failures', async () => {
  await using fleet = await makeTestFleet();
  await using server = await startSessionServer(fleet, {
    answers: {
      'blob.stat': () => ({ sizeBytes: 7 }),
      'blob.remove': () => {
        throw new AppError('blob_unknown', 'not there', { detail: { digest } });
      },
    },
  });
  await using link = await connected(fleet, server);

  const stat = await link.call('blob.stat', { repository: 'a', digest }, signal);

  assert.deepEqual(stat, { sizeBytes: 7 });
  assert.deepEqual(server.calls[0], { method: 'session.hello', params: hello });
  await assert.rejects(
    link.call('blob.remove', { repository: 'a', digest }, signal),
    (error) => isAppError(error, 'blob_unknown') && error.detail['digest'] === digest,
  );
});

test('A call without a session fails at once', async () => {
  await using fleet = await makeTestFleet();
  await using link = startLink(fleet, '127.0.0.1:9');

  await assert.rejects(link.call('blob.leave', { digest }, signal), (error) =>
    isAppError(error, 'coordinator_unreachable'),
  );
});

test('Calls in flight fail when the session ends', async () => {
  await using fleet = await makeTestFleet();
  await using server = await startSessionServer(fleet, {
    answers: { 'blob.stat': () => new Promise(() => undefined) },
  });
  await using link = await connected(fleet, server);
  const lost = next(link, 'onDisconnected');
  const call = link.call('blob.stat', { repository: 'a', digest }, signal);

  for (const socket of server.sockets) socket.terminate();

  await assert.rejects(call, (error) => isAppError(error, 'coordinator_unreachable'));
  await lost;
  assert.equal(link.isConnected, false);
});

test('A link comes back by itself after the coordinator restarted', async () => {
  await using fleet = await makeTestFleet();
  const clock = new FakeClock();
  const first = await startSessionServer(fleet);
  await using link = await connected(fleet, first, clock);
  const lost = next(link, 'onDisconnected');
  await first[Symbol.asyncDispose]();
  await lost;
  await using _second = await startSessionServer(fleet, { port: first.port });

  await advanceUntil(clock, next(link, 'onConnected'));

  assert.equal(link.isConnected, true);
});

test('A call that is aborted lets its caller go and leaves the session as it is', async () => {
  await using fleet = await makeTestFleet();
  await using server = await startSessionServer(fleet, {
    answers: { 'blob.stat': () => new Promise(() => undefined), 'blob.mount': () => ({ isMounted: true }) },
  });
  await using link = await connected(fleet, server);
  const stop = new AbortController();
  const call = link.call('blob.stat', { repository: 'a', digest }, stop.signal);

  stop.abort(new Error('the client left'));

  await assert.rejects(call, /the client left/);
  assert.deepEqual(await link.call('blob.mount', { repository: 'a', digest }, signal), { isMounted: true });
});

test('A call that is not answered times out', async () => {
  await using fleet = await makeTestFleet();
  await using server = await startSessionServer(fleet, {
    answers: { 'blob.stat': () => new Promise(() => undefined), 'blob.leave': () => ({}) },
  });
  const clock = new FakeClock();
  await using link = await connected(fleet, server, clock);
  let endedMs: number | undefined;
  const call = link.call('blob.stat', { repository: 'a', digest }, signal).finally(() => (endedMs = clock.nowMs()));
  const rejected = assert.rejects(call, (error) => isAppError(error, 'timed_out'));

  while (endedMs === undefined && clock.nowMs() < 60_000) await passSecond(clock, link);

  await rejected;
  assert.equal(endedMs, 30_000);
});

test('A coordinator that falls silent is noticed within fifteen seconds', async () => {
  await using fleet = await makeTestFleet();
  await using server = await startSessionServer(fleet);
  const clock = new FakeClock();
  await using link = await connected(fleet, server, clock);
  const sockets: readonly WebSocket[] = [...server.sockets];
  for (const socket of sockets) socket.pause();

  await advanceUntil(clock, next(link, 'onDisconnected'));

  assert.ok(clock.nowMs() <= 15_000, `${clock.nowMs()} ms`);
});

test('A coordinator that answers pings keeps its session', async () => {
  await using fleet = await makeTestFleet();
  await using server = await startSessionServer(fleet, { answers: { 'blob.leave': () => ({}) } });
  const clock = new FakeClock();
  await using link = await connected(fleet, server, clock);
  let pings = 0;
  for (const socket of server.sockets) socket.on('ping', () => (pings += 1));

  while (pings < 6 && clock.nowMs() < 60_000) await passSecond(clock, link);

  assert.deepEqual([pings, link.isConnected], [6, true]);
});

test('Events reach every listener in order, and a failing listener harms no other', async () => {
  await using fleet = await makeTestFleet();
  await using server = await startSessionServer(fleet);
  await using link = await connected(fleet, server);
  link.listen({
    onEvent: () => {
      throw new Error('a bug');
    },
  });
  const seen: CoordinatorEvent[] = [];
  const both = new Promise<void>((resolve) => {
    link.listen({ onEvent: (event) => seen.push(event) === 2 && resolve() });
  });

  server.emit({ type: 'order.replicate', digest, sizeBytes: 6 });
  server.emit({ type: 'roster.removed', nodeIds: ['n-2'] });

  await both;
  assert.deepEqual(
    seen.map(({ type }) => type),
    ['order.replicate', 'roster.removed'],
  );
});

test('Nodes that were removed meanwhile are told with the session', async () => {
  await using fleet = await makeTestFleet();
  await using server = await startSessionServer(fleet, {
    answers: { 'session.hello': (_, nodeId) => ({ fleetId: fleet.fleetId, nodeId, removedNodes: ['n-9'] }) },
  });
  await using link = startLink(fleet, server.address);

  const event = await new Promise<CoordinatorEvent>((resolve) => {
    link.listen({ onEvent: resolve });
  });

  assert.deepEqual(event, { type: 'roster.removed', nodeIds: ['n-9'] });
});

test('A coordinator of another fleet gets no hello', async () => {
  await using fleet = await makeTestFleet();
  await using other = await makeTestFleet();
  await using server = await startSessionServer(other);
  const clock = new FakeClock();
  await using link = startLink(fleet, server.address, { clock });

  while (clock.nowMs() < 5_000) await clock.advance(50);

  assert.equal(link.isConnected, false);
  assert.deepEqual(server.calls, []);
});

test('A node with the certificate of another fleet is refused by the coordinator', async () => {
  await using fleet = await makeTestFleet();
  await using other = await makeTestFleet();
  await using server = await startSessionServer(fleet);
  const clock = new FakeClock();
  await using link = startLink(fleet, server.address, { clock, certificateOf: other });

  while (clock.nowMs() < 5_000) await clock.advance(50);

  assert.equal(link.isConnected, false);
  assert.deepEqual(server.calls, []);
});

test('A frame that breaks the protocol ends the session', async () => {
  await using fleet = await makeTestFleet();
  await using server = await startSessionServer(fleet);
  await using link = await connected(fleet, server);
  const lost = next(link, 'onDisconnected');

  for (const socket of server.sockets) socket.send(Buffer.from([0xc1]));

  await lost;
});

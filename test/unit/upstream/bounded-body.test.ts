// Bodies of an upstream's answers: when they are given up, and that they come whole.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, IncomingMessage } from 'node:http';
import { Socket, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BoundedBody, readBody } from '../../../node/upstream/bounded-body.ts';
import { GuardedHttp, type UpstreamResponse } from '../../../node/upstream/guarded-http.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { seededBytes } from '../../support/seeded-bytes.ts';

const never = new AbortController().signal;

type TakeLate = () => Promise<void>;

const WAYS = {
  poured: (body: BoundedBody, take: TakeLate) => body.pour(take, never),
  'iterated over': async (body: BoundedBody, take: TakeLate) => {
    for await (const _ of body) await take();
  },
};

for (const [way, read] of Object.entries(WAYS)) {
  test(`A body that is ${way} is given up when nothing came for half a minute, and waits for who takes longer`, async () => {
    const clock = new FakeClock();
    const response = openResponse();
    const gate = new EventEmitter();
    let isOver = false;
    const reading = read(new BoundedBody({ clock }, response, never), () =>
      once(gate, 'open').then(() => undefined),
    ).finally(() => (isOver = true));
    const outcome = assert.rejects(reading, /nothing came any more/);

    response.push('one');
    await nextTurn();
    await clock.advance(120_000);
    gate.emit('open');
    await nextTurn();
    await clock.advance(29_000);
    await nextTurn();
    assert.equal(isOver, false);

    await clock.advance(8_600);
    await outcome;
    assert.equal(response.destroyed, true);
    assert.equal(clock.pendingCount, 0);
  });

  test(`A body that is ${way} ends with its signal, and closes the connection`, async () => {
    const clock = new FakeClock();
    const response = openResponse();
    const stop = new AbortController();
    const reading = read(new BoundedBody({ clock }, response, stop.signal), async () => undefined);
    const outcome = assert.rejects(reading, /gone/);

    response.push('one');
    await nextTurn();
    stop.abort(new Error('gone'));

    await outcome;
    assert.equal(response.destroyed, true);
    assert.equal(clock.pendingCount, 0);
  });
}

test('A body that nobody takes is closed by its signal', () => {
  const response = openResponse();
  const stop = new AbortController();
  const body = new BoundedBody({ clock: new FakeClock() }, response, stop.signal);
  assert.equal(response.destroyed, false);

  stop.abort(new Error('not wanted'));

  assert.equal(response.destroyed, true);
  return assert.rejects(
    body.pour(() => undefined, never),
    /not wanted/,
  );
});

test('Large bodies that come one after the other over one connection come whole', async () => {
  const expected = Buffer.concat([...seededBytes('body', 4_000_000)]);
  const server = createServer((_, response) => void response.end(expected));
  let connections = 0;
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = new URL(`http://127.0.0.1:${port}/`);
  const clock = new FakeClock();
  using http = new GuardedHttp({ clock }, { name: 'up.example', url, alsoAllowed: new Set(), authority: undefined });
  const ask = (): Promise<UpstreamResponse> => http.request({ method: 'GET', url, headers: {} }, never);
  const limits = { maxBytes: expected.byteLength, what: 'it' };
  try {
    for (let time = 1; time <= 3; time += 1) {
      const poured: Buffer[] = [];
      await new BoundedBody({ clock }, await ask(), never).pour((bytes) => void poured.push(Buffer.from(bytes)), never);
      assert.ok(Buffer.concat(poured).equals(expected));
      assert.ok(Buffer.from(await readBody({ clock }, await ask(), limits, never)).equals(expected));
    }
    assert.equal(connections, 1);
  } finally {
    server.close();
  }
});

function openResponse(): UpstreamResponse {
  return Object.assign(new IncomingMessage(new Socket()), { statusCode: 200 });
}

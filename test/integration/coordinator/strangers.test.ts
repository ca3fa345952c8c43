import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { SESSION_PATH } from '../../../shared/protocol/admin-api.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { enrolTestNode, startTestCoordinator, type TestNode } from '../../support/test-coordinator.ts';

/** Far above the time that stopping takes, below the two minutes that node:tls gives a handshake: a coordinator that waits for one never stops. */
const STOP = { timeout: 100_000 };

test('A refused stranger is cut off even if it keeps its side of the connection open', STOP, async () => {
  await using folder = await openTemporaryFolder('strangers');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  const socket = await halfOpenUpgrade(coordinator.running.port);
  try {
    const answer: unknown[] = await once(socket, 'data');
    assert.match(String(answer[0]), /^HTTP\/1\.1 403 /);
    await once(socket, 'end');
    // What was cut off answers with a reset to the next bytes.
    const isGone = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
    const writing = setInterval(() => socket.write('x'), 50);
    await isGone.finally(() => clearInterval(writing));
  } finally {
    socket.destroy();
  }
});

test('A stranger that connects and says nothing does not keep the coordinator from stopping', STOP, async () => {
  await using folder = await openTemporaryFolder('strangers');
  const coordinator = await startTestCoordinator(folder.path);
  const socket = connectTcp({ host: '127.0.0.1', port: coordinator.running.port });
  socket.on('error', () => undefined); // a reset is what it waits for
  try {
    await once(socket, 'connect');
    await coordinator.running[Symbol.asyncDispose]();
  } finally {
    socket.destroy();
  }
});

test('Strangers that connect and say nothing are cut, the oldest first, and nodes of the fleet are not', async () => {
  await using folder = await openTemporaryFolder('strangers');
  const coordinator = await startTestCoordinator(folder.path, { limits: { strangers: 3 } });
  await using _running = coordinator.running;
  const { port } = coordinator.running;
  const node = await tryUpgrade(port, enrolTestNode(coordinator.running, 'node'));
  const silent: Socket[] = [];
  try {
    const cut: Array<Promise<unknown>> = [];
    for (let count = 0; count < 5; count += 1) {
      const socket = connectTcp({ host: '127.0.0.1', port });
      socket.on('error', () => undefined); // a reset is what two wait for
      cut.push(new Promise((resolve) => socket.once('close', resolve)));
      silent.push(socket);
      await once(socket, 'connect');
    }
    // The second is cut when the fifth comes, so that all have come by then.
    await Promise.all(cut.slice(0, 2));
    assert.deepEqual(
      silent.map((socket) => socket.destroyed),
      [true, true, false, false, false],
    );
    assert.equal(node.readyState, WebSocket.OPEN);
  } finally {
    for (const socket of silent) socket.destroy();
    node.terminate();
  }
});

test('One node cannot take the places of all others by opening sessions that it never begins', async () => {
  await using folder = await openTemporaryFolder('strangers');
  const coordinator = await startTestCoordinator(folder.path, { limits: { sessions: 20 } });
  await using _running = coordinator.running;
  const greedy = enrolTestNode(coordinator.running, 'greedy');
  const modest = enrolTestNode(coordinator.running, 'modest');
  const opened: WebSocket[] = [];
  try {
    for (let count = 0; count < 30; count += 1) opened.push(await tryUpgrade(coordinator.running.port, greedy));
    const other = await tryUpgrade(coordinator.running.port, modest);
    opened.push(other);
    assert.equal(other.readyState, WebSocket.OPEN);
    assert.equal(opened.at(29)?.readyState, WebSocket.CLOSED);
  } finally {
    for (const socket of opened) socket.terminate();
  }
});

/** Asks for a session without a certificate and never ends its own side. */
async function halfOpenUpgrade(port: number): Promise<TLSSocket> {
  const tcp = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true });
  const socket = connectTls({ socket: tcp, rejectUnauthorized: false });
  socket.on('error', () => undefined); // a reset is what it waits for
  await once(socket, 'secureConnect');
  socket.write(
    `GET ${SESSION_PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
  );
  return socket;
}

/** A socket that is open or was refused. */
function tryUpgrade(port: number, node: TestNode): Promise<WebSocket> {
  return new Promise((resolve) => {
    const { cert, key } = node.tls;
    const socket = new WebSocket(`wss://127.0.0.1:${port}${SESSION_PATH}`, { cert, key, rejectUnauthorized: false });
    socket.on('error', () => undefined); // told by its state
    socket.once('open', () => resolve(socket));
    socket.once('close', () => resolve(socket));
  });
}

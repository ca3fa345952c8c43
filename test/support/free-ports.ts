// Ports of 127.0.0.1 for programs that have to be told theirs. They lie below those that the system gives to whoever asks for any
// (32768 and up on Linux, 49152 elsewhere): between the look and the use, or while a program is away, no connection and no server on
// port 0 takes one. Each process looks from a place of its own on, and at no port twice.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 10_240;
const COUNT = 32_768 - FIRST;

let looks = Math.floor(Math.random() * COUNT);

/** TCP ports that nobody listens at, all different. */
export function findFreePorts(count: number): Promise<number[]> {
  return find(count, canListen);
}

/** UDP ports that nobody uses, all different. */
export function findFreeUdpPorts(count: number): Promise<number[]> {
  return find(count, canBind);
}

async function find(count: number, isFree: (port: number) => Promise<boolean>): Promise<number[]> {
  const found: number[] = [];
  for (let tries = 0; found.length < count; tries += 1) {
    if (tries === COUNT) throw new Error(`no port from ${FIRST} on is free`);
    const port = FIRST + (looks % COUNT);
    looks += 1;
    if (await isFree(port)) found.push(port);
  }
  return found;
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  if (!(await came(once(server, 'listening')))) return false;
  await once(server.close(), 'close');
  return true;
}

async function canBind(port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  socket.bind(port, '127.0.0.1');
  const isFree = await came(once(socket, 'listening'));
  socket.close();
  return isFree;
}

/** An `error` in the place of the event means that the port is taken. */
function came(event: Promise<unknown>): Promise<boolean> {
  return event.then(
    () => true,
    () => false,
  );
}

// Bytes straight to a server, for what no well-behaved HTTP client would send.

import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import type { HttpTarget } from './http-exchange.ts';

/** A connection that sends exactly what it is told. Destroying it is the caller's part. */
export async function openRaw(target: HttpTarget): Promise<Socket> {
  const { address } = target;
  const socket =
    'socketPath' in address
      ? connect({ path: address.socketPath })
      : connect({ host: address.host ?? '127.0.0.1', port: address.port });
  socket.on('error', () => undefined); // a server may well reset it; what was received tells
  await once(socket, 'connect');
  return socket;
}

/**
 * Sends the bytes and gives all that comes back until the server closes; the request should ask it to. The sending side
 * stays open meanwhile, since a server may take a half closed connection for a client that has left.
 */
export async function exchangeRaw(target: HttpTarget, bytes: string | Uint8Array): Promise<string> {
  const socket = await openRaw(target);
  socket.write(bytes);
  let text = '';
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString('latin1');
  } catch {
    // reset by the server: what came before counts
  } finally {
    socket.destroy();
  }
  return text;
}

// Every socket of a server, from the first byte on. node:http knows only those that sent a request, and waits for the
// others as long as a stranger likes to hold them.

import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

export class OpenSockets {
  readonly #sockets = new Set<Socket>();
  /** Those that showed no certificate of this fleet, by address and port of the other end; the oldest is the first. */
  readonly #strangers = new Map<string, Socket>();
  readonly #maxStrangers: number;

  /**
   * Call before the server listens.
   * @param options.maxStrangers connections without a certificate of this fleet; beyond it the oldest of them is cut, so
   * that nobody can take all descriptors, and who comes to join is through before it is his turn.
   */
  constructor(server: Server, options: { readonly maxStrangers: number }) {
    this.#maxStrangers = options.maxStrangers;
    server.on('connection', (socket: Socket) => this.#add(socket));
    server.on('secureConnection', (socket: TLSSocket) => {
      if (socket.authorized) this.#strangers.delete(otherEnd(socket));
    });
  }

  /** Cuts whatever is open. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #add(socket: Socket): void {
    const key = otherEnd(socket);
    this.#sockets.add(socket);
    this.#strangers.set(key, socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#strangers.get(key) === socket) this.#strangers.delete(key);
    });
    const [oldest] = this.#strangers;
    if (this.#strangers.size <= this.#maxStrangers || oldest === undefined) return;
    this.#strangers.delete(oldest[0]);
    oldest[1].destroy();
  }
}

function otherEnd(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

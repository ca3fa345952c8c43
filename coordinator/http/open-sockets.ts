// Every socket of a server, from the first byte on. node:http knows only those that sent a request, and waits for the
// others as long as a stranger likes to hold them.

import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';

export class OpenSockets {
  readonly #sockets = new Set<Duplex>();

  /** Call before the server listens. */
  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Cuts whatever is open. */
  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

// Tells TLS from plain HTTP by the first byte of a connection, so that who meant the other gets an answer that says so.

import type { Socket } from 'node:net';
import type { Clock } from '../../shared/runtime/clock.ts';

/** A connection that sends nothing for so long is closed. As long as a handshake may take. */
const FIRST_BYTE_TIMEOUT_MS = 10_000;
/** The content type of a TLS handshake record (RFC 8446, section 5.1). */
const TLS_HANDSHAKE = 0x16;
/** What every method of HTTP begins with. */
const FIRST_LETTER = /[A-Z]/;

/** Calls one of the two with the socket as if nothing had been read of it; what is neither goes to `onTls`, which refuses it. */
export function tellByFirstByte(
  socket: Socket,
  deps: { readonly clock: Clock; readonly onTls: (socket: Socket) => void; readonly onPlain: (socket: Socket) => void },
): void {
  const deadline = deps.clock.schedule(FIRST_BYTE_TIMEOUT_MS, () => socket.destroy());
  const onEnd = (): void => {
    deadline.cancel();
    socket.destroy();
  };
  socket.on('error', onEnd).on('end', onEnd).on('close', onEnd);
  socket.once('readable', () => {
    const first = socket.read() as Buffer | null;
    if (first === null) return; // the end follows
    deadline.cancel();
    socket.off('error', onEnd).off('end', onEnd).off('close', onEnd);
    socket.unshift(first);
    const isPlain = first[0] !== TLS_HANDSHAKE && FIRST_LETTER.test(String.fromCharCode(first[0] ?? 0));
    (isPlain ? deps.onPlain : deps.onTls)(socket);
  });
}

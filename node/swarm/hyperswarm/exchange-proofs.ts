// The first messages of a connection: each side proves who it is before anything else is said. A dialler's connection can be
// "open" with nobody at the other end, so that only this shows that there is somebody.

import type { SecretStream } from 'hyperdht';
import type { TlsMaterial } from '../../../shared/identity/tls-material.ts';
import type { Clock, Scheduled } from '../../../shared/runtime/clock.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { joinSignals } from '../../../shared/runtime/joined-signal.ts';
import { checkProof, makeProof, proofLength, type ProofRole, type ProvenPeer } from './identity-proof.ts';

/** From the open connection to the other side's proof; then it is dropped. Two round trips are enough. */
const PROOF_TIMEOUT_MS = 3000;

export interface ProofDeps {
  readonly clock: Clock;
  readonly tls: () => TlsMaterial;
  readonly fleetId: string;
  /** `host:port` where others may dial us over TLS. */
  readonly address: () => string;
}

export interface Introduced {
  readonly peer: ProvenPeer;
  /** What came behind the proof. The connection is paused, so that the rest comes to its next reader. */
  readonly early: Buffer;
}

/**
 * Exchanges proofs on a connection that has an `error` listener. The caller destroys it when this rejects.
 * @throws {AppError} `identity_refused`, `message_invalid`, `blob_unavailable` when it ends or is silent; the signal's reason.
 */
export async function exchangeProofs(
  socket: SecretStream,
  role: ProofRole,
  deps: ProofDeps,
  signal: AbortSignal,
): Promise<Introduced> {
  const deadline = new AbortController();
  const begin = (): Scheduled =>
    deps.clock.schedule(PROOF_TIMEOUT_MS, () =>
      deadline.abort(new AppError('blob_unavailable', 'hyperswarm peer did not say who it is')),
    );
  using ended = joinSignals([signal, deadline.signal]);
  // Who dials decides by `signal` how long it may take to get through.
  let timer = role === 'acceptor' ? begin() : undefined;
  try {
    const handshakeHash = await handshakeOf(socket, ended.signal);
    timer ??= begin();
    const { tls, fleetId, address, clock } = deps;
    socket.write(makeProof({ tls: tls(), address: address() }, { handshakeHash, role }));
    const { proof, early } = await readProof(socket, ended.signal);
    const place = { handshakeHash, role: role === 'dialler' ? 'acceptor' : 'dialler' } as const;
    const peer = checkProof(proof, place, { ca: tls().ca, fleetId, wallMs: clock.wallMs() });
    return { peer, early };
  } finally {
    timer?.cancel();
  }
}

async function handshakeOf(socket: SecretStream, ended: AbortSignal): Promise<Buffer> {
  await untilClosed(socket, ended, (resolve) => void socket.opened.then(resolve));
  if (socket.handshakeHash === null) throw new AppError('blob_unavailable', 'hyperswarm peer cannot be reached');
  return socket.handshakeHash;
}

async function readProof(socket: SecretStream, ended: AbortSignal): Promise<{ proof: Buffer; early: Buffer }> {
  let bytes = Buffer.alloc(0);
  let failure: unknown;
  let onData: (chunk: Buffer) => void = () => undefined;
  try {
    const length = await untilClosed<number | undefined>(socket, ended, (resolve) => {
      onData = (chunk) => {
        bytes = Buffer.concat([bytes, chunk]);
        try {
          const wanted = proofLength(bytes);
          if (wanted !== undefined && bytes.length >= wanted) resolve(wanted);
        } catch (error) {
          failure = error;
          resolve(undefined);
        }
      };
      socket.on('data', onData);
    });
    if (length === undefined) throw failure;
    return { proof: bytes.subarray(0, length), early: bytes.subarray(length) };
  } finally {
    socket.pause();
    socket.off('data', onData);
  }
}

/** Runs `start` and waits for what it resolves with, for the end of the connection, or for `ended`. */
async function untilClosed<T>(
  socket: SecretStream,
  ended: AbortSignal,
  start: (resolve: (value: T) => void) => void,
): Promise<T> {
  ended.throwIfAborted();
  let stop: () => void = () => undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      const onClose = (): void => reject(new AppError('blob_unavailable', 'hyperswarm peer hung up'));
      const onAbort = (): void => reject(ended.reason);
      stop = () => {
        socket.off('close', onClose);
        ended.removeEventListener('abort', onAbort);
      };
      socket.on('close', onClose);
      ended.addEventListener('abort', onAbort, { once: true });
      if (socket.destroyed) onClose();
      start(resolve);
    });
  } finally {
    stop();
  }
}

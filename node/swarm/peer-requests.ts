// Requests that a peer answers by their number, each once or not at all.

import type { PeerFrame, Refusal } from '../../shared/protocol/peer-frames.ts';
import { onceAborted } from '../../shared/runtime/abort-listener.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { PeerConnection } from './peer-connection.ts';

interface Pending<T> {
  readonly connection: PeerConnection;
  readonly resolve: (answer: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Requests of one kind. Each caller asks one peer one thing at a time, so the number of callers bounds how many are open. */
export class PeerRequests<T> {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, Pending<T>>();
  #lastRequest = 0;

  /** @param options.timeoutMs a request without an answer for this long fails, so that another peer can be asked. */
  constructor(deps: { readonly clock: Clock }, options: { readonly timeoutMs: number }) {
    this.#clock = deps.clock;
    this.#timeoutMs = options.timeoutMs;
  }

  /** True while an answer of this peer is awaited. */
  isBusy(connection: PeerConnection): boolean {
    for (const pending of this.#pending.values()) if (pending.connection === connection) return true;
    return false;
  }

  /**
   * Asks, and waits for the answer, whatever it is.
   * @throws {AppError} `blob_unavailable` when the peer refuses, does not answer in time or goes; the signal's reason.
   */
  async ask(connection: PeerConnection, question: (request: number) => PeerFrame, signal: AbortSignal): Promise<T> {
    const request = ++this.#lastRequest;
    const timer = this.#clock.schedule(this.#timeoutMs, () =>
      this.#pending.get(request)?.reject(unavailable('peer did not answer in time')),
    );
    const stopListening = onceAborted(signal, () => this.#pending.get(request)?.reject(signal.reason));
    try {
      return await new Promise<T>((resolve, reject) => {
        signal.throwIfAborted();
        if (!connection.isOpen) throw unavailable('peer connection ended');
        this.#pending.set(request, { connection, resolve, reject });
        connection.send(question(request));
      });
    } finally {
      this.#pending.delete(request);
      timer.cancel();
      stopListening();
    }
  }

  /** An answer came. One that nobody waits for any more is passed over. */
  answered(connection: PeerConnection, request: number, answer: T): void {
    const pending = this.#pending.get(request);
    if (pending?.connection === connection) pending.resolve(answer);
  }

  refused(connection: PeerConnection, request: number, reason: Refusal): void {
    const pending = this.#pending.get(request);
    if (pending?.connection === connection) pending.reject(unavailable('peer does not have it', { reason }));
  }

  closed(connection: PeerConnection): void {
    for (const pending of this.#pending.values()) {
      if (pending.connection === connection) pending.reject(unavailable('peer connection ended'));
    }
  }
}

function unavailable(why: string, detail: { readonly reason?: Refusal } = {}): AppError {
  return new AppError('blob_unavailable', why, { detail });
}

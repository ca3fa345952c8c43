// The calls of one session: which wait for room, which wait for their answer. Knows no socket.
//
//   add ──▶ waiting ──▶ sent ──▶ answered
//              │          │
//              └──────────┴──▶ failed: answered so, timed out, aborted, or the session ended
//
// A caller that aborts is let go at once; its call keeps its place until it is answered or times out, because the
// coordinator works on it all the same.

import type { MethodName, Params, Result } from '../../shared/protocol/coordinator-methods.ts';
import {
  encodeRequest,
  errorFromWire,
  parseResult,
  type CoordinatorMessage,
} from '../../shared/protocol/session-codec.ts';
import { onceAborted } from '../../shared/runtime/abort-listener.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';

/** Calls that the coordinator may have in hand for one node; the next wait here, in order. */
const MAX_CALLS_IN_FLIGHT = 256;
/** Calls that wait for room; one more is refused with `too_many_requests`. */
const MAX_CALLS_WAITING = 4096;
/** From the call to its answer; then it fails with `timed_out`. The coordinator answers in milliseconds unless it is drowning. */
const CALL_TIMEOUT_MS = 30_000;
/** The same for a manifest, which waits for copies; the longest wait that can be set (`durability.waitMs`) is five minutes. */
const MANIFEST_PUT_TIMEOUT_MS = 330_000;

interface Call {
  readonly method: MethodName;
  readonly frame: Uint8Array;
  readonly timer: Scheduled;
  /** Settles the caller's promise; harmless when it is settled. */
  readonly finish: (message: CoordinatorMessage) => void;
  readonly fail: (error: unknown) => void;
}

export class PendingCalls {
  readonly #clock: Clock;
  readonly #send: (frame: Uint8Array) => void;
  readonly #waiting = new Map<number, Call>();
  readonly #sent = new Map<number, Call>();
  #nextId = 0;
  #endedBy: AppError | undefined;

  /** @param deps.send puts a frame on the wire; never throws. */
  constructor(deps: { readonly clock: Clock; readonly send: (frame: Uint8Array) => void }) {
    this.#clock = deps.clock;
    this.#send = deps.send;
  }

  get inFlightCount(): number {
    return this.#sent.size;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** @throws {AppError} what the coordinator answered, `timed_out`, `too_many_requests`, or what `end` was given. */
  add<M extends MethodName>(method: M, params: Params<M>, signal: AbortSignal): Promise<Result<M>> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#endedBy !== undefined) throw this.#endedBy;
      if (this.#waiting.size >= MAX_CALLS_WAITING) {
        throw new AppError('too_many_requests', 'too many calls wait for the coordinator');
      }
      const id = this.#nextId;
      const frame = encodeRequest(id, method, params);
      this.#nextId += 1;
      const stopListening = onceAborted(signal, () => reject(signal.reason));
      const timeoutMs = method === 'manifest.put' ? MANIFEST_PUT_TIMEOUT_MS : CALL_TIMEOUT_MS;
      const settle = (act: () => void): void => {
        stopListening();
        act();
      };
      this.#waiting.set(id, {
        method,
        frame,
        timer: this.#clock.schedule(timeoutMs, () => this.#expire(id)),
        finish: (message) => settle(() => answer(method, message, resolve, reject)),
        fail: (error) => settle(() => reject(error)),
      });
      this.#sendWaiting();
    });
  }

  /** Gives an answer to its caller. One that nobody waits for any more is dropped. */
  settle(message: Exclude<CoordinatorMessage, { type: 'event' }>): void {
    const call = this.#sent.get(message.id);
    if (call === undefined) return;
    this.#sent.delete(message.id);
    call.timer.cancel();
    call.finish(message);
    this.#sendWaiting();
  }

  /** Fails every call, and every later one, with `error`. */
  end(error: AppError): void {
    if (this.#endedBy !== undefined) return;
    this.#endedBy = error;
    for (const call of [...this.#sent.values(), ...this.#waiting.values()]) {
      call.timer.cancel();
      call.fail(error);
    }
    this.#sent.clear();
    this.#waiting.clear();
  }

  #sendWaiting(): void {
    for (const [id, call] of this.#waiting) {
      if (this.#sent.size >= MAX_CALLS_IN_FLIGHT) return;
      this.#waiting.delete(id);
      this.#sent.set(id, call);
      this.#send(call.frame);
    }
  }

  #expire(id: number): void {
    const call = this.#sent.get(id) ?? this.#waiting.get(id);
    this.#sent.delete(id);
    this.#waiting.delete(id);
    call?.fail(
      new AppError('timed_out', 'the coordinator did not answer in time', { detail: { method: call.method } }),
    );
    this.#sendWaiting();
  }
}

function answer<M extends MethodName>(
  method: M,
  message: CoordinatorMessage,
  resolve: (result: Result<M>) => void,
  reject: (error: unknown) => void,
): void {
  if (message.type === 'error') {
    reject(errorFromWire(message.error));
    return;
  }
  const result = message.type === 'result' ? parseResult(method, message.result) : undefined;
  if (result !== undefined) resolve(result);
  else reject(new AppError('message_invalid', 'the coordinator answered something else', { detail: { method } }));
}

// Bodies of an upstream's answers, as much of them as we are ready to take.

import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { UpstreamResponse } from './guarded-http.ts';

/** A body that says nothing for so long is given up: a slow line moves, a dead one does not. */
const IDLE_TIMEOUT_MS = 30_000;

/** The chunks of a body; ends with an error when it stops coming, breaks off, or the signal says so. The response is closed then. */
export async function* bodyOf(
  deps: { readonly clock: Clock },
  response: UpstreamResponse,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const onAbort = (): void => void response.destroy();
  const onIdle = (): void => void response.destroy(new Error('nothing came any more'));
  signal.addEventListener('abort', onAbort, { once: true });
  let timer = deps.clock.schedule(IDLE_TIMEOUT_MS, onIdle);
  try {
    signal.throwIfAborted();
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      timer.cancel(); // whoever takes the chunk may take his time
      yield chunk;
      timer = deps.clock.schedule(IDLE_TIMEOUT_MS, onIdle);
    }
    signal.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', onAbort);
    response.destroy();
  }
}

/** A whole body in memory. @throws {AppError} `upstream_unavailable` when it is longer than that, or breaks off. */
export async function readBody(
  deps: { readonly clock: Clock },
  response: UpstreamResponse,
  limits: { readonly maxBytes: number; readonly what: string },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { maxBytes, what } = limits;
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of bodyOf(deps, response, signal)) {
      sizeBytes += chunk.byteLength;
      if (sizeBytes > maxBytes) throw new AppError('upstream_unavailable', `${what} is larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AppError) throw error;
    throw new AppError('upstream_unavailable', `${what} broke off`, { cause: error });
  }
  return Buffer.concat(chunks);
}

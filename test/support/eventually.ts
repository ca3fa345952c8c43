// The one place where tests poll: for programs that are not ours and tell nobody when they are ready.

/** How long and how often to ask (long, since a busy machine is no failure); `what` names the awaited thing in the error. */
export interface EventuallyOptions {
  readonly what: string;
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  /** Ends the waiting early with the signal's reason, for example when the awaited program has died. */
  readonly signal?: AbortSignal;
}

/**
 * Asks `probe` until it gives something else than `undefined` or `false`, and returns that.
 * A probe that throws counts as "not yet"; the last error is the cause of the failure when time is up.
 */
export async function eventually<T>(
  options: EventuallyOptions,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const { what, timeoutMs = 45_000, intervalMs = 25, signal } = options;
  const endMs = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    signal?.throwIfAborted();
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      cause = error;
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  } while (performance.now() < endMs);
  throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause });
}

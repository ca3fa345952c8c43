// Bytes on their way into the store.

/**
 * Takes a buffer. A promise, if it gives one, is waited for before the next buffer comes. What is wanted of a buffer is
 * copied by then: its memory may be gone afterwards.
 */
export type TakeBytes = (bytes: Uint8Array) => Promise<void> | undefined;

/** Bytes that come one buffer after the other, at the pace of whoever takes them. */
export interface Body {
  /**
   * Gives all buffers to `take`; to be called once. An end is always the true end. It does not settle while a promise of
   * `take` is open.
   * @throws what `take` threw, the signal's reason, or why the body broke off
   */
  pour(take: TakeBytes, signal: AbortSignal): Promise<void>;
}

/** A body of what `chunks` gives. */
export function chunkedBody(chunks: AsyncIterable<Uint8Array>): Body {
  return {
    async pour(take, signal) {
      for await (const chunk of abortable(chunks, signal)) {
        const taken = take(chunk);
        if (taken !== undefined) await taken;
      }
    },
  };
}

/** Gives the chunks of `body`; an aborted signal ends the wait for the next one with its reason, so that who says nothing more holds nobody. */
async function* abortable(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  let fail: ((reason: unknown) => void) | undefined;
  const onAbort = (): void => fail?.(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  let isDone = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      const next = await new Promise<IteratorResult<Uint8Array, unknown>>((resolve, reject) => {
        fail = reject;
        iterator.next().then(resolve, reject);
      });
      if (next.done === true) {
        isDone = true;
        return;
      }
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Not waited for, as it may wait for the chunk that does not come; the body's owner destroys it anyway.
    if (!isDone) iterator.return?.().catch(() => undefined);
  }
}

// Reading a body so that a client that says nothing more cannot hold the reader.

/** Gives the chunks of `body`; an aborted signal ends the wait for the next one with its reason. */
export async function* abortableBody(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
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

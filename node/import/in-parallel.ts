// Work on the items of a list that nobody holds in memory, some at a time.

/** Takes the next item when one of `workers` is free. The first failure is thrown, once those under way have ended. */
export async function inParallel<T>(
  items: AsyncIterable<T>,
  options: { readonly workers: number },
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.asyncIterator]();
  let isOver = false;
  // A generator answers calls of next() one after the other, so several may wait for it.
  const worker = async (): Promise<void> => {
    while (!isOver) {
      const next = await iterator.next();
      if (next.done === true) return;
      await work(next.value);
    }
  };
  const guarded = async (): Promise<void> => {
    try {
      await worker();
    } catch (error) {
      isOver = true;
      throw error;
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: options.workers }, guarded));
  await iterator.return?.();
  const failed = ended.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

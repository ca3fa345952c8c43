// One signal made of several, for as long as it is needed. AbortSignal.any of Node 20 keeps what listens to it for as long as the
// longest-lived of them: about a kilobyte for each dial of a node that runs for months.

/** Aborts with the first of `signals`, and its reason. Disposing lets go of all of them. */
export function joinSignals(signals: readonly AbortSignal[]): Disposable & { readonly signal: AbortSignal } {
  const joined = new AbortController();
  const removals: Array<() => void> = [];
  for (const signal of signals) {
    if (signal.aborted) joined.abort(signal.reason);
    const onAbort = (): void => joined.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    removals.push(() => signal.removeEventListener('abort', onAbort));
  }
  return {
    signal: joined.signal,
    [Symbol.dispose]: () => {
      for (const remove of removals.splice(0)) remove();
    },
  };
}

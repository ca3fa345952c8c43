// One signal made of several, for as long as it is needed.
//
// AbortSignal.any of Node 20 does not let go: what it made, and all that listens to it, lives as long as the longest-lived of its
// signals. With a signal that lives as long as the node that was about a kilobyte for each dial.

import { onceAborted } from './abort-listener.ts';

/** Aborts with the first of `signals`, and its reason. Disposing lets go of all of them: it is then never aborted any more. */
export function joinSignals(signals: readonly AbortSignal[]): Disposable & { readonly signal: AbortSignal } {
  const joined = new AbortController();
  const removals: Array<() => void> = [];
  for (const signal of signals) {
    if (signal.aborted) joined.abort(signal.reason);
    removals.push(onceAborted(signal, () => joined.abort(signal.reason)));
  }
  return {
    signal: joined.signal,
    [Symbol.dispose]: () => {
      for (const remove of removals.splice(0)) remove();
    },
  };
}

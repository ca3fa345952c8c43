// One waiter's view of shared work: it may leave while the work goes on for others.

import { onceAborted } from '../../shared/runtime/abort-listener.ts';

/** Settles like `work`, or rejects with the signal's reason when that is aborted first. */
export function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const stopListening = onceAborted(signal, () => reject(signal.reason as Error));
    work.then(resolve, reject).finally(stopListening);
  });
}

// Hearing of the end of a signal that many wait on at once, as on the one that ends with the whole node.

import { setMaxListeners } from 'node:events';

/**
 * Calls `listener` once, when `signal` is aborted; a signal that is aborted already calls nobody.
 *
 * Node takes the eleventh listener of a signal for a leak and prints a warning. Here it is none: each waiter removes its own
 * listener when it stops waiting, and how many wait is bounded where they wait.
 * @returns removes the listener; harmless when called again.
 */
export function onceAborted(signal: AbortSignal, listener: () => void): () => void {
  setMaxListeners(0, signal);
  signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}

// Gives memory back to the system at a moment that we know to be quiet.

import { Session } from 'node:inspector';

/**
 * Collects all garbage now. A process at rest allocates too little to collect by itself, and would keep buffers that it
 * let go of for hours. Takes some 10 ms of this thread, once after each time of work; the inspector's own call, since
 * Node has no other that needs no flag.
 */
export function collectGarbage(): void {
  const session = new Session();
  session.connect();
  // The answer comes before `post` returns. A failure means only that the garbage stays a while.
  session.post('HeapProfiler.collectGarbage');
  session.disconnect();
}

// Free space as a node reports it: rounded down, so that the logs of other programs are no news every two seconds.

/** Free space is news only in steps: logs of other programs move it all the time. */
const FREE_STEP_BYTES = 64 * 1024 * 1024;
/** On a small disk, or one that is nearly full, a large step would read as nothing at all; there the last megabytes matter. */
const SMALL_FREE_STEP_BYTES = 1024 * 1024;
/** With less than so much free the small step counts: 16 large ones, of which one is then a hardly visible part. */
const SMALL_FREE_BYTES = 16 * FREE_STEP_BYTES;

/** @param freeBytes what new content may take. @returns never more than that, and less by under one step. */
export function freeInSteps(freeBytes: number): number {
  const stepBytes = freeBytes < SMALL_FREE_BYTES ? SMALL_FREE_STEP_BYTES : FREE_STEP_BYTES;
  return Math.floor(freeBytes / stepBytes) * stepBytes;
}

// A long-running command: start, wait for a signal, drain, end.

import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';

/** What closing may take after running requests were cut: links, sessions, database. Then the process ends all the same. */
const CLOSE_GRACE_MS = 5_000;

/**
 * Runs `start`, waits until `stop` aborts, and closes what was started, newest first. A stop during the start closes
 * what is open by then.
 * @param options.drainMs how long running requests may take to finish; the whole closing gets five seconds more.
 * @throws {AppError} `timed_out` when closing did not end in time: the caller ends the process.
 */
export async function runUntilStopped(
  deps: { readonly clock: Clock; readonly log: Logger },
  options: { readonly drainMs: number; readonly start: (resources: ResourceStack) => Promise<void> },
  stop: AbortSignal,
): Promise<void> {
  const { clock, log } = deps;
  const resources = new ResourceStack();
  try {
    await options.start(resources);
    await aborted(stop);
    log.info({ drainMs: options.drainMs }, 'stopping; a second signal ends at once');
  } finally {
    const startMs = clock.nowMs();
    await within(clock, options.drainMs + CLOSE_GRACE_MS, resources[Symbol.asyncDispose]());
    log.info({ ms: Math.round(clock.nowMs() - startMs) }, 'stopped');
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function within(clock: Clock, limitMs: number, closing: Promise<void>): Promise<void> {
  const late = new Promise<never>((_, reject) => {
    const timer = clock.schedule(limitMs, () =>
      reject(new AppError('timed_out', 'could not stop in time; ending anyway')),
    );
    void closing.finally(() => timer.cancel()).catch(() => undefined); // its failure is thrown by the race below
  });
  await Promise.race([closing, late]);
}

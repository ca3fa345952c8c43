// Time as an argument. Production uses the system clock; tests and the simulator step a fake one.

import { onceAborted } from './abort-listener.ts';

export interface Clock {
  /** Monotonic milliseconds; only ever compared with earlier values of the same clock. */
  nowMs(): number;
  /** Milliseconds since 1970, for what people and other hosts see. */
  wallMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Calls `run` once after `ms` unless the returned handle is cancelled. Does not keep the process alive. */
  schedule(ms: number, run: () => void): Scheduled;
}

export interface Scheduled {
  cancel(): void;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const timer = setTimeout(() => {
        stopListening();
        resolve();
      }, ms);
      const stopListening = onceAborted(signal, () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }),
  schedule: (ms, run) => {
    const timer = setTimeout(run, ms);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

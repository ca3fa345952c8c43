// Follows a rollout until it is over: on a terminal a picture that is drawn anew, else a line for each change.

import type { RolloutStatus } from '../../shared/protocol/rollout.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import { showLive } from './live-screen.ts';
import { EXIT } from './exit-codes.ts';
import { hostCount, renderRollout, rolloutEnd, rolloutLine } from './rollout-view.ts';
import type { Terminal } from './terminal.ts';

/** Pause between two looks on a terminal; a node tells of its progress every two seconds. */
const REFRESH_MS = 1_000;
/** Pause between two looks that go to a file or a pipe, where each change is a line that stays. */
const LINE_EVERY_MS = 2_000;

/** The rate is that of so long: several reports of each node, so that it does not jump with each of them. */
const RATE_WINDOW_MS = 8_000;

interface Look {
  readonly status: RolloutStatus;
  readonly bytesPerSecond: number | undefined;
}

export interface FollowDeps {
  readonly clock: Clock;
  readonly terminal: Terminal;
  readonly read: () => Promise<RolloutStatus>;
}

export interface FollowOptions {
  readonly form: 'text' | 'json';
  /** `done`: until all that asked have it, or nothing moves any more. `stopped`: until the signal. */
  readonly until: 'now' | 'done' | 'stopped';
  /** Until so many have it. */
  readonly hosts: number | undefined;
}

/** @returns the exit code: failed when hosts stopped on the way. */
export async function followRollout(deps: FollowDeps, options: FollowOptions, signal: AbortSignal): Promise<number> {
  const { clock, terminal } = deps;
  const { form, until } = options;
  const read = lookWithRate(deps);
  if (until === 'now') {
    const look = await read();
    const columns = terminal.isInteractive ? terminal.size().columns : Number.MAX_SAFE_INTEGER;
    terminal.out(form === 'json' ? jsonLine(look.status) : renderRollout(look, { columns }));
    return EXIT.done;
  }
  const isOver = ({ status }: Look): boolean => until === 'done' && isRolloutOver(status, options.hosts);
  if (form === 'text' && terminal.isInteractive) {
    const last = await showLive(
      { clock, terminal, read, render: renderRollout, isOver },
      { refreshMs: REFRESH_MS },
      signal,
    );
    terminal.out(`${renderRollout(last, { columns: terminal.size().columns })}`);
    return exitCodeOf(last.status, options);
  }
  const last = await writeLines({ clock, terminal, read, isOver }, form, signal);
  if (form === 'text') terminal.out(rolloutEnd(last.status));
  return exitCodeOf(last.status, options);
}

/** All that are to have it have it, or will not get it any more. */
function isRolloutOver(status: RolloutStatus, wanted: number | undefined): boolean {
  const { asked, pulling, done } = status.hosts;
  if (wanted !== undefined) return done >= wanted;
  return hostCount(status) > 0 && asked + pulling === 0 && status.runningMs !== undefined;
}

function exitCodeOf(status: RolloutStatus, { hosts: wanted }: FollowOptions): number {
  const { done, stopped } = status.hosts;
  if (wanted !== undefined) return done >= wanted ? EXIT.done : EXIT.failed;
  return stopped > 0 ? EXIT.failed : EXIT.done;
}

/** Reads, and adds what came to all hosts together of late. */
function lookWithRate({ read }: Pick<FollowDeps, 'read'>): () => Promise<Look> {
  let before: RolloutStatus[] = [];
  return async () => {
    const status = await read();
    before = before.filter(({ nowMs, digest }) => digest === status.digest && status.nowMs - nowMs <= RATE_WINDOW_MS);
    const [first] = before;
    before.push(status);
    return { status, bytesPerSecond: first === undefined ? undefined : rateBetween(first, status) };
  };
}

/** @returns undefined while there is nothing to tell. */
function rateBetween(first: RolloutStatus, last: RolloutStatus): number | undefined {
  const tookMs = last.nowMs - first.nowMs;
  const bytes = last.doneBytes - first.doneBytes;
  return tookMs > 0 && bytes > 0 ? Math.round((1000 * bytes) / tookMs) : undefined;
}

async function writeLines(
  deps: {
    readonly clock: Clock;
    readonly terminal: Terminal;
    readonly read: () => Promise<Look>;
    readonly isOver: (look: Look) => boolean;
  },
  form: 'text' | 'json',
  signal: AbortSignal,
): Promise<Look> {
  const { clock, terminal, read, isOver } = deps;
  let look = await read(); // a first failure is told the ordinary way
  let lastLine = '';
  for (;;) {
    const line = form === 'json' ? jsonLine(look.status) : rolloutLine(look);
    const changed = form === 'json' ? JSON.stringify({ ...look.status, nowMs: 0, runningMs: 0 }) : line;
    if (changed !== lastLine) terminal.out(line);
    lastLine = changed;
    if (isOver(look)) return look;
    try {
      await clock.sleep(LINE_EVERY_MS, signal);
      look = await read();
    } catch (error) {
      if (signal.aborted) return look;
      if (!isAppError(error, 'coordinator_unreachable', 'timed_out')) throw error;
      terminal.say(`not up to date: ${error.message}\n`);
    }
  }
}

function jsonLine(status: RolloutStatus): string {
  return `${JSON.stringify(status)}\n`;
}

// One import from the first look to the last line, with its progress.

import { isAppError } from '../../shared/runtime/errors.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { ImageCount } from '../import/image-count.ts';
import type { ImageSource } from '../import/image-source.ts';
import { importImages, type ImportOptions } from '../import/import-images.ts';
import { ImportReport, type ImportCounts } from '../import/import-report.ts';
import type { ImportTarget } from '../import/import-target.ts';
import { progressLine, type ImportProgress } from './import-view.ts';
import type { Terminal } from './terminal.ts';

/** Pause between two pictures of the progress on a terminal. */
const REDRAW_MS = 200;
/** Pause between two lines of it in a file or a pipe, where each stays. */
const LINE_EVERY_MS = 30_000;
const CLEAR_LINE = '\r\x1b[K';

interface RunDeps {
  readonly clock: Clock;
  readonly terminal: Terminal;
  readonly source: ImageSource;
}

export interface CountedImages {
  readonly counts: ImportCounts;
  readonly blobs: number;
  readonly bytes: number;
}

/** Looks through the source without bringing anything. @param problems `tell` says them, `later` leaves that to the import. */
export async function countImages(
  deps: RunDeps,
  options: ImportOptions & { readonly problems: 'tell' | 'later' },
  signal: AbortSignal,
): Promise<CountedImages> {
  const target = new ImageCount();
  const run = openRun(deps, { ...options, total: undefined, bytes: () => target.bytes });
  try {
    await importImages({ ...deps, target, report: run.report }, options, signal);
  } finally {
    run.end();
  }
  return { counts: run.report.counts(), blobs: target.blobCount, bytes: target.bytes };
}

export interface ImportOutcome {
  readonly counts: ImportCounts;
  readonly runMs: number;
  /** Why it ended before its time. */
  readonly failure: Error | undefined;
}

/** Brings images over. What ends it early is in the outcome, with what was done until then. */
export async function runImport(
  deps: RunDeps & { readonly target: ImportTarget },
  options: ImportOptions & { readonly total: ImportProgress['total'] },
  signal: AbortSignal,
): Promise<ImportOutcome> {
  const startMs = deps.clock.nowMs();
  const run = openRun(deps, { ...options, problems: 'tell', bytes: undefined });
  let failure: Error | undefined;
  try {
    await importImages({ ...deps, report: run.report }, options, signal);
  } catch (error) {
    if (!(error instanceof Error) || (!signal.aborted && !isAppError(error))) throw error;
    failure = error;
  } finally {
    run.end();
  }
  return { counts: run.report.counts(), runMs: deps.clock.nowMs() - startMs, failure };
}

/** The report of a run, drawn as it grows. */
function openRun(
  { clock, terminal }: RunDeps,
  options: {
    readonly problems: 'tell' | 'later';
    readonly total: ImportProgress['total'];
    /** What was looked at, where nothing is brought. */
    readonly bytes: (() => number) | undefined;
  },
): { readonly report: ImportReport; readonly end: () => void } {
  const startMs = clock.nowMs();
  const clear = terminal.isAttended ? CLEAR_LINE : '';
  const report = new ImportReport((problem) => {
    if (options.problems === 'tell') terminal.say(`${clear}${problem}\n`);
  });
  const draw = (): void => {
    const counts = report.counts();
    const { bytes = () => counts.bytes } = options;
    const runMs = clock.nowMs() - startMs;
    const picture = { counts: { ...counts, bytes: bytes() }, total: options.total, at: report.at, runMs };
    const line = progressLine(picture, terminal.isAttended ? terminal.size().columns - 1 : Number.MAX_SAFE_INTEGER);
    terminal.say(terminal.isAttended ? `${clear}${line}` : `${line}\n`);
  };
  const everyMs = terminal.isAttended ? REDRAW_MS : LINE_EVERY_MS;
  let timer = clock.schedule(everyMs, function again() {
    draw();
    timer = clock.schedule(everyMs, again);
  });
  return {
    report,
    end: () => {
      timer.cancel();
      terminal.say(clear);
    },
  };
}

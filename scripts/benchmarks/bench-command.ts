// What every benchmark is to the command line.

import type { ParseArgsConfig } from 'node:util';

/** Flags of a benchmark, as `parseArgs` takes them. */
type Flags = NonNullable<ParseArgsConfig['options']>;

/** What a benchmark gives back. */
export interface BenchOutcome {
  /** For people. */
  readonly text: string;
  /** For programs: one object. */
  readonly json: object;
  /** SVG, where a picture says more. */
  readonly plot?: string;
}

/** The values of flags as `parseArgs` gives them, all with defaults. */
export type FlagValues<F extends Flags> = {
  readonly [Name in keyof F]: F[Name]['multiple'] extends true
    ? readonly string[]
    : F[Name]['type'] extends 'boolean'
      ? boolean
      : string;
};

/** One benchmark. */
export interface BenchCommand<F extends Flags = Flags> {
  readonly name: string;
  /** One line for the list of benchmarks. */
  readonly summary: string;
  /** The whole help. */
  readonly usage: string;
  /** Besides --json, --plot and --help; each has a default. */
  readonly flags: F;
  readonly needs: { readonly root?: true; readonly programs: readonly string[] };
  /** @throws {UsageError} before anything was done. When `signal` is aborted it removes what it made, and throws. */
  run(
    flags: FlagValues<F>,
    tell: { readonly progress: (text: string) => void },
    signal: AbortSignal,
  ): Promise<BenchOutcome>;
}

// `scripts/bench <what>`: runs a benchmark, writes its table to stdout or, with --json, one line for programs.

import { setMaxListeners } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../setup.mjs';
import type { BenchCommand, FlagValues } from './bench-command.ts';
import { cacheCommand } from './cache-command.ts';
import { coordinatorCommand } from './coordinator/coordinator-command.ts';
import { fleetCommand } from './fleet/fleet-command.ts';
import { firstByteCommand } from './first-byte-command.ts';
import { UsageError } from './flag-values.ts';
import { lackOf } from './lack.ts';
import { localCommand } from './local-command.ts';
import { loginCommand } from './login-command.ts';

const COMMANDS: readonly BenchCommand[] = [
  localCommand,
  fleetCommand,
  firstByteCommand,
  coordinatorCommand,
  loginCommand,
  cacheCommand,
];

const COMMON_FLAGS = {
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false, short: 'h' },
} as const;

function usage(): string {
  const list = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`).join('\n');
  return `usage: scripts/bench <what> [options]

Measures Shoal on this machine. What there is:

${list}

scripts/bench <what> --help tells how it is measured and what it needs. docs/performance.md has the figures.
`;
}

async function main(args: readonly string[]): Promise<number> {
  const [name = '', ...rest] = args;
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined) {
    const isHelp = name === '--help' || name === '-h';
    if (!isHelp && name !== '') process.stderr.write(`there is no benchmark '${name}'\n\n`);
    (isHelp ? process.stdout : process.stderr).write(usage());
    return isHelp ? 0 : 2;
  }
  const options = {
    ...command.flags,
    ...COMMON_FLAGS,
    plot: { type: 'string', default: `bench-results/${name}.svg` },
  } as const;
  try {
    const { values } = parseArgs({ args: rest, options, strict: true });
    const { json, help, plot, ...flags } = values as FlagValues<typeof options>;
    if (help) {
      process.stdout.write(command.usage);
      return 0;
    }
    const lack = lackOf(command.needs);
    if (lack !== undefined) {
      process.stderr.write(`scripts/bench ${name} ${lack}\n`);
      return 1;
    }
    return await measure(command, flags, { isJson: json, plotFile: resolve(root, plot) });
  } catch (error) {
    if (!(error instanceof UsageError) && !isParseError(error)) throw error;
    process.stderr.write(`${error.message}\nscripts/bench ${name} --help tells more\n`);
    return 2;
  }
}

async function measure(
  command: BenchCommand,
  flags: FlagValues<BenchCommand['flags']>,
  output: { readonly isJson: boolean; readonly plotFile: string },
): Promise<number> {
  const stop = stopSignal();
  const progress = (text: string): void => void process.stderr.write(`${text}…\n`);
  try {
    const { text, json, plot } = await command.run(flags, { progress }, stop);
    if (plot !== undefined) {
      await mkdir(dirname(output.plotFile), { recursive: true });
      await writeFile(output.plotFile, plot);
      process.stderr.write(`plot: ${output.plotFile}\n`);
    }
    process.stdout.write(output.isJson ? `${JSON.stringify(json)}\n` : text);
    return 0;
  } catch (error) {
    if (!stop.aborted) throw error;
    process.stderr.write('stopped; everything that was made for it is removed\n');
    return 1;
  }
}

/** Aborted by the first Ctrl-C or SIGTERM; the second ends at once, and the next run removes what is left. */
function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal); // whoever waits for something listens
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(1);
      process.stderr.write('stopping, and removing what was made; once more ends at once\n');
      stopping.abort(new Error(`stopped by ${signal}`));
    });
  }
  return stopping.signal;
}

function isParseError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

process.exitCode = await main(process.argv.slice(2));

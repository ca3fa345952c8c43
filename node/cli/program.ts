// The shoal program: finds the command, reads its flags, runs it, and turns its end into an exit code.

import { loadConfig } from '../../shared/runtime/config-loader.ts';
import { isAppError, type ErrorCode } from '../../shared/runtime/errors.ts';
import { nearest } from '../../shared/runtime/nearest.ts';
import { settingsOf } from '../../shared/runtime/settings.ts';
import type { Command, CommandSettings, Invocation } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { parseFlags, type FlagShape } from './flag-parser.ts';
import { commandHelp, CONFIG_FLAG, programHelp } from './help-text.ts';
import type { OnReload } from './reload-settings.ts';
import type { Terminal } from './terminal.ts';

const EXIT_OF: Partial<Readonly<Record<ErrorCode, number>>> = {
  config_invalid: EXIT.wrongUsage,
  coordinator_unreachable: EXIT.notReachable,
  node_unreachable: EXIT.notReachable,
};

export interface Call {
  /** As it was typed; `shoal` when absent. */
  readonly name?: string;
  /** Without the program's own name. */
  readonly args: readonly string[];
  readonly terminal: Terminal;
  readonly stop: AbortSignal;
  /** Default: never. */
  readonly onReload?: OnReload;
}

/**
 * Runs one command line.
 * @returns the exit code. Never throws: what a command throws is told on stderr.
 */
export async function runProgram(commands: readonly Command[], call: Call): Promise<number> {
  const { args, terminal } = call;
  const { columns } = terminal.size();
  const first = args[0];
  if (first === undefined || first === '--help' || first === '-h') {
    terminal.out(programHelp(nameOf(call), commands, columns));
    return EXIT.done;
  }
  if (first === 'help') return showHelp(commands, { ...call, args: args.slice(1) });
  const words = first === '--version' || first === '-v' ? ['version', ...args.slice(1)] : args;
  const command = findCommand(commands, words);
  if (command === undefined) return refuseWord(commands, { ...call, args: words });
  try {
    return await runCommand(command, { ...call, args: words.slice(command.words.length) });
  } catch (error) {
    return tell(error, call);
  }
}

function nameOf({ name }: Call): string {
  return name ?? 'shoal';
}

async function runCommand(command: Command, call: Call): Promise<number> {
  const { terminal } = call;
  const settings = await command.settings?.();
  const { flags, operands, problems } = parseFlags(call.args, flagShapes(command, settings), command.operands);
  if (flags['help'] === true) {
    terminal.out(commandHelp(nameOf(call), command, { settings, columns: terminal.size().columns }));
    return EXIT.done;
  }
  if (problems.length > 0) {
    const name = command.words.join(' ');
    const program = nameOf(call);
    terminal.say(`${program} ${name}: ${problems.join('\n  ')}\n\`${program} help ${name}\` shows its flags.\n`);
    return EXIT.wrongUsage;
  }
  const own = Object.fromEntries(
    Object.entries(flags).filter(([name]) => command.flags.some((flag) => flag.name === name)),
  );
  const invocation: Invocation = {
    terminal,
    stop: call.stop,
    onReload: call.onReload ?? (() => () => undefined),
    flags: own,
    operands,
    config: (schema, given) => {
      const file = flags['config'];
      return loadConfig(schema, {
        flags,
        environment: terminal.environment,
        file: typeof file === 'string' ? file : undefined,
        ...(given === undefined ? {} : { given }),
        defaults: settings?.defaults ?? {},
        alsoKnown: settings?.alsoKnown ?? [],
      });
    },
  };
  return command.run(invocation);
}

function flagShapes(command: Command, settings: CommandSettings | undefined): readonly FlagShape[] {
  const own = command.flags.map(({ name, placeholder, short }): FlagShape => {
    const shape = { name, takesValue: placeholder !== undefined };
    return short === undefined ? shape : { ...shape, short };
  });
  if (settings === undefined) return own;
  const shapes = settingsOf(settings.schema).map(({ flag, kind }) => ({ name: flag, takesValue: kind !== 'switch' }));
  return [...own, ...shapes, { name: CONFIG_FLAG.name, takesValue: true }];
}

/** `node remove` goes before `node`. */
function findCommand(commands: readonly Command[], words: readonly string[]): Command | undefined {
  const fitting = commands.filter((command) => command.words.every((word, index) => words[index] === word));
  return fitting.sort((one, other) => other.words.length - one.words.length)[0];
}

async function showHelp(commands: readonly Command[], call: Call): Promise<number> {
  const { args: words, terminal } = call;
  const { columns } = terminal.size();
  if (words.length === 0) {
    terminal.out(programHelp(nameOf(call), commands, columns));
    return EXIT.done;
  }
  const command = findCommand(commands, words);
  if (command === undefined) return refuseWord(commands, call);
  terminal.out(commandHelp(nameOf(call), command, { settings: await command.settings?.(), columns }));
  return EXIT.done;
}

function refuseWord(commands: readonly Command[], call: Call): number {
  const { args: words, terminal } = call;
  const typed = words
    .filter((word) => !word.startsWith('-'))
    .slice(0, 2)
    .join(' ');
  const names = commands.map((command) => command.words.join(' '));
  const meant =
    names.find((name) => name.startsWith(`${words[0]} `)) ?? nearest(typed, names) ?? nearest(words[0] ?? '', names);
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  const program = nameOf(call);
  terminal.say(`${program}: there is no command "${typed || words[0]}"${hint}\n\`${program} help\` shows them all.\n`);
  return EXIT.wrongUsage;
}

/** An expected failure is a sentence; anything else is a bug and shows where it happened. */
function tell(error: unknown, call: Call): number {
  if (call.stop.aborted && error === call.stop.reason) return EXIT.done;
  if (isAppError(error)) {
    call.terminal.say(`${nameOf(call)}: ${error.message}\n`);
    return EXIT_OF[error.code] ?? EXIT.failed;
  }
  const known = systemFailure(error);
  const text = known ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
  call.terminal.say(`${nameOf(call)}: ${text}\n`);
  return EXIT.failed;
}

/** What the operating system refuses is nobody's bug. */
function systemFailure(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const address = 'address' in error && 'port' in error ? `${String(error.address)}:${String(error.port)}` : '';
  const path = 'path' in error ? String(error.path) : '';
  if (error.code === 'EADDRINUSE')
    return `${address} is in use by another program; choose another with --http, --listen or --swarm`;
  if (error.code === 'EADDRNOTAVAIL') return `${address} is not an address of this host`;
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return `no permission for ${path || address}; run as another user, or choose another folder with --data`;
  }
  if (error.code === 'ENOTDIR' || error.code === 'EEXIST')
    return `${path} cannot be made or opened, since part of it is a file and no folder; choose another folder with --data`;
  if (error.code === 'ENOSPC') return 'no space left on the disk';
  return error.code === 'EROFS' ? `${path} is on a read-only disk; choose another folder with --data` : undefined;
}

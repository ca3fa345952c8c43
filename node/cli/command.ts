// What a command of the shoal program is.

import type { Static, TObject } from 'typebox';
import type { Given } from '../../shared/runtime/config-loader.ts';
import type { SettingValue } from '../../shared/runtime/settings.ts';
import type { Operand } from './flag-parser.ts';
import type { OnReload } from './reload-settings.ts';
import type { Terminal } from './terminal.ts';

/** A flag of one command that is not a setting. */
export interface Flag {
  /** Without the two dashes. */
  readonly name: string;
  /** One letter that stands for it, without its dash. */
  readonly short?: string;
  /** What stands for its value in help, for example `TIME`; absent for a flag without a value. */
  readonly placeholder?: string;
  readonly description: string;
  /** For help; the command itself applies it. */
  readonly default?: string;
}

/** The settings that a command takes; each is a flag, a variable and a key of the configuration file. */
export interface CommandSettings {
  readonly schema: TObject;
  /** By key, where this command's defaults are not those of the schema. */
  readonly defaults: Readonly<Record<string, SettingValue>>;
  /** Settings of other commands, which may stand in a shared file. */
  readonly alsoKnown: readonly TObject[];
}

export interface Command {
  /** As typed: `['token', 'create']`. */
  readonly words: readonly string[];
  /** One line of the table of commands. */
  readonly summary: string;
  /** Paragraphs of its help page. */
  readonly about: readonly string[];
  /** What to type, and what for. */
  readonly examples: readonly { readonly line: string; readonly does: string }[];
  /** Words that it takes besides its flags; the ones that it can do without last. */
  readonly operands?: readonly Operand[];
  readonly flags: readonly Flag[];
  /** Loaded only for the command that runs: a schema brings its library along. */
  settings?(): Promise<CommandSettings>;
  /** @returns the exit code. Failures are thrown. */
  run(invocation: Invocation): Promise<number>;
}

/** One command as it was typed. */
export interface Invocation {
  readonly terminal: Terminal;
  /** Own flags of the command, as typed. */
  readonly flags: Readonly<Record<string, string | boolean>>;
  /** In the order of the command's own list; all that are required are there. */
  readonly operands: readonly string[];
  /**
   * Settings from all sources. @param given what another form of configuration said, by key; ours wins over it.
   * @throws {AppError} `config_invalid`
   */
  readonly config: <S extends TObject>(schema: S, given?: ReadonlyMap<string, Given>) => Promise<Readonly<Static<S>>>;
  /** Tells when the settings are to be read again: SIGHUP. */
  readonly onReload: OnReload;
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly stop: AbortSignal;
}

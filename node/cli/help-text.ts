// Help pages, from what commands and settings say of themselves. Pure.

import { showSetting } from '../../shared/runtime/setting-value.ts';
import { settingsOf, type Setting, type SettingValue } from '../../shared/runtime/settings.ts';
import { wrap } from './wrap-text.ts';
import type { Command, CommandSettings, Flag } from './command.ts';
import type { Operand } from './flag-parser.ts';

/** Lines longer than this tire the eye, however wide the window is. */
const MAX_COLUMNS = 100;

interface Entry {
  readonly head: string;
  readonly text: string;
}

/** The page of `shoal help`: what it is and what there is to type. */
export function programHelp(name: string, commands: readonly Command[], columns: number): string {
  const width = Math.min(columns, MAX_COLUMNS);
  return [
    'Shoal: a container registry that lives on every host.',
    '',
    `usage: ${name} <command> [flags]`,
    '',
    ...beginning(name, commands),
    table(
      commands.map(({ words, summary }) => ({ head: words.join(' '), text: summary })),
      width,
    ),
    '',
    paragraph(`\`${name} help <command>\` shows what a command does, with examples and every flag.`, width),
    '',
    paragraph(
      'Settings come from flags, then the environment (--http is SHOAL_HTTP), then a YAML file (--config FILE), then defaults.',
      width,
    ),
    '',
    'exit codes: 0 done, 1 failed, 2 wrong usage, 3 not reachable',
    '',
  ].join('\n');
}

/** What to type first, for a program that can start a registry without any configuration. */
function beginning(name: string, commands: readonly Command[]): readonly string[] {
  if (!commands.some(({ words }) => words.join(' ') === 'up')) return [];
  return [
    'To begin, start a registry on this host, and push to it from another terminal:',
    '',
    `    ${name} up --data ./.shoal`,
    '    docker push localhost:5000/team/app:v1',
    '',
  ];
}

/** The page of one command. */
export function commandHelp(
  name: string,
  command: Command,
  { settings, columns }: { readonly settings: CommandSettings | undefined; readonly columns: number },
): string {
  const width = Math.min(columns, MAX_COLUMNS);
  const all = settings === undefined ? [] : settingsOf(settings.schema);
  const defaults = settings?.defaults ?? {};
  const entries = (chosen: readonly Setting[]): Entry[] =>
    chosen.map((setting) => settingEntry(setting, defaults[setting.key]));
  const main = all.filter(({ path }) => path.length === 1);
  const detailed = all.filter(({ path }) => path.length > 1);
  const sections = [
    `usage: ${[name, ...command.words, ...(command.operands ?? []).map(operandText)].join(' ')} [flags]`,
    ...command.about.map((text) => paragraph(text, width)),
    ...command.examples.map(({ line, does }) => `${paragraph(does, width)}\n\n    ${line}`),
    section(
      'flags',
      [...command.flags.map(flagEntry), ...entries(main), ...(all.length > 0 ? [CONFIG_ENTRY] : []), HELP_ENTRY],
      width,
    ),
    ...(detailed.length > 0 ? [section('details and limits', entries(detailed), width)] : []),
  ];
  return `${sections.join('\n\n')}\n`;
}

function operandText({ name, isRequired }: Operand): string {
  return isRequired ? name : `[${name}]`;
}

/** The file flag of every command that has settings. */
export const CONFIG_FLAG: Flag = {
  name: 'config',
  placeholder: 'FILE',
  description: 'YAML file with settings; --http is `http` there, --log-level is `log: {level: …}`.',
};
const CONFIG_ENTRY = flagEntry(CONFIG_FLAG);
const HELP_ENTRY: Entry = { head: '--help', text: 'This page.' };

function section(title: string, entries: readonly Entry[], width: number): string {
  return `${title}:\n\n${table(entries, width)}`;
}

function flagEntry({ name, short, placeholder, description, default: fallback }: Flag): Entry {
  const typed = short === undefined ? `--${name}` : `-${short}, --${name}`;
  const head = placeholder === undefined ? typed : `${typed} ${placeholder}`;
  return { head, text: fallback === undefined ? description : `${description} Default: ${fallback}.` };
}

function settingEntry(setting: Setting, override: SettingValue | undefined): Entry {
  const value = override ?? setting.default;
  const name = setting.kind === 'switch' ? `--[no-]${setting.flag}` : `--${setting.flag}`;
  const head = setting.placeholder === '' ? name : `${name} ${setting.placeholder}`;
  const fallback = value === undefined ? setting.whenAbsent : showSetting(setting, value);
  return { head, text: fallback === '' ? setting.description : `${setting.description} Default: ${fallback}.` };
}

/** Two columns; a head that is too long has a line of its own. */
function table(entries: readonly Entry[], width: number): string {
  const longest = Math.max(...entries.map(({ head }) => head.length));
  const column = Math.min(longest, 28) + 4;
  const lines: string[] = [];
  for (const { head, text } of entries) {
    const wrapped = wrap(text, Math.max(20, width - column));
    const first = `  ${head}`.padEnd(column);
    if (head.length + 4 > column) lines.push(`  ${head}`, `${' '.repeat(column)}${wrapped[0] ?? ''}`);
    else lines.push(`${first}${wrapped[0] ?? ''}`);
    lines.push(...wrapped.slice(1).map((line) => `${' '.repeat(column)}${line}`));
  }
  return lines.join('\n');
}

function paragraph(text: string, width: number): string {
  return wrap(text, width).join('\n');
}

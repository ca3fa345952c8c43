// Every limit of the code, from its named constants and settings; and the document that lists them. Pure.

import { showSetting } from '../shared/runtime/setting-value.ts';
import type { Setting } from '../shared/runtime/settings.ts';
import { readConstants, type NamedConstant, type SourceFile } from './constant-value.ts';
import type { ProgramSettings } from './program-settings.ts';
import { shownValue } from './shown-value.ts';

/** Numbers in capitals that bound nothing, by name. Everything else that is a number is a limit and says its rule. */
const NOT_LIMITS: ReadonlySet<string> = new Set([
  // Units.
  ...['KIB', 'MIB', 'GIB', 'SECOND_MS', 'MINUTE_MS', 'HOUR_MS', 'DAY_MS'],
  // Versions and marks of formats and protocols, and the sizes of their parts.
  ...['VERSION', 'LAYOUT_VERSION', 'SESSION_PROTOCOL', 'PEER_PROTOCOL', 'APPLICATION_ID'],
  ...['HASH_BYTES', 'HEADER_BYTES', 'FRAME_HEADER_BYTES', 'DATA_PREFIX_BYTES', 'DATA_HEADER_BYTES', 'ENVELOPE_BYTES'],
  ...['SERIAL_BYTES', 'ID_BYTES', 'SECRET_BYTES', 'SUFFIX_CHARS', 'RANDOM_STEPS'],
  // Codes, modes of files, characters, words of bits, marks for "none".
  ...['CLOSE_POLICY_VIOLATION', 'CLOSE_GOING_AWAY', 'STATUS_CLIENT_LEFT', 'FIRST_SERVER_STATUS'],
  ...['EXIT', 'TAG', 'STATE_ORDER', 'API_STATUS'],
  ...['FOLDER_MODE', 'FILE_MODE', 'OWNER_ONLY_FILE', 'OWNER_ONLY_FOLDER'],
  ...['QUOTE', 'BACKSLASH', 'FULL_WORD', 'NO_PIECE', 'BAR_CHARS', 'WIDE_BAR_CHARS', 'HELD', 'OPEN'],
]);

/** A limit of the code with its value as people read it. */
export interface Limit {
  readonly folder: string;
  readonly file: string;
  readonly name: string;
  readonly value: string;
  /** What it bounds, why so much, and what happens when it is reached. */
  readonly meaning: string;
}

/** Limits by folder and file, in their order there. @param sources every file of node/, coordinator/ and shared/. */
export function findLimits(sources: readonly SourceFile[]): readonly Limit[] {
  const limits = readConstants(sources)
    .filter(({ name, value }) => value !== undefined && !NOT_LIMITS.has(name))
    .map(limitOf);
  return limits.sort((a, b) => compare(a.folder, b.folder) || compare(a.file, b.file));
}

function limitOf({ file, name, comment, value }: NamedConstant): Limit {
  const folder = file.split('/').slice(0, -1).join('/');
  const shown =
    typeof value === 'object'
      ? Object.entries(value).map(([key, each]) => `${key} ${shownValue(key, each)}`)
      : [shownValue(name, value ?? 0)];
  return { folder, file, name, value: shown.join(', '), meaning: comment };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

const LIMITING: readonly Setting['kind'][] = ['count', 'duration', 'bytes', 'rate'];

/** The text of docs/limits.md. */
export function limitsDocument(limits: readonly Limit[], programs: readonly ProgramSettings[]): string {
  const lines = [
    '# Every limit',
    '',
    'Made by `npx tsx scripts/limits.ts` from the settings and the named constants of the code; do not edit.',
    'Each says what it bounds, why so much, and what happens when it is reached. Those that can be set come first.',
    'The lengths and ranges of single fields of messages stand in their schemas under `shared/protocol/`; a message that',
    'breaks them is refused, and the session or connection that brought it is closed.',
  ];
  for (const { title, settings } of programs) {
    lines.push('', `## ${title}`, '', '| setting | default | from | to | meaning |', '|---|---|---|---|---|');
    for (const setting of settings.filter(({ kind }) => LIMITING.includes(kind))) {
      const shown = [setting.default, setting.minimum, setting.maximum].map((each) =>
        each === undefined ? '' : showSetting(setting, each),
      );
      lines.push(`| \`${setting.key}\` | ${shown.join(' | ')} | ${cell(setting.description)} |`);
    }
  }
  let folder = '';
  for (const limit of limits) {
    if (limit.folder !== folder) {
      folder = limit.folder;
      lines.push(
        '',
        `## ${folder}/`,
        '',
        '| limit | value | meaning, and the rule at the limit | file |',
        '|---|---|---|---|',
      );
    }
    const file = limit.file.slice(folder.length + 1);
    lines.push(`| \`${limit.name}\` | ${limit.value} | ${cell(limit.meaning)} | [${file}](../${limit.file}) |`);
  }
  return `${lines.join('\n')}\n`;
}

/** Text inside a table. */
export function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

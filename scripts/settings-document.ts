// The document that lists every setting, made from the schemas that also give `shoal help` its pages. Pure.

import { showSetting } from '../shared/runtime/setting-value.ts';
import type { Setting } from '../shared/runtime/settings.ts';
import { cell } from './limits-document.ts';
import type { ProgramSettings } from './program-settings.ts';

/** The text of docs/settings.md. */
export function settingsDocument(programs: readonly ProgramSettings[]): string {
  const lines = [
    '# Every setting',
    '',
    'Made by `npx tsx scripts/settings.ts` from the schemas `node/config.ts` and `coordinator/config.ts`; do not edit.',
    '`shoal help COMMAND` tells the same for the command at hand, with the defaults that hold there.',
    '',
    'A flag wins over the environment, the environment over the YAML file of `--config` (or `SHOAL_CONFIG`), the file over',
    'the default. An unknown flag, variable or key is an error, and all errors are told at once. In the file a dot is a level:',
    '',
    '```yaml',
    'http: 127.0.0.1:5000',
    'durability:',
    '  waitMs: 3 minutes',
    '```',
    '',
    'Times are written as `500ms`, `30s`, `5 minutes`, `2h`, `7 days` or as a number of milliseconds; sizes as `512KiB`,',
    '`256MiB`, `10GiB`, `125MB` or as a number of bytes; rates as `200MB/s`, `25MiB/s`, `1Gbit/s` or as bytes per second; a switch is `on` or `off`, as a flag `--origin` or `--no-origin`.',
    'One file may serve all programs of a host: each takes what is its own.',
    '',
    'A running service reads its settings again at SIGHUP (but not in a terminal, where the signal means that this was closed). It takes up those that say *reloadable*, logs what changed, tells',
    'which changes wait for the next start, and keeps what is in use when the new settings are wrong.',
    '',
    '`shoal up` takes the settings of both but `coordinator` and `join`; there `origin` is on and `listen` is `127.0.0.1:5100`.',
  ];
  for (const { title, settings } of programs) {
    lines.push('', `## ${title}`, '', '| key | flag | environment | default | what and why |', '|---|---|---|---|---|');
    lines.push(...settings.map(row));
  }
  return `${lines.join('\n')}\n`;
}

function row(setting: Setting): string {
  const flag = setting.kind === 'switch' ? `--[no-]${setting.flag}` : `--${setting.flag} ${setting.placeholder}`;
  const fallback =
    setting.default === undefined ? cell(setting.whenAbsent) : `\`${showSetting(setting, setting.default)}\``;
  const cells = [
    `\`${setting.key}\``,
    `\`${cell(flag)}\``,
    `\`${setting.environment}\``,
    fallback,
    `${cell(setting.description)}${rangeText(setting)}${setting.isReloadable ? ' *Reloadable.*' : ''}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

function rangeText(setting: Setting): string {
  const { minimum, maximum, maxItems } = setting;
  if (minimum !== undefined && maximum !== undefined) {
    return ` From ${showSetting(setting, minimum)} to ${showSetting(setting, maximum)}.`;
  }
  return maxItems === undefined ? '' : ` At most ${maxItems}.`;
}

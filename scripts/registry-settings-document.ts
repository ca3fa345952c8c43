// The document that says what becomes of every key of a registry configuration, made from the table that reads it. Pure.

import type { RegistryKey, Treatment } from '../node/registry-config/registry-key.ts';
import type { RegistrySection } from '../node/registry-config/registry-section.ts';
import { cell } from './limits-document.ts';

const MEANINGS: Readonly<Record<Treatment['type'], string>> = {
  setting: 'works',
  mapped: 'works',
  ignored: 'no effect',
  refused: '**error**',
};

/** The text of docs/registry-settings.md. */
export function registrySettingsDocument(sections: readonly RegistrySection[]): string {
  const lines = [
    '# Settings of the registry container, here',
    '',
    'Made by `npx tsx scripts/registry-settings.ts` from `node/registry-config/`; do not edit.',
    '',
    '`shoal serve CONFIG`, and `registry serve CONFIG`, read the configuration file of registry:2 or registry:3 and variables',
    'that begin with `REGISTRY_`: `REGISTRY_HTTP_ADDR` stands for `http.addr`, its value is YAML, and it wins over the file.',
    'Variables are taken in the order of their names, so `REGISTRY_STORAGE` comes before `REGISTRY_STORAGE_DELETE_ENABLED`; items of',
    'lists have their number, `REGISTRY_HEALTH_FILE_0_FILE`. A key that is not in this table is an error; a variable that names none is told in the log.',
    'Whatever a key becomes can be set in our own words too, which win: `shoal serve CONFIG --http 127.0.0.1:5001`; see [settings.md](settings.md).',
    '',
    '| key | in the container | here | our setting | about |',
    '|---|---|---|---|---|',
  ];
  for (const { keys, variableNames } of sections) {
    lines.push(...keys.map((row) => rowText(row, variableNames ?? {})));
  }
  return `${lines.join('\n')}\n`;
}

function rowText(row: RegistryKey, variableNames: Readonly<Record<string, string>>): string {
  const settings = row.treatment.type === 'setting' ? [row.treatment.setting] : [];
  const named = row.treatment.type === 'mapped' ? row.treatment.settings : settings;
  const group = row.key.replace(/\[\].*$/, '');
  const variable = variableNames[group];
  const about = [row.about ?? '', variable === undefined ? '' : `In variables also ${variable}.`].filter(
    (text) => text !== '',
  );
  const cells = [
    `\`${row.key}${row.kind === 'any' ? '…' : ''}\``,
    row.default === undefined ? '' : `\`${cell(row.default)}\``,
    MEANINGS[row.treatment.type],
    named.map((setting) => `\`${setting}\``).join(', '),
    cell(about.join(' ')),
  ];
  return `| ${cells.join(' | ')} |`;
}

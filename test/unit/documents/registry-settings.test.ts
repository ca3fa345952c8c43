// The document of a registry's settings is true, and so is the table that it is made from.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { UpConfig } from '../../../node/cli/up-config.ts';
import { REGISTRY_SECTIONS } from '../../../node/registry-config/registry-sections.ts';
import { registrySettingsDocument } from '../../../scripts/registry-settings-document.ts';
import { repositoryRoot } from '../../../scripts/repository-files.ts';
import { settingsOf } from '../../../shared/runtime/settings.ts';

const rows = REGISTRY_SECTIONS.flatMap(({ keys }) => keys);

test('docs/registry-settings.md is what scripts/registry-settings.ts would write', async () => {
  const written = await readFile(join(repositoryRoot, 'docs/registry-settings.md'), 'utf8');

  assert.equal(written, registrySettingsDocument(REGISTRY_SECTIONS), 'npx tsx scripts/registry-settings.ts');
});

test('Every key stands in the table once, and every setting that it becomes is one of ours', () => {
  const ours = new Set(settingsOf(UpConfig).map(({ key }) => key));
  const named = rows.flatMap(({ treatment }) => {
    if (treatment.type === 'mapped') return treatment.settings;
    return treatment.type === 'setting' ? [treatment.setting] : [];
  });

  assert.equal(new Set(rows.map(({ key }) => key)).size, rows.length);
  assert.deepEqual(
    named.filter((key) => !ours.has(key)),
    [],
  );
});

test('A key that is not a setting as it stands says what becomes of it', () => {
  const silent = rows.filter(({ treatment, about = '' }) => {
    const mustTell = treatment.type === 'ignored' || treatment.type === 'refused';
    const isNothing = treatment.type === 'mapped' && treatment.settings.length === 0;
    return (mustTell || isNothing) && about === '';
  });

  assert.deepEqual(silent, []);
});

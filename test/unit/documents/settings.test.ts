// The document that lists the settings is true.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { programSettings } from '../../../scripts/program-settings.ts';
import { repositoryRoot } from '../../../scripts/repository-files.ts';
import { settingsDocument } from '../../../scripts/settings-document.ts';

test('docs/settings.md is what scripts/settings.ts would write', async () => {
  const written = await readFile(join(repositoryRoot, 'docs/settings.md'), 'utf8');

  assert.equal(written, settingsDocument(programSettings), 'npx tsx scripts/settings.ts');
});

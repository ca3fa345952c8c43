// A registry configuration that cannot be read: what its owner is told.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRegistryConfig } from '../../../node/registry-config/read-registry-config.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const read = (path: string): Promise<unknown> => readRegistryConfig({ path, environment: {} });

test('A file that is not YAML is told with the line and what is wrong there, and never with what stands there', async () => {
  await using folder = await openTemporaryFolder('registry-config');
  const path = join(folder.path, 'config.yml');
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      'version: 0.1\nstorage:\n\tfilesystem: {}',
      /config\.yml: not valid YAML in line 3: indented with a tab; use spaces$/,
    ],
    ['version: 0.1\nversion: 0.1', /config\.yml: not valid YAML in line 2: the same key twice$/],
    ['http:\n  addr: :5000\n secret: 1', /config\.yml: not valid YAML in line 3: indented otherwise/],
    ['http:\n  secret: p: s3cret', /config\.yml: not valid YAML in line 2: text with ": " in it needs quotes$/],
    ['http:\n  secret: @s3cret', /config\.yml: not valid YAML in line 2: text that begins with @.* needs quotes$/],
    ['http:\n  secret: "s3cret', /config\.yml: not valid YAML in line 2: a quote, bracket or comma is missing$/],
    ['http:\n  secret: "\\s3cret"', /config\.yml: not valid YAML in line 2: a backslash between double quotes/],
    ['s3cret\nversion: 0.1', /config\.yml: not valid YAML in line 1: a key without ":" after it$/],
  ];

  for (const [text, expected] of cases) {
    await writeFile(path, text);
    await assert.rejects(read(path), ({ message }: Error) => {
      assert.match(message, expected);
      return !message.includes('s3cret');
    });
  }
});

test('A file that cannot be read is told with its name and what to do', async () => {
  await using folder = await openTemporaryFolder('registry-config');
  const absent = join(folder.path, 'absent.yml');

  await assert.rejects(read(absent), new RegExp(`${absent} is not there; `));
  await assert.rejects(read(folder.path), new RegExp(`${folder.path} is a folder; `));
});

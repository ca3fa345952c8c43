import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { KnownJournal, KNOWN_JOURNAL_DEFAULTS } from '../../../node/store/known-journal.ts';
import { digestOf, encodedOf } from '../../../shared/oci/digest.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-known-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const bytes = Buffer.from('{"schemaVersion":2}');
const digest = digestOf(bytes);
const manifest = { digest, mediaType: 'application/vnd.oci.image.manifest.v1+json', bytes };

function openJournal(name: string, options: { readonly maxEntries?: number } = {}): Promise<KnownJournal> {
  return KnownJournal.open(
    { log: silentLogger },
    { ...KNOWN_JOURNAL_DEFAULTS, ...options, folder: join(folder, name) },
  );
}

test('KnownJournal gives after a restart what was remembered before', async () => {
  {
    await using journal = await openJournal('restart');
    journal.rememberManifest('app', { tag: 'v1' }, manifest);
    journal.rememberBlob('app', digest, 42);
  }

  await using journal = await openJournal('restart');

  assert.deepEqual(await journal.manifest('app', { tag: 'v1' }), manifest);
  assert.deepEqual(await journal.manifest('app', { digest }), manifest);
  assert.equal(journal.blobSize('app', digest), 42);
  assert.equal(journal.blobSize('other', digest), undefined);
  assert.equal(await journal.manifest('other', { tag: 'v1' }), undefined);
});

test('KnownJournal forgets a deleted manifest together with the tags that point to it', async () => {
  {
    await using journal = await openJournal('forget');
    journal.rememberManifest('app', { tag: 'v1' }, manifest);
    journal.forgetManifest('app', { digest });
  }

  await using journal = await openJournal('forget');

  assert.equal(await journal.manifest('app', { tag: 'v1' }), undefined);
  assert.equal(await journal.manifest('app', { digest }), undefined);
});

test('KnownJournal passes over lines that a crash cut short', async () => {
  {
    await using journal = await openJournal('torn');
    journal.rememberBlob('app', digest, 42);
  }
  await appendFile(join(folder, 'torn', 'journal.jsonl'), '{"k":"blob","r":"app","d":"sha2');

  {
    await using journal = await openJournal('torn');
    journal.rememberBlob('later', digest, 43);
  }

  await using journal = await openJournal('torn');

  assert.equal(journal.blobSize('app', digest), 42);
  assert.equal(journal.blobSize('later', digest), 43);
});

test('KnownJournal does not serve manifest bytes that no longer hash to their name', async () => {
  {
    await using journal = await openJournal('short');
    journal.rememberManifest('app', { digest }, manifest);
  }
  await truncate(join(folder, 'short', 'manifests', 'sha256', encodedOf(digest)), 3);

  await using journal = await openJournal('short');

  assert.equal(await journal.manifest('app', { digest }), undefined);
});

test('KnownJournal forgets the least recently heard beyond its limit and compacts its file', async () => {
  await using journal = await openJournal('bounded', { maxEntries: 3 });

  for (let size = 0; size < 4000; size += 1) journal.rememberBlob(`app${size % 5}`, digest, size);
  await journal.flush();

  assert.equal(journal.blobSize('app4', digest), 3999);
  assert.equal(journal.blobSize('app1', digest), undefined);
  const lines = (await readFile(join(folder, 'bounded', 'journal.jsonl'), 'utf8')).split('\n').length;
  assert.ok(lines < 2100, `${lines} lines`);
});

test('KnownJournal opens a file of nonsense as empty', async () => {
  await (await openJournal('nonsense'))[Symbol.asyncDispose]();
  await writeFile(join(folder, 'nonsense', 'journal.jsonl'), '[1]\nnull\n{"k":"tag"}\n\u0000\n');

  await using journal = await openJournal('nonsense');

  assert.equal(await journal.manifest('app', { tag: 'v1' }), undefined);
});

test('KnownJournal writes a manifest again that is heard again after a crash lost its file', async () => {
  {
    await using journal = await openJournal('lost-file');
    journal.rememberManifest('app', { tag: 'v1' }, manifest);
  }
  await truncate(join(folder, 'lost-file', 'manifests', 'sha256', encodedOf(digest)), 3);
  {
    await using journal = await openJournal('lost-file');
    journal.rememberManifest('app', { tag: 'v1' }, manifest);
  }

  await using journal = await openJournal('lost-file');

  assert.deepEqual(await journal.manifest('app', { tag: 'v1' }), manifest);
});

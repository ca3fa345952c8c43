import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { BlobReader } from '../../../node/content/blob-reader.ts';
import type { BlobStore, UploadStore } from '../../../node/content/blob-store.ts';
import { DigestLocks } from '../../../node/content/digest-locks.ts';
import { NodeBlobs } from '../../../node/content/node-blobs.ts';
import { ResolvedImages } from '../../../node/pulls/resolved-images.ts';
import { NodeManifests } from '../../../node/content/node-manifests.ts';
import { NodeUploads } from '../../../node/content/node-uploads.ts';
import type { SwarmSource, WantedBlob } from '../../../node/content/swarm-source.ts';
import { KnownJournal, KNOWN_JOURNAL_DEFAULTS } from '../../../node/store/known-journal.ts';
import { digestOf, type Digest } from '../../../shared/oci/digest.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { FakeLink } from '../../support/fake-link.ts';

let folder: string;
let journals = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-content-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const bytes = Buffer.from('{"schemaVersion":2}');
const digest = digestOf(bytes);
const layer = digestOf(Buffer.from('layer'));
const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const { signal } = new AbortController();

function openKnown(): Promise<KnownJournal> {
  journals += 1;
  return KnownJournal.open(
    { log: silentLogger },
    { ...KNOWN_JOURNAL_DEFAULTS, folder: join(folder, String(journals)) },
  );
}

const resolving = {
  'manifest.resolve': () =>
    ({ found: true, digest, mediaType, bytes, blobs: [{ digest: layer, sizeBytes: 5 }] }) as const,
};

const all = (): undefined => undefined;

test('A tag resolves to the last known answer with a warning while the coordinator is away', async () => {
  await using known = await openKnown();
  const link = new FakeLink(resolving);
  const manifests = new NodeManifests(
    { link, known, images: new ResolvedImages(), log: silentLogger },
    { staleTags: 'serve' },
  );
  await manifests.pull('app', { tag: 'v1' }, { signal });
  link.disconnect();

  const stale = await manifests.pull('app', { tag: 'v1' }, { signal });
  const byDigest = await manifests.pull('app', { digest }, { signal });

  assert.equal(stale.digest, digest);
  assert.match(stale.warning ?? '', /coordinator is away/);
  assert.equal(byDigest.warning, undefined);
});

test('A stale tag is refused when the setting says so, a digest is not', async () => {
  await using known = await openKnown();
  const link = new FakeLink(resolving);
  const manifests = new NodeManifests(
    { link, known, images: new ResolvedImages(), log: silentLogger },
    { staleTags: 'refuse' },
  );
  await manifests.pull('app', { tag: 'v1' }, { signal });
  link.disconnect();

  await assert.rejects(manifests.pull('app', { tag: 'v1' }, { signal }), (error) =>
    isAppError(error, 'stale_tag_refused'),
  );
  assert.equal((await manifests.pull('app', { digest }, { signal })).digest, digest);
});

test('What was never seen here is unreachable, not absent, while the coordinator is away', async () => {
  await using known = await openKnown();
  const link = new FakeLink({});
  const manifests = new NodeManifests(
    { link, known, images: new ResolvedImages(), log: silentLogger },
    { staleTags: 'serve' },
  );
  link.disconnect();

  await assert.rejects(manifests.pull('app', { tag: 'v1' }, { signal }), (error) =>
    isAppError(error, 'coordinator_unreachable'),
  );
});

test('A tag that was deleted at the coordinator is not served from memory afterwards', async () => {
  await using known = await openKnown();
  let isThere = true;
  const link = new FakeLink({
    'manifest.resolve': () =>
      isThere ? resolving['manifest.resolve']() : { found: false, reason: 'manifest_unknown' },
  });
  const manifests = new NodeManifests(
    { link, known, images: new ResolvedImages(), log: silentLogger },
    { staleTags: 'serve' },
  );
  await manifests.pull('app', { tag: 'v1' }, { signal });
  isThere = false;
  await assert.rejects(manifests.pull('app', { tag: 'v1' }, { signal }), (error) =>
    isAppError(error, 'manifest_unknown'),
  );
  link.disconnect();

  await assert.rejects(manifests.pull('app', { tag: 'v1' }, { signal }), (error) =>
    isAppError(error, 'coordinator_unreachable'),
  );
});

test('A blob is read from this host first and from the swarm when it is not here', async () => {
  await using known = await openKnown();
  const local = new Set<Digest>();
  const blobs = new NodeBlobs({
    metrics: new Metrics(),
    onUse: () => undefined,
    link: new FakeLink({ 'blob.stat': () => ({ sizeBytes: 5 }) }),
    known,
    store: { open: async (asked: Digest) => (local.has(asked) ? readerOf('here') : undefined) } as unknown as BlobStore,
    swarm: { open: async () => readerOf('peers') } as unknown as SwarmSource,
  });

  assert.equal(await firstBytes(await blobs.open('app', layer, all, signal)), 'peers');
  local.add(layer);
  assert.equal(await firstBytes(await blobs.open('app', layer, all, signal)), 'here');
});

test('A range that lies outside a blob begins no download, and one inside says what will be read', async () => {
  await using known = await openKnown();
  const asked: unknown[] = [];
  const blobs = new NodeBlobs({
    metrics: new Metrics(),
    onUse: () => undefined,
    link: new FakeLink({ 'blob.stat': () => ({ sizeBytes: 5 }) }),
    known,
    store: { open: async () => undefined } as unknown as BlobStore,
    swarm: {
      open: async (blob: WantedBlob) => {
        asked.push(blob.ranges);
        return readerOf('peers');
      },
    } as unknown as SwarmSource,
  });

  const outside = await blobs.open('app', layer, () => [], signal);
  await blobs.open('app', layer, (sizeBytes) => [{ first: 1, last: sizeBytes - 2 }], signal);

  assert.equal(outside?.sizeBytes, 5);
  assert.deepEqual(asked, [[{ first: 1, last: 3 }]]);
});

test('A blob of another repository is not there, also when this host has its bytes', async () => {
  await using known = await openKnown();
  const blobs = new NodeBlobs({
    metrics: new Metrics(),
    onUse: () => undefined,
    link: new FakeLink({ 'blob.stat': ({ repository }) => (repository === 'app' ? { sizeBytes: 5 } : {}) }),
    known,
    store: { open: async () => readerOf('here') } as unknown as BlobStore,
    swarm: {} as SwarmSource,
  });

  assert.equal(await blobs.open('other', layer, all, signal), undefined);
  assert.notEqual(await blobs.open('app', layer, all, signal), undefined);
});

test('Leave to read a blob is remembered for its repository while the coordinator is away', async () => {
  await using known = await openKnown();
  const link = new FakeLink(resolving);
  const manifests = new NodeManifests(
    { link, known, images: new ResolvedImages(), log: silentLogger },
    { staleTags: 'serve' },
  );
  const blobs = new NodeBlobs({
    metrics: new Metrics(),
    onUse: () => undefined,
    link,
    known,
    store: {} as BlobStore,
    swarm: {} as SwarmSource,
  });
  await manifests.pull('app', { tag: 'v1' }, { signal });
  link.disconnect();

  assert.deepEqual(await blobs.stat('app', layer, signal), { sizeBytes: 5 });
  await assert.rejects(blobs.stat('other', layer, signal), (error) => isAppError(error, 'coordinator_unreachable'));
});

test('A push is refused at once, before any byte, while the coordinator is away', async () => {
  await using known = await openKnown();
  const link = new FakeLink({});
  link.disconnect();
  const store = { create: () => assert.fail('a session was opened') } as unknown as UploadStore;
  const uploads = new NodeUploads({ link, known, store, locks: new DigestLocks(), onAdopted: () => undefined });

  await assert.rejects(uploads.begin('app'), (error) => isAppError(error, 'coordinator_unreachable'));
});

function readerOf(text: string): BlobReader {
  const content = Buffer.from(text);
  return {
    sizeBytes: content.byteLength,
    read: async (target, position) => content.copy(target, 0, position),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function firstBytes(reader: BlobReader | undefined): Promise<string> {
  const target = Buffer.alloc(64);
  const count = (await reader?.read(target, 0, signal)) ?? 0;
  return target.toString('utf8', 0, count);
}

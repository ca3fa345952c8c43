// Blobs of a repository that is a copy of an upstream's.

import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { chunkedBody, type Body } from '../../../node/content/body.ts';
import type { BlobReader } from '../../../node/content/blob-reader.ts';
import type { Blobs } from '../../../node/content/content.ts';
import { DigestLocks } from '../../../node/content/digest-locks.ts';
import { BlobFetches } from '../../../node/upstream/blob-fetches.ts';
import { CachedBlobs } from '../../../node/upstream/cached-blobs.ts';
import { proxyMetrics } from '../../../node/upstream/proxy-metrics.ts';
import { UpstreamNames } from '../../../node/upstream/upstream-name.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

const BLOB = Buffer.from('a layer that somebody says to have');
const DIGEST = digestOf(BLOB);
const never = new AbortController().signal;
const REPOSITORY = 'up.example/app';

test('A blob that a host says to have and does not give comes from the upstream', async () => {
  await using folder = await openTemporaryFolder('cached');
  const clock = new FakeClock();
  await using store = await openTestStore({ folder: folder.path }, { clock });
  const held: Blobs = {
    stat: async () => ({ sizeBytes: BLOB.length }),
    open: () => Promise.reject(new AppError('blob_unavailable', 'no host that has this blob can be reached')),
    remove: async () => undefined,
    mount: async () => true,
  };
  const link = new FakeLink({ 'cache.lease': () => ({ state: 'held' }), 'blob.add': () => ({}) });
  await using fetches = new BlobFetches({
    clock,
    log: silentLogger,
    link,
    leaves: {
      serve: () => undefined,
      fetch: () => Promise.reject(new Error('nobody reads along')),
      blame: () => undefined,
    },
    known: { rememberBlob: () => undefined },
    store: store.arriving,
    blobs: store.blobs,
    locks: new DigestLocks(),
    onAdopted: () => undefined,
    onReceived: () => undefined,
  });
  const blobs = new CachedBlobs({
    held,
    fetches,
    store: store.blobs,
    metrics: proxyMetrics(new Metrics()),
    names: new UpstreamNames([{ name: 'up.example', otherNames: [] }], undefined),
    clientOf: () => ({
      blobSize: async () => BLOB.length,
      blob: async () => ({ sizeBytes: BLOB.length, firstByte: 0, body: bodyOf(BLOB) }),
    }),
  });

  const reader = await blobs.open(REPOSITORY, DIGEST, () => undefined, never);

  assert.ok(reader !== undefined);
  assert.deepEqual(await readAll(reader), BLOB);
});

async function readAll(reader: BlobReader): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let position = 0; ;) {
    const target = new Uint8Array(100);
    const count = await reader.read(target, position, never);
    if (count === 0) break;
    chunks.push(target.subarray(0, count));
    position += count;
  }
  await reader[Symbol.asyncDispose]();
  return Buffer.concat(chunks);
}

function bodyOf(bytes: Uint8Array): Body {
  return chunkedBody(Readable.from([bytes]));
}

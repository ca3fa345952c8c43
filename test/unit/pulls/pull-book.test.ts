import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check } from 'typebox/value';
import { PullBook, type KeptReport, type PullMemory } from '../../../node/pulls/pull-book.ts';
import type { PullRecord } from '../../../node/pulls/pull-record.ts';
import { ResolvedImages } from '../../../node/pulls/resolved-images.ts';
import { digestOf, type Digest } from '../../../shared/oci/digest.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../../../shared/oci/media-types.ts';
import { PullDetail, PullList } from '../../../shared/protocol/pull-report.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const text = (value: string): Digest => digestOf(Buffer.from(value));

class ListOfReports implements PullMemory {
  readonly kept: KeptReport[] = [];

  async load(): Promise<readonly KeptReport[]> {
    return this.kept;
  }

  append(report: KeptReport): void {
    this.kept.push(report);
  }
}

function imageManifest(...layers: readonly string[]): { digest: Digest; mediaType: string; bytes: Uint8Array } {
  const descriptor = (name: string): object => ({
    mediaType: 'application/octet-stream',
    digest: text(name),
    size: 100,
  });
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: descriptor(`config of ${layers.join()}`),
      layers: layers.map(descriptor),
    }),
  );
  return { digest: digestOf(bytes), mediaType: OCI_MANIFEST, bytes };
}

async function openBook(): Promise<{
  book: PullBook;
  clock: FakeClock;
  images: ResolvedImages;
  memory: ListOfReports;
}> {
  const clock = new FakeClock();
  const images = new ResolvedImages();
  const memory = new ListOfReports();
  return { book: await PullBook.open({ clock, memory, images }), clock, images, memory };
}

/** A blob of 100 bytes that one peer gives at once. */
function pullThrough(book: PullBook, clock: FakeClock, blob: { digest: Digest; repository?: string }): void {
  finish(book.begin({ ...blob, sizeBytes: 100, cause: 'client' }), clock);
}

function finish(record: PullRecord, clock: FakeClock): void {
  const nowMs = clock.nowMs();
  record.granted(nowMs);
  record.locating(nowMs);
  record.located(nowMs, []);
  record.opened(0);
  const tally = record.peer('a', 'tls');
  tally.asked({ isAgain: false });
  tally.received(100, nowMs);
  tally.verified(100);
  record.fetched(nowMs);
  record.ended(nowMs);
}

test('Blobs of one image are one pull under the name that the client asked for', async () => {
  const { book, clock, images } = await openBook();
  const manifest = imageManifest('layer 1', 'layer 2');
  images.note('team/app', { tag: 'v1' }, manifest);

  pullThrough(book, clock, { digest: text('layer 1'), repository: 'team/app' });
  await clock.advance(20_000);
  pullThrough(book, clock, { digest: text('layer 2'), repository: 'team/app' });

  const list = book.list(10);
  assert.ok(Check(PullList, list));
  assert.equal(list.pulls.length, 1);
  const [pull] = list.pulls;
  assert.deepEqual(pull?.image, {
    repository: 'team/app',
    tag: 'v1',
    digest: manifest.digest,
    blobCount: 3,
    sizeBytes: 300,
  });
  assert.deepEqual([pull?.blobCount, pull?.fetchedBytes, pull?.tookMs, pull?.idleMs], [2, 200, 20_000, 20_000]);
  assert.equal(pull?.verdict.code, 'waited_for_client');
  const detail = book.detail(pull?.id ?? 0);
  assert.ok(Check(PullDetail, detail));
  assert.equal(detail?.blobs.length, 2);
});

test('An image of an index is known by the tag of the index', async () => {
  const { book, clock, images } = await openBook();
  const child = imageManifest('layer');
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [{ mediaType: OCI_MANIFEST, digest: child.digest, size: child.bytes.byteLength }],
    }),
  );
  const index = { digest: digestOf(bytes), mediaType: OCI_INDEX, bytes };
  images.note('app', { tag: 'v2' }, index);
  images.note('app', { digest: child.digest }, child);

  pullThrough(book, clock, { digest: text('layer'), repository: 'app' });

  assert.equal(book.list(1).pulls[0]?.image?.tag, 'v2');
  assert.equal(book.list(1).pulls[0]?.image?.digest, child.digest);
});

test('The same image a while later is another pull', async () => {
  const { book, clock, images } = await openBook();
  images.note('app', { tag: 'v1' }, imageManifest('layer'));
  pullThrough(book, clock, { digest: text('layer'), repository: 'app' });
  await clock.advance(61_000);
  pullThrough(book, clock, { digest: text('layer'), repository: 'app' });

  assert.deepEqual(
    book.list(10).pulls.map(({ id }) => id),
    [2, 1],
  );
});

test('A blob that no manifest names, or of an order, is a pull of its own', async () => {
  const { book, clock } = await openBook();
  pullThrough(book, clock, { digest: text('one'), repository: 'app' });
  finish(book.begin({ digest: text('two'), sizeBytes: 100, cause: 'order' }), clock);

  assert.deepEqual(
    book.list(10).pulls.map(({ image, cause }) => [image, cause]),
    [
      [undefined, 'order'],
      [undefined, 'client'],
    ],
  );
});

test('A pull that runs is told as it is now', async () => {
  const { book, clock } = await openBook();
  const record = book.begin({ digest: text('one'), sizeBytes: 100, cause: 'client', repository: 'app' });
  record.granted(0);
  await clock.advance(3000);

  const [pull] = book.list(10).pulls;

  assert.equal(pull?.state, 'running');
  assert.equal(pull?.tookMs, 3000);
  assert.equal(pull?.endedAtMs, undefined);
});

test('Reports outlive a restart, and numbers go on where they were', async () => {
  const { book, clock, memory } = await openBook();
  pullThrough(book, clock, { digest: text('one'), repository: 'app' });
  const again = await PullBook.open({ clock, memory, images: new ResolvedImages() });
  pullThrough(again, clock, { digest: text('two'), repository: 'app' });

  assert.deepEqual(
    again.list(10).pulls.map(({ id }) => id),
    [2, 1],
  );
  assert.deepEqual(again.detail(1), book.detail(1));
});

test('Old reports go: by number, for clients and orders apart, and by age; what runs stays', async () => {
  const { book, clock } = await openBook();
  const running = book.begin({ digest: text('running'), sizeBytes: 1, cause: 'client' });
  pullThrough(book, clock, { digest: text('client'), repository: 'app' });
  for (let index = 0; index < 1000; index += 1) {
    finish(book.begin({ digest: text(`order ${index}`), sizeBytes: 100, cause: 'order' }), clock);
  }

  const ids = book.list(10_000).pulls.map(({ id }) => id);
  assert.equal(ids.length, 202);
  assert.ok(ids.includes(1) && ids.includes(2));
  await clock.advance(8 * 24 * 60 * 60 * 1000);
  assert.deepEqual(
    book.list(10_000).pulls.map(({ id }) => id),
    [1],
  );
  running.ended(clock.nowMs());
});

// Random interleavings of everything that adds and removes content, against what must always be so.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { parseManifest } from '../../../shared/oci/manifest.ts';
import {
  CollectionWorld,
  DELETE_DELAY_MS,
  EVERY_MS,
  PUSH_GRACE_MS,
  type WorldHost,
} from '../../support/collection-world.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { imageManifest, OCI_INDEX, smallBlob } from '../../support/test-coordinator.ts';
import { digestOf, type Digest } from '../../../shared/oci/digest.ts';
import { seededRandom } from '../../../scripts/simulation/core/seeded-random.ts';

const TEXTS = ['a', 'b', 'c', 'd', 'e', 'f'];
const REPOSITORIES = ['app', 'team/app'];
const TAGS = ['v1', 'v2', 'latest'];
const STEPS = 120;
/** What a push, a mount or a delete may be answered when others took away what it builds on. */
const FAIR_ANSWERS = [
  'manifest_content_missing',
  'not_enough_copies',
  'coordinator_unreachable',
  'shutting_down',
  'timed_out',
  'manifest_unknown',
  'repository_unknown',
  'blob_unknown',
  'blob_unavailable',
] as const;

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`Content stays consistent under random pushes, deletes, collections, evictions and crashes (seed ${seed})`, async () => {
    await using folder = await openTemporaryFolder('collection-model');
    const random = seededRandom(seed);
    const world = new CollectionWorld({ folder: folder.path, random, texts: TEXTS });
    world.startCoordinator();
    world.addHost('origin', { isOrigin: true });
    world.addHost('node-1', { isOrigin: false });
    world.addHost('node-2', { isOrigin: false });
    await world.clock.advance(100);
    try {
      const running = new Set<Promise<void>>();
      for (let step = 0; step < STEPS; step += 1) {
        const act = tolerate(randomAct(world, random));
        running.add(act);
        void act.finally(() => running.delete(act));
        await world.clock.advance(Math.floor(random() < 0.1 ? random() * 40_000 : random() * 15));
        if (random() < 0.04) {
          await world.crashCoordinator();
          await world.clock.advance(Math.floor(random() * 200));
          world.restart();
          await world.clock.advance(300);
        }
        assertConsistent(world);
      }
      await world.clock.advance(10_000);
      await Promise.all(running);
      for (const host of world.hosts) {
        const crash = host.crashWithFile(smallBlob(TEXTS[Math.floor(random() * TEXTS.length)] ?? '').digest);
        await world.clock.advance(200);
        await crash;
      }
      await world.clock.advance(DELETE_DELAY_MS + PUSH_GRACE_MS + 2 * EVERY_MS + 10_000);

      assertConsistent(world);
      await assertServable(world);
      assertNothingUnreachable(world);
    } finally {
      await world.close();
    }
  });
}

/** Acts run beside each other; each fails only with an answer that a client would understand. */
async function tolerate(act: Promise<void>): Promise<void> {
  try {
    await act;
  } catch (error) {
    if (!isAppError(error, ...FAIR_ANSWERS)) throw error;
  }
}

async function randomAct(world: CollectionWorld, random: () => number): Promise<void> {
  const pick = <T>(things: readonly T[]): T => things[Math.floor(random() * things.length)] as T;
  const host = pick(world.hosts);
  const repository = pick(REPOSITORIES);
  const kind = random();
  if (kind < 0.35)
    return pushImage(world, host, { repository, tag: pick(TAGS), texts: TEXTS.filter(() => random() < 0.5) });
  if (kind < 0.42) return pushIndex(world, host, { repository, tag: pick(TAGS), text: pick(TEXTS) });
  if (kind < 0.5) return host.pushBlob(repository, pick(TEXTS)); // a push that never comes to its manifest
  if (kind < 0.58) return mount(world, host, { repository, text: pick(TEXTS) });
  if (kind < 0.78) return remove(world, host, { repository, tag: pick(TAGS), isWhole: random() < 0.7 });
  if (kind < 0.88) {
    world.core.collection.start({ isDryRun: random() < 0.3, deleteUntagged: random() < 0.5 });
    return;
  }
  if (kind < 0.97) return host.evict(smallBlob(pick(TEXTS)).digest);
  return host.crashWithFile(smallBlob(pick(TEXTS)).digest);
}

async function pushImage(
  { signal }: CollectionWorld,
  host: WorldHost,
  image: { readonly repository: string; readonly tag?: string; readonly texts: readonly string[] },
): Promise<void> {
  const { repository, tag, texts } = image;
  if (texts.length === 0) return;
  for (const text of texts) await host.pushBlob(repository, text);
  const put = { repository, ...imageManifest(texts.map(smallBlob)), tags: tag === undefined ? [] : [tag] };
  await host.link.call('manifest.put', put, signal);
}

async function pushIndex(
  world: CollectionWorld,
  host: WorldHost,
  index: { readonly repository: string; readonly tag: string; readonly text: string },
): Promise<void> {
  const { repository, tag, text } = index;
  await pushImage(world, host, { repository, texts: [text] });
  const { digest, bytes: child, mediaType } = imageManifest([smallBlob(text)]);
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [{ mediaType, digest, size: child.length }] }),
  );
  const put = { repository, digest: digestOf(bytes), mediaType: OCI_INDEX, bytes, tags: [tag] };
  await host.link.call('manifest.put', put, world.signal);
}

async function mount(
  { signal }: CollectionWorld,
  host: WorldHost,
  target: { readonly repository: string; readonly text: string },
): Promise<void> {
  await host.link.call('blob.mount', { repository: target.repository, digest: smallBlob(target.text).digest }, signal);
}

async function remove(
  world: CollectionWorld,
  host: WorldHost,
  target: { readonly repository: string; readonly tag: string; readonly isWhole: boolean },
): Promise<void> {
  const { signal } = world;
  const { repository, tag, isWhole } = target;
  const found = await host.link.call('manifest.resolve', { repository, reference: { tag } }, signal);
  if (!found.found) return;
  const reference = isWhole ? { digest: found.digest } : { tag };
  if (isWhole) world.deletedByUsers.add(`${repository}@${found.digest}`);
  await host.link.call('manifest.delete', { repository, reference }, signal);
}

/** No manifest names a blob or an entry that its repository does not hold, and every blob of one lies on the origin. */
function assertConsistent(world: CollectionWorld): void {
  const origin = world.hosts[0];
  for (const { repository, digest, named } of manifestsOf(world)) {
    for (const { target, isPresent } of named) {
      assert.ok(isPresent, `${repository}@${digest} names ${target}, which is not there`);
      const isBlob = world.database.blobs.find(target) !== undefined;
      assert.ok(!isBlob || origin?.store.bytesOf(target) !== undefined, `the origin lost ${target} of ${repository}`);
    }
  }
}

async function assertServable(world: CollectionWorld): Promise<void> {
  const { signal, hosts } = world;
  const link = hosts[1]?.link;
  assert.ok(link !== undefined);
  for (const { repository, named } of manifestsOf(world)) {
    for (const { target } of named) {
      if (world.database.blobs.find(target) === undefined) continue;
      const { sizeBytes } = await link.call('blob.stat', { repository, digest: target }, signal);
      assert.ok(sizeBytes !== undefined, `${target} of ${repository} cannot be read`);
    }
  }
}

/** Enough time has passed: what no manifest names is gone from the index and from every disk. */
function assertNothingUnreachable(world: CollectionWorld): void {
  const named = new Set(manifestsOf(world).flatMap((manifest) => manifest.named.map(({ target }) => target)));
  for (const text of TEXTS) {
    const { digest } = smallBlob(text);
    if (named.has(digest)) continue;
    for (const host of world.hosts)
      assert.equal(host.store.bytesOf(digest), undefined, `${host.nodeId} still has ${text}, which nothing leads to`);
    assert.equal(world.database.blobs.find(digest), undefined, `the index still has ${text}`);
  }
  assert.equal(world.database.blobReviews.totals().count, 0);
}

interface FoundManifest {
  readonly repository: string;
  readonly digest: Digest;
  readonly named: ReadonlyArray<{ readonly target: Digest; readonly isPresent: boolean }>;
}

/** Every manifest of every repository, read from the bytes, not from the tables that collection goes by. */
function manifestsOf({ database, deletedByUsers }: CollectionWorld): FoundManifest[] {
  const found: FoundManifest[] = [];
  for (const repository of REPOSITORIES) {
    const repositoryId = database.repositories.find(repository);
    if (repositoryId === undefined) continue;
    for (const { digest, bytes, mediaType } of database.manifests.ofRepository(repositoryId)) {
      const { blobs, children } = parseManifest(bytes, mediaType);
      const named = [...blobs, ...children].map((descriptor) => {
        const target = descriptor.digest as Digest;
        const isPresent =
          database.repositoryBlobs.find(repositoryId, target) !== undefined ||
          database.manifests.isPresent(repositoryId, target) ||
          deletedByUsers.has(`${repository}@${target}`); // an entry of an index may be deleted alone
        return { target, isPresent };
      });
      found.push({ repository, digest, named });
    }
  }
  return found;
}

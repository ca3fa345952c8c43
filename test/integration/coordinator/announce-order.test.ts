// A host that is ordered to say all its files again, over a real session.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobStat, StoredBlob } from '../../../node/content/blob-store.ts';
import { Announcer } from '../../../node/coordinator-link/announcer.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { LATER_ORDERS, type CoordinatorLink, type Params } from '../../../shared/protocol/coordinator-methods.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { connectNode } from '../../support/connected-node.ts';
import { eventually } from '../../support/eventually.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { imageManifest, smallBlob, startTestCoordinator } from '../../support/test-coordinator.ts';

/** One more than are remembered of all hosts together. */
const STRAY_COUNT = 100_001;
const { signal } = new AbortController();
const pushed = [smallBlob('config'), smallBlob('layer')];

test('A push that waits for copies goes on while its host is ordered to say all its files again', async () => {
  await using folder = await openTemporaryFolder('announce-order');
  const coordinator = await startTestCoordinator(folder.path, { durability: { copies: 2, waitMs: 120_000 } });
  await using _running = coordinator.running;
  await using pusher = await connectNode(coordinator, 'pusher', { isOrigin: true, carriesOut: [...LATER_ORDERS] });
  await using other = await connectNode(coordinator, 'other', { isOrigin: true });
  let sessionsEnded = 0;
  pusher.link.listen({ onDisconnected: () => (sessionsEnded += 1) });
  for (const { digest, table } of pushed)
    await pusher.link.call('blob.add', { repository: 'app', digest, table }, signal);
  const strays = Array.from({ length: STRAY_COUNT }, (_, index) => stray(index));
  const store = new Set<BlobStat>([...pushed, ...strays]);
  const inventories: number[] = [];
  await using announcer = announcerOf(listening(pusher.link, inventories), store);
  await eventually({ what: 'the first inventory' }, () => inventories.length === 1);

  let isCommitted = false;
  const image = imageManifest(pushed);
  const commit = pusher.link.call('manifest.put', { repository: 'app', ...image, tags: ['v1'] }, signal).then(() => {
    isCommitted = true;
  });
  for (const blob of pushed)
    await other.event((event) => event.type === 'order.replicate' && event.digest === blob.digest);
  for (const blob of strays) {
    store.delete(blob);
    announcer.remove(blob.digest);
  }
  await pusher.event(({ type }) => type === 'order.announce');
  await eventually({ what: 'the second inventory' }, () => inventories.length === 2);

  assert.deepEqual(inventories, [store.size + STRAY_COUNT, store.size]);
  assert.equal(isCommitted, false);
  const added = pushed.map(({ digest, sizeBytes }) => ({ digest, sizeBytes }));
  await other.link.call('holdings.announce', { added, removed: [] }, signal);
  await commit;
  assert.equal(sessionsEnded, 0);
});

function stray(index: number): BlobStat {
  return { digest: digestOf(Buffer.from(`stray ${index}`)), sizeBytes: 1 };
}

function announcerOf(link: CoordinatorLink, held: ReadonlySet<BlobStat>): Announcer {
  async function* list(): AsyncGenerator<StoredBlob> {
    for (const { digest, sizeBytes } of [...held]) yield { digest, sizeBytes, lastUsedMs: 0 };
  }
  return new Announcer({
    link,
    blobs: { list },
    clock: systemClock,
    log: silentLogger,
    random: () => 0,
  });
}

/** Writes down how many blobs each inventory named that the coordinator took to its end. */
function listening(link: CoordinatorLink, inventories: number[]): CoordinatorLink {
  let count = 0;
  const note = ({ snapshot, added }: Params<'holdings.announce'>): void => {
    if (snapshot === undefined) return;
    count = (snapshot === 'begin' || snapshot === 'whole' ? 0 : count) + added.length;
    if (snapshot === 'end' || snapshot === 'whole') inventories.push(count);
  };
  return {
    get isConnected() {
      return link.isConnected;
    },
    get failure() {
      return link.failure;
    },
    async call(method, params, callSignal) {
      const result = await link.call(method, params, callSignal);
      if (method === 'holdings.announce') note(params as Params<'holdings.announce'>);
      return result;
    },
    listen: (listener) => link.listen(listener),
  };
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { imageManifest, linkNode, smallBlob, startTestCoordinator } from '../../support/test-coordinator.ts';

const { signal } = new AbortController();
const repository = 'app';

test('A blob whose last copy is gone is not there, cannot be mounted, and is when it is pushed again', async () => {
  await using folder = await openTemporaryFolder('lost');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using origin = await linkNode(running, 'origin', { isOrigin: true });
  const { digest, sizeBytes, table } = smallBlob('layer');
  await origin.link.call('blob.add', { repository, digest, table }, signal);
  const put = { repository, ...imageManifest([{ digest, sizeBytes, table }]), tags: ['v1'] };
  await origin.link.call('manifest.put', put, signal);

  // The origin comes back with an empty disk.
  await origin.link.call('holdings.announce', { snapshot: 'whole', added: [], removed: [] }, signal);
  assert.deepEqual(await origin.link.call('blob.stat', { repository, digest }, signal), {});
  for (const from of [{}, { from: repository }]) {
    const mount = { repository: 'other', digest, ...from };
    assert.deepEqual(await origin.link.call('blob.mount', mount, signal), { isMounted: false });
  }

  await origin.link.call('blob.add', { repository, digest, table }, signal);
  assert.deepEqual(await origin.link.call('blob.stat', { repository, digest }, signal), { sizeBytes });
  await origin.link.call('manifest.put', put, signal);
});

test('A blob whose only holder is out of reach is still there', async () => {
  await using folder = await openTemporaryFolder('lost');
  await using running = (await startTestCoordinator(folder.path, { graceMs: 0 })).running;
  await using node = await linkNode(running, 'node');
  const { digest, sizeBytes, table } = smallBlob('layer');
  {
    await using origin = await linkNode(running, 'origin', { isOrigin: true });
    await origin.link.call('blob.add', { repository, digest, table }, signal);
  }
  assert.deepEqual(await node.link.call('blob.stat', { repository, digest }, signal), { sizeBytes });
});

// Lists of referrers that say much of themselves, over a session whose messages have a limit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_MANIFEST_BYTES } from '../../../shared/oci/manifest.ts';
import { connectNode } from '../../support/connected-node.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { imageManifest, smallBlob, startTestCoordinator } from '../../support/test-coordinator.ts';

const { signal } = new AbortController();
const REFERRERS = 5;

test('Referrers with long artifact types come in as many pages as it takes', async () => {
  await using folder = await openTemporaryFolder('large-referrers');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  await using node = await connectNode(coordinator, 'node', { isOrigin: true });
  const { digest, table } = smallBlob('config');
  const repository = 'app';
  await node.link.call('blob.add', { repository, digest, table }, signal);
  const subject = { mediaType: 'application/x', digest, size: 1 };
  for (let index = 0; index < REFERRERS; index += 1) {
    const artifactType = `application/${index}`.padEnd(MAX_MANIFEST_BYTES - 4096, 'x');
    const image = imageManifest([smallBlob('config')], { artifactType, subject });
    await node.link.call('manifest.put', { repository, ...image, tags: [] }, signal);
  }

  const listed: string[] = [];
  for (let hasMore = true; hasMore;) {
    const last = listed.at(-1);
    const after = last === undefined ? {} : { last };
    const query = { repository, subject: digest, artifactTypes: [], limit: 100, maxBytes: MAX_MANIFEST_BYTES };
    const page = await node.link.call('referrers.list', { ...query, ...after }, signal);
    listed.push(...page.descriptors.map((descriptor) => descriptor.digest));
    ({ hasMore } = page);
  }

  assert.equal(new Set(listed).size, REFERRERS);
});

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestOf } from '../../../shared/oci/digest.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import {
  imageManifest,
  LinkedNode,
  linkNode,
  OCI_INDEX,
  smallBlob,
  startTestCoordinator,
} from '../../support/test-coordinator.ts';

const signal = new AbortController().signal;
const config = smallBlob('config');
const layer = smallBlob('layer');
const image = imageManifest([config, layer]);

test('A push on an origin is committed at once and resolves with its blobs', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using node = await linkNode(running, 'origin', { isOrigin: true });
  for (const { digest, table } of [config, layer])
    await node.link.call('blob.add', { repository: 'a/b', digest, table }, signal);

  await node.link.call('manifest.put', { repository: 'a/b', ...image, tags: ['v1'] }, signal);

  const resolved = await node.link.call('manifest.resolve', { repository: 'a/b', reference: { tag: 'v1' } }, signal);
  assert.ok(resolved.found);
  assert.equal(resolved.digest, image.digest);
  assert.deepEqual(Buffer.from(resolved.bytes), image.bytes);
  assert.deepEqual(new Set(resolved.blobs.map(({ digest }) => digest)), new Set([config.digest, layer.digest]));
});

test('A push on a node waits until an origin announced the blobs, which it was ordered to fetch', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using origin = await linkNode(running, 'origin', { isOrigin: true });
  await using node = await linkNode(running, 'pusher');
  for (const { digest, table } of [config, layer])
    await node.link.call('blob.add', { repository: 'app', digest, table }, signal);
  let isCommitted = false;
  const commit = node.link.call('manifest.put', { repository: 'app', ...image, tags: ['v1'] }, signal).then(() => {
    isCommitted = true;
  });

  for (const blob of [config, layer]) {
    await origin.event((event) => event.type === 'order.replicate' && event.digest === blob.digest);
    assert.equal(isCommitted, false);
    const { digest, sizeBytes } = blob;
    await origin.link.call('holdings.announce', { added: [{ digest, sizeBytes }], removed: [] }, signal);
  }
  await commit;

  assert.equal(
    (await origin.link.call('manifest.resolve', { repository: 'app', reference: { tag: 'v1' } }, signal)).found,
    true,
  );
});

test('A push without copies in time is refused with what is missing, and a second push completes it', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path, { durability: { waitMs: 1 } })).running;
  await using origin = await linkNode(running, 'origin', { isOrigin: true });
  await using node = await linkNode(running, 'pusher');
  for (const { digest, table } of [config, layer])
    await node.link.call('blob.add', { repository: 'app', digest, table }, signal);

  const put = { repository: 'app', ...image, tags: ['v1'] };
  await assert.rejects(node.link.call('manifest.put', put, signal), (error) => {
    assert.ok(isAppError(error, 'not_enough_copies'));
    assert.deepEqual(error.detail['digests'], [config.digest, layer.digest]);
    assert.equal(typeof error.detail['retryAfterSeconds'], 'number');
    return true;
  });
  const added = [config, layer].map(({ digest, sizeBytes }) => ({ digest, sizeBytes }));
  await origin.link.call('holdings.announce', { added, removed: [] }, signal);

  await node.link.call('manifest.put', put, signal);
});

test('A fleet with fewer origins than copies are asked for says so at once', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path, { durability: { copies: 2 } })).running;
  await using node = await linkNode(running, 'origin', { isOrigin: true });
  await node.link.call('blob.add', { repository: 'app', digest: config.digest, table: config.table }, signal);

  await assert.rejects(
    node.link.call('manifest.put', { repository: 'app', ...imageManifest([config]), tags: [] }, signal),
    {
      code: 'not_enough_copies',
      message: /2 origins, the fleet has 1/,
    },
  );
});

test('Missing content is named; an index may list manifests and blobs; a subject need not be there', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using node = await linkNode(running, 'origin', { isOrigin: true });
  const { link } = node;
  await assert.rejects(link.call('manifest.put', { repository: 'app', ...image, tags: ['v1'] }, signal), (error) => {
    assert.ok(isAppError(error, 'manifest_content_missing'));
    assert.deepEqual(error.detail['digests'], [config.digest, layer.digest]);
    return true;
  });
  for (const { digest, table } of [config, layer])
    await link.call('blob.add', { repository: 'app', digest, table }, signal);
  await link.call('manifest.put', { repository: 'app', ...image, tags: [] }, signal);
  const subject = { mediaType: OCI_INDEX, digest: `sha256:${'0'.repeat(64)}`, size: 5 };
  const manifests = [
    { mediaType: image.mediaType, digest: image.digest, size: image.bytes.length },
    { mediaType: 'application/layer', digest: layer.digest, size: layer.sizeBytes },
  ];
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests, subject, annotations: { a: 'b' } }),
  );
  const index = { digest: digestOf(bytes), mediaType: OCI_INDEX, bytes };

  const result = await link.call('manifest.put', { repository: 'app', ...index, tags: ['all'] }, signal);

  assert.equal(result.subject, subject.digest);
  const query = { repository: 'app', subject: subject.digest, artifactTypes: [], limit: 10, maxBytes: 10_000 };
  assert.deepEqual(await link.call('referrers.list', query, signal), {
    descriptors: [{ mediaType: OCI_INDEX, digest: index.digest, sizeBytes: bytes.length, annotations: { a: 'b' } }],
    hasMore: false,
    hasSubject: false,
  });
});

test('Two conditional pushes against one state: one wins, the other is told', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using node = await linkNode(running, 'origin', { isOrigin: true });
  const { link } = node;
  for (const { digest, table } of [config, layer])
    await link.call('blob.add', { repository: 'app', digest, table }, signal);
  const pushes = Array.from({ length: 8 }, (_, index) =>
    imageManifest([config, layer], { annotations: { index: String(index) } }),
  );

  const outcomes = await Promise.allSettled(
    pushes.map((push) =>
      link.call(
        'manifest.put',
        { repository: 'app', ...push, tags: ['v1'], precondition: { ifNoneMatch: ['*'] } },
        signal,
      ),
    ),
  );

  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') assert.ok(isAppError(outcome.reason, 'precondition_failed'));
  }
});

test('Deleting a manifest takes its tags along, deleting a tag leaves the manifest', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using node = await linkNode(running, 'origin', { isOrigin: true });
  const { link } = node;
  for (const { digest, table } of [config, layer])
    await link.call('blob.add', { repository: 'app', digest, table }, signal);
  await link.call('manifest.put', { repository: 'app', ...image, tags: ['a', 'B', '_'] }, signal);
  assert.deepEqual(await link.call('tags.list', { repository: 'app', limit: 2 }, signal), {
    tags: ['B', '_'],
    hasMore: true,
  });

  await link.call('manifest.delete', { repository: 'app', reference: { tag: 'a' } }, signal);
  assert.deepEqual(await link.call('tags.list', { repository: 'app', limit: 10 }, signal), {
    tags: ['B', '_'],
    hasMore: false,
  });
  await link.call('manifest.delete', { repository: 'app', reference: { digest: image.digest } }, signal);

  assert.deepEqual(await link.call('tags.list', { repository: 'app', limit: 10 }, signal), {
    tags: [],
    hasMore: false,
  });
  const gone = await link.call('manifest.resolve', { repository: 'app', reference: { digest: image.digest } }, signal);
  assert.deepEqual(gone, { found: false, reason: 'manifest_unknown' });
  await assert.rejects(link.call('manifest.delete', { repository: 'app', reference: { tag: 'a' } }, signal), {
    code: 'manifest_unknown',
  });
  await assert.rejects(link.call('manifest.delete', { repository: 'no', reference: { tag: 'a' } }, signal), {
    code: 'repository_unknown',
  });
});

test('A blob is present per repository: mounted only from where it is, removed only here', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using node = await linkNode(running, 'origin', { isOrigin: true });
  const { link } = node;
  const { digest, table } = layer;
  await link.call('blob.add', { repository: 'one', digest, table }, signal);

  assert.deepEqual(await link.call('blob.stat', { repository: 'two', digest }, signal), {});
  assert.deepEqual(await link.call('blob.mount', { repository: 'two', digest, from: 'three' }, signal), {
    isMounted: false,
  });
  assert.deepEqual(await link.call('blob.mount', { repository: 'two', digest, from: 'one' }, signal), {
    isMounted: true,
  });
  await link.call('blob.remove', { repository: 'one', digest }, signal);

  assert.deepEqual(await link.call('blob.stat', { repository: 'one', digest }, signal), {});
  assert.deepEqual(await link.call('blob.stat', { repository: 'two', digest }, signal), { sizeBytes: layer.sizeBytes });
  assert.deepEqual((await link.call('repositories.list', { limit: 10 }, signal)).repositories, ['two']);
});

test('A waiting download hears of the holder when its session comes back', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path, { graceMs: 0 })).running;
  const holder = await linkNode(running, 'holder');
  await using reader = await linkNode(running, 'reader');
  const { digest, table } = layer;
  await holder.link.call('blob.add', { repository: 'app', digest, table }, signal);
  const located = await reader.link.call('blob.locate', { digest }, signal);
  assert.deepEqual(
    located.neighbours.map(({ nodeId }) => nodeId),
    [holder.nodeId],
  );

  await holder[Symbol.asyncDispose]();
  await reader.event((event) => event.type === 'swarm.neighbours' && event.removed.includes(holder.nodeId));
  const hello = { protocol: 1, version: '0', isOrigin: false, swarmAddress: 'elsewhere:1' };
  await using _back = await LinkedNode.connect(holder.nodeId, running.linkInProcess({ nodeId: holder.nodeId, hello }));

  const event = await reader.event((candidate) => candidate.type === 'swarm.neighbours' && candidate.added.length > 0);
  assert.ok(event.type === 'swarm.neighbours');
  assert.deepEqual(event.added, [{ nodeId: holder.nodeId, address: 'elsewhere:1', isOrigin: false }]);
});

test('A snapshot replaces what was known of a node', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using node = await linkNode(running, 'node');
  await using reader = await linkNode(running, 'reader');
  for (const { digest, table } of [config, layer])
    await node.link.call('blob.add', { repository: 'app', digest, table }, signal);
  const { digest, sizeBytes } = config;

  const parts = [
    node.link.call('holdings.announce', { snapshot: 'begin', added: [{ digest, sizeBytes }], removed: [] }, signal),
    node.link.call('holdings.announce', { snapshot: 'end', added: [], removed: [] }, signal),
  ];
  await Promise.all(parts);

  assert.equal((await reader.link.call('blob.locate', { digest }, signal)).neighbours.length, 1);
  assert.equal((await reader.link.call('blob.locate', { digest: layer.digest }, signal)).neighbours.length, 0);
});

test('What was acknowledged is there after a restart, and so is who holds it', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  const data = join(folder.path, 'data');
  let nodeId = '';
  {
    await using running = (await startTestCoordinator(data)).running;
    await using node = await linkNode(running, 'origin', { isOrigin: true });
    ({ nodeId } = node);
    for (const { digest, table } of [config, layer])
      await node.link.call('blob.add', { repository: 'app', digest, table }, signal);
    await node.link.call('manifest.put', { repository: 'app', ...image, tags: ['v1'] }, signal);
  }

  await using running = (await startTestCoordinator(data)).running;
  await using reader = await linkNode(running, 'reader');

  assert.equal(
    (await reader.link.call('manifest.resolve', { repository: 'app', reference: { tag: 'v1' } }, signal)).found,
    true,
  );
  const { neighbours } = await reader.link.call('blob.locate', { digest: layer.digest }, signal);
  assert.deepEqual(neighbours, [{ nodeId, address: 'origin:5110', isOrigin: true }]);
});

test('An origin that comes later is told to fetch what it lacks, and the waiting push completes', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using node = await linkNode(running, 'pusher');
  const { digest, sizeBytes, table } = config;
  await node.link.call('blob.add', { repository: 'app', digest, table }, signal);
  const image2 = imageManifest([config]);
  const put = { repository: 'app', ...image2, tags: ['v1'] };
  await assert.rejects(node.link.call('manifest.put', put, signal), { code: 'not_enough_copies', message: /has 0/ });

  await using origin = await linkNode(running, 'origin', { isOrigin: true });
  const commit = node.link.call('manifest.put', put, signal);
  await origin.event((event) => event.type === 'order.replicate' && event.digest === digest);
  await origin.link.call('holdings.announce', { added: [{ digest, sizeBytes }], removed: [] }, signal);

  await commit;
});

test('An origin that lost its disk is told to fetch everything again', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path, { sweepEveryMs: 100 })).running;
  await using node = await linkNode(running, 'pusher');
  await using origin = await linkNode(running, 'origin', { isOrigin: true });
  const { digest, sizeBytes, table } = config;
  await node.link.call('blob.add', { repository: 'app', digest, table }, signal);
  await origin.link.call('holdings.announce', { added: [{ digest, sizeBytes }], removed: [] }, signal);
  origin.events.length = 0;

  await origin.link.call('holdings.announce', { snapshot: 'whole', added: [], removed: [] }, signal);

  await origin.event((event) => event.type === 'order.replicate' && event.digest === digest);
});

test('What a node says in a session of its own is checked: hello first and once, parts of a snapshot in order', async () => {
  await using folder = await openTemporaryFolder('coordinator');
  await using running = (await startTestCoordinator(folder.path)).running;
  await using node = await linkNode(running, 'node');
  const hello = { protocol: 1, version: '0', isOrigin: false, swarmAddress: 'h:1' };

  await assert.rejects(node.link.call('session.hello', hello, signal), { code: 'message_invalid' });
  await assert.rejects(node.link.call('holdings.announce', { snapshot: 'end', added: [], removed: [] }, signal), {
    code: 'message_invalid',
  });
  const table = { ...config.table, hashes: new Uint8Array(31) };
  await assert.rejects(node.link.call('blob.add', { repository: 'app', digest: config.digest, table }, signal), {
    code: 'message_invalid',
  });
});

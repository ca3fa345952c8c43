import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commitUntilKilled } from '../../support/committing-coordinator.ts';
import { printedRandom } from '../../support/printed-random.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { linkNode, startTestCoordinator } from '../../support/test-coordinator.ts';

const ROUNDS = 6;

test('A coordinator killed at any moment keeps every commit that it acknowledged', async (t) => {
  const random = printedRandom((line) => t.diagnostic(line));
  await using folder = await openTemporaryFolder('kill');
  const acknowledged = new Map<number, string>();

  for (let round = 0; round < ROUNDS; round += 1) {
    const first = acknowledged.size === 0 ? 0 : Math.max(...acknowledged.keys()) + 1;
    const killAfter = first + 1 + Math.floor(random() * 40); // where in a commit it falls is up to the machine
    for (const [number, digest] of await commitUntilKilled({ data: folder.path, first, killAfter }))
      acknowledged.set(number, digest);
  }

  await using running = (await startTestCoordinator(folder.path)).running;
  await using node = await linkNode(running, 'reader');
  const { signal } = new AbortController();
  assert.ok(acknowledged.size >= ROUNDS);
  for (const [number, digest] of acknowledged) {
    const resolved = await node.link.call(
      'manifest.resolve',
      { repository: 'app', reference: { tag: `v${number}` } },
      signal,
    );
    assert.ok(resolved.found, `v${number} was acknowledged`);
    assert.equal(resolved.digest, digest);
    assert.equal(resolved.blobs.length, 1);
  }
  // The last commit may have happened without its acknowledgement, and then both of its tags moved.
  const latest = await node.link.call('manifest.resolve', { repository: 'app', reference: { tag: 'latest' } }, signal);
  const tags = (await node.link.call('tags.list', { repository: 'app', limit: 1000 }, signal)).tags;
  const newest = Math.max(...tags.filter((tag) => tag !== 'latest').map((tag) => Number(tag.slice(1))));
  const newestResolved = await node.link.call(
    'manifest.resolve',
    { repository: 'app', reference: { tag: `v${newest}` } },
    signal,
  );
  assert.ok(latest.found && newestResolved.found);
  assert.equal(latest.digest, newestResolved.digest);
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { linkNode, startTestCoordinator } from '../../support/test-coordinator.ts';

const ROUNDS = 6;
const program = fileURLToPath(new URL('../../support/committing-coordinator-main.ts', import.meta.url));

test('A coordinator killed at any moment keeps every commit that it acknowledged', async () => {
  await using folder = await openTemporaryFolder('kill');
  const acknowledged = new Map<number, string>();

  for (let round = 0; round < ROUNDS; round += 1) {
    const first = acknowledged.size === 0 ? 0 : Math.max(...acknowledged.keys()) + 1;
    const killAfter = first + 1 + Math.floor(Math.random() * 40); // where in a commit it falls is up to the machine
    for (const [number, digest] of await commitUntilKilled(folder.path, first, killAfter))
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

/** @returns what was acknowledged until the kill, which comes when `killAfter` was acknowledged or a moment later. */
async function commitUntilKilled(data: string, first: number, killAfter: number): Promise<Map<number, string>> {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), program, data, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const last = Number(text.trimEnd().split('\n').at(-1)?.split(' ', 1)[0]);
    if (last >= killAfter) child.kill('SIGKILL');
  });
  await closed;
  const complete = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '');
  return new Map(complete.map((line) => [Number(line.split(' ')[0]), line.split(' ')[1] ?? '']));
}

// A coordinator that dies between a commit and its notification.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commitUntilKilled } from '../../support/committing-coordinator.ts';
import { EventReceiver } from '../../support/event-receiver.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { startTestCoordinator } from '../../support/test-coordinator.ts';

test('After a kill every acknowledged push is told, what was under way again, and always under the same id', async () => {
  await using folder = await openTemporaryFolder('notify-kill');
  await using receiver = await EventReceiver.start();
  const endpoint = {
    name: 'ci',
    url: receiver.url,
    timeoutMs: 60_000,
    ignoredMediaTypes: ['application/octet-stream'],
  };
  const settings = { notifications: { endpoints: [endpoint] } };
  const acknowledged: string[] = [];
  const commit = async (round: number, until?: Promise<void>): Promise<void> => {
    const first = round * 1000;
    const run = { data: folder.path, first, killAfter: first + 5, settings };
    const committed = await commitUntilKilled(until === undefined ? run : { ...run, until });
    for (const number of committed.keys()) acknowledged.push(`v${number}`);
  };

  receiver.behaviour = () => undefined; // silence: the first event is under way when the kill comes
  await commit(
    0,
    receiver.until((posts) => posts.length > 0),
  );
  receiver.behaviour = (_, response) => response.end();
  await commit(1); // some were told when the kill comes, and perhaps not yet marked
  await using _running = (await startTestCoordinator(folder.path, settings)).running;
  await receiver.until((posts) => {
    const told = new Set(posts.map(({ event }) => event.target.tag));
    return acknowledged.every((tag) => told.has(tag));
  });

  const [first, second] = receiver.posts;
  assert.ok(acknowledged.length >= 10);
  assert.equal(second?.body, first?.body);
  const ids = new Map<string, string>();
  for (const { event } of receiver.posts) {
    const { tag = '' } = event.target;
    if (tag === 'latest') continue;
    assert.equal(ids.get(tag) ?? event.id, event.id, tag);
    ids.set(tag, event.id);
  }
});

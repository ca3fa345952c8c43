// The recipes of docs/operations.md for checking the signature of a notification, run as printed.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';
import { createRequire } from 'node:module';
import { repositoryRoot } from '../../../scripts/repository-files.ts';
import { EventReceiver, type ReceivedPost } from '../../support/event-receiver.ts';
import { needs } from '../../support/needs.ts';
import { runCommand } from '../../support/run-command.ts';
import { someRequester } from '../../support/some-requester.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { linkNode, smallBlob, startTestCoordinator } from '../../support/test-coordinator.ts';

const SECRET = "it's a secret, with spaces";

async function recipe(name: string): Promise<string> {
  const text = await readFile(join(repositoryRoot, 'docs/operations.md'), 'utf8');
  const [, code] = new RegExp(`<!-- recipe: ${name} -->\n\`\`\`\\w+\n([\\s\\S]*?)\`\`\``).exec(text) ?? [];
  if (code === undefined) throw new Error(`docs/operations.md has no recipe "${name}"`);
  return code;
}

/** One signed post, as a receiver gets it. */
async function receivePost(folder: string): Promise<ReceivedPost> {
  await using receiver = await EventReceiver.start();
  const notifications = { secret: SECRET, endpoints: [{ name: 'ci', url: receiver.url }] };
  await using running = (await startTestCoordinator(folder, { notifications })).running;
  await using node = await linkNode(running, 'edge', { isOrigin: true });
  const { digest, table } = smallBlob('x');
  const { signal } = new AbortController();
  await node.link.call('blob.add', { repository: 'app', digest, table, by: someRequester({ user: 'é' }) }, signal);
  await receiver.until((posts) => posts.length > 0);
  const [post] = receiver.posts;
  if (post === undefined) throw new Error('a post came');
  return post;
}

test('With openssl a genuine post is told from a forged and an old one', needs({ commands: ['openssl'] }), async () => {
  await using folder = await openTemporaryFolder('recipe');
  const { headers, body } = await receivePost(join(folder.path, 'data'));
  const script = `cd "$FOLDER"\n${await recipe('check a signature')}`;
  const genuine = {
    FOLDER: folder.path,
    SECRET,
    WEBHOOK_ID: String(headers['webhook-id']),
    WEBHOOK_TIMESTAMP: String(headers['webhook-timestamp']),
    WEBHOOK_SIGNATURE: String(headers['webhook-signature']),
  };
  const check = async (more: Partial<typeof genuine> = {}, content = body): Promise<string> => {
    await writeFile(join(folder.path, 'body.json'), content);
    const variables = Object.entries({ ...genuine, ...more }).map(([name, value]) => `${name}=${value}`);
    return (await runCommand(['env', ...variables, 'sh', '-c', script])).trim();
  };

  assert.equal(await check(), 'genuine');
  assert.equal(await check({}, `${body} `), 'forged');
  assert.equal(await check({ SECRET: 'another' }), 'forged');
  assert.equal(await check({ WEBHOOK_ID: 'another' }), 'forged');
  assert.equal(await check({ WEBHOOK_TIMESTAMP: String(Number(genuine.WEBHOOK_TIMESTAMP) - 400) }), 'forged');
});

test('In Node a genuine post is told from a forged and an old one', async () => {
  await using folder = await openTemporaryFolder('recipe');
  const { headers, body } = await receivePost(join(folder.path, 'data'));
  const code = `${await recipe('check a signature in Node')}\nisGenuine`;
  const context = { require: createRequire(import.meta.url), Buffer, Date, Math, Number };
  const isGenuine = runInNewContext(code, context) as (headers: object, body: Buffer, secret: string) => boolean;

  assert.equal(isGenuine(headers, Buffer.from(body), SECRET), true);
  assert.equal(isGenuine(headers, Buffer.from(`${body} `), SECRET), false);
  assert.equal(isGenuine(headers, Buffer.from(body), 'another'), false);
  assert.equal(isGenuine({ ...headers, 'webhook-signature': 'v1,' }, Buffer.from(body), SECRET), false);
  assert.equal(isGenuine({}, Buffer.from(body), SECRET), false);
  assert.equal(isGenuine({ ...headers, 'webhook-timestamp': '1' }, Buffer.from(body), SECRET), false);
});

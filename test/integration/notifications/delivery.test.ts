// From a change to a receiver: a real coordinator, real HTTP.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdminAccess } from '../../../coordinator/coordinator.ts';
import type { ChangeAction } from '../../../coordinator/changes/registry-change.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { NotificationPage, RedeliverResponse, type Delivery } from '../../../shared/protocol/notifications-api.ts';
import { callCoordinator, type CoordinatorTarget } from '../../../shared/protocol/coordinator-api.ts';
import { systemClock as clock } from '../../../shared/runtime/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { EventReceiver } from '../../support/event-receiver.ts';
import { someRequester } from '../../support/some-requester.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import {
  imageManifest,
  linkNode,
  smallBlob,
  startTestCoordinator,
  type LinkedNode,
  type TestCoordinator,
} from '../../support/test-coordinator.ts';

const { signal } = new AbortController();

function toReceiver(receiver: EventReceiver, more: object = {}, settings: object = {}): object {
  const endpoint = { name: 'ci', url: receiver.url, threshold: 2, backoffMs: 10, timeoutMs: 30_000, ...more };
  return { notifications: { endpoints: [endpoint], ...settings } };
}

async function push(node: LinkedNode, repository: string, tags: readonly string[], user = 'alice'): Promise<string> {
  const blob = smallBlob(repository);
  const by = someRequester({ user });
  await node.link.call('blob.add', { repository, digest: blob.digest, table: blob.table, by }, signal);
  const image = imageManifest([blob]);
  await node.link.call('manifest.put', { repository, ...image, tags: [...tags], by }, signal);
  return image.digest;
}

function targetOf({ address, fleetId, tls }: AdminAccess): CoordinatorTarget {
  return { address, fleetId, ...tls };
}

async function deliveries({ admin }: TestCoordinator, query = 'limit=1000'): Promise<readonly Delivery[]> {
  const call = { method: 'GET', path: `/api/notifications?${query}`, answer: NotificationPage } as const;
  return (await callCoordinator({ clock }, targetOf(admin), call, signal)).deliveries;
}

test('Pushes, mounts and deletes reach the receiver in the form of the reference registry', async () => {
  await using folder = await openTemporaryFolder('notify');
  await using receiver = await EventReceiver.start();
  const settings = toReceiver(receiver, { headers: { 'X-Token': ['a', 'b'] } }, { includeReferences: true });
  const coordinator = await startTestCoordinator(folder.path, settings);
  await using running = coordinator.running;
  await using node = await linkNode(running, 'edge', { isOrigin: true });
  const by = someRequester({ user: 'bob', method: 'DELETE' });

  const digest = await push(node, 'team/app', ['v1']);
  const blob = smallBlob('team/app');
  const mounted = { repository: 'other', digest: blob.digest, from: 'team/app', by };
  await node.link.call('blob.mount', mounted, signal);
  await node.link.call('manifest.delete', { repository: 'team/app', reference: { tag: 'v1' }, by }, signal);
  await node.link.call('blob.remove', { repository: 'other', digest: blob.digest, by }, signal);
  await receiver.until((posts) => posts.length === 5);

  const [blobPush, imagePush, mount, untag, remove] = receiver.posts;
  assert.deepEqual(blobPush?.event, {
    id: blobPush?.event.id,
    timestamp: blobPush?.event.timestamp,
    action: 'push',
    target: {
      mediaType: 'application/octet-stream',
      size: blob.sizeBytes,
      digest: blob.digest,
      length: blob.sizeBytes,
      repository: 'team/app',
      url: `http://localhost:5000/v2/team/app/blobs/${blob.digest}`,
    },
    request: {
      id: someRequester().requestId,
      addr: '192.0.2.1',
      host: 'localhost:5000',
      method: 'PUT',
      useragent: 'docker/28.0.0 go/1.24',
    },
    actor: { name: 'alice' },
    source: { addr: 'host:5000', instanceID: node.nodeId },
  });
  assert.equal(imagePush?.event.target.url, `http://localhost:5000/v2/team/app/manifests/${digest}`);
  assert.equal(imagePush?.event.target.tag, 'v1');
  assert.equal(imagePush?.event.target.mediaType, 'application/vnd.oci.image.manifest.v1+json');
  assert.deepEqual(imagePush?.event.target.references, [
    { mediaType: 'application/x', size: blob.sizeBytes, digest: blob.digest },
  ]);
  assert.equal(mount?.event.action, 'mount');
  assert.equal(mount?.event.target.fromRepository, 'team/app');
  assert.deepEqual(untag?.event.target, { repository: 'team/app', tag: 'v1' });
  assert.equal(untag?.event.actor.name, 'bob');
  assert.deepEqual(remove?.event.target, { digest: blob.digest, repository: 'other' });
  for (const { method, path, headers, event, body } of receiver.posts) {
    assert.equal(method, 'POST');
    assert.equal(path, '/events');
    assert.equal(headers['content-type'], 'application/vnd.docker.distribution.events.v1+json');
    assert.equal(headers['x-token'], 'a, b');
    assert.equal(headers['webhook-id'], event.id);
    assert.equal(headers['webhook-signature'], undefined);
    assert.equal(Number(headers['content-length']), Buffer.byteLength(body));
    assert.match(event.id, /^[0-9a-f-]{36}$/);
    assert.ok(Math.abs(Date.parse(event.timestamp) - Date.now()) < 60_000);
  }
});

test('A receiver that refuses, is silent, cuts off and goes away gets every event in the end', async () => {
  await using folder = await openTemporaryFolder('notify');
  await using receiver = await EventReceiver.start();
  const { running } = await startTestCoordinator(folder.path, toReceiver(receiver, { timeoutMs: 100 }));
  await using _running = running;
  await using node = await linkNode(running, 'edge', { isOrigin: true });
  const accepted = new Set<string>();
  let posts = 0;
  receiver.behaviour = ({ event }, response) => {
    posts += 1;
    if (posts === 1) response.writeHead(500).end('no');
    else if (posts === 2) response.destroy();
    else if (posts === 3) return; // silence
    else {
      accepted.add(event.id);
      response.end();
    }
  };

  for (let index = 0; index < 5; index += 1) await push(node, `app${index}`, ['v1']);
  await receiver.until(() => posts >= 4);
  await receiver.goAway();
  await push(node, 'late', ['v1']);
  await receiver.comeBack();

  await receiver.until(() => accepted.size === 12);
  const times = new Set(receiver.events.map(({ id }) => id));
  assert.equal(times.size, 12, 'no event has two ids');
});

test('Events of actions and media types that an endpoint ignores are not even written down for it', async () => {
  await using folder = await openTemporaryFolder('notify');
  await using receiver = await EventReceiver.start();
  const ignored = {
    ignoredMediaTypes: ['application/octet-stream'],
    ignoredActions: ['delete'] satisfies ChangeAction[],
  };
  const coordinator = await startTestCoordinator(folder.path, toReceiver(receiver, ignored));
  await using running = coordinator.running;
  await using node = await linkNode(running, 'edge', { isOrigin: true });

  await push(node, 'app', ['v1', 'v2']);
  const reference = { tag: 'v1' };
  await node.link.call('manifest.delete', { repository: 'app', reference, by: someRequester() }, signal);
  await receiver.until((posts) => posts.length === 2);

  assert.deepEqual(
    (await deliveries(coordinator)).map(({ subject }) => subject),
    ['app:v2', 'app:v1'],
  );
  assert.deepEqual(
    receiver.events.map(({ target }) => target.tag),
    ['v1', 'v2'],
  );
});

test('What a node does of its own accord is told to nobody', async () => {
  await using folder = await openTemporaryFolder('notify');
  await using receiver = await EventReceiver.start();
  const coordinator = await startTestCoordinator(folder.path, toReceiver(receiver));
  await using running = coordinator.running;
  await using node = await linkNode(running, 'edge', { isOrigin: true });
  const blob = smallBlob('x');

  await node.link.call('blob.add', { repository: 'app', digest: blob.digest, table: blob.table }, signal);

  assert.deepEqual(await deliveries(coordinator), []);
});

test('A change that fails leaves no event', async () => {
  await using folder = await openTemporaryFolder('notify');
  await using receiver = await EventReceiver.start();
  const coordinator = await startTestCoordinator(folder.path, toReceiver(receiver));
  await using running = coordinator.running;
  await using node = await linkNode(running, 'edge', { isOrigin: true });
  const by = someRequester();
  const image = imageManifest([smallBlob('nowhere')]);

  await assert.rejects(node.link.call('manifest.put', { repository: 'app', ...image, tags: ['v1'], by }, signal));
  const removal = { repository: 'app', reference: { tag: 'v1' }, by };
  await assert.rejects(node.link.call('manifest.delete', removal, signal));

  assert.deepEqual(await deliveries(coordinator), []);
});

test('A full queue drops the oldest, which can be sent again when the receiver is back', async () => {
  await using folder = await openTemporaryFolder('notify');
  await using receiver = await EventReceiver.start((_, response) => response.writeHead(503).end());
  const settings = toReceiver(receiver, { ignoredMediaTypes: ['application/octet-stream'] }, { queueLimit: 10 });
  const coordinator = await startTestCoordinator(folder.path, settings);
  await using running = coordinator.running;
  await using node = await linkNode(running, 'edge', { isOrigin: true });
  await push(
    node,
    'app',
    Array.from({ length: 12 }, (_, index) => `v${index}`),
  );
  const dropped = await deliveries(coordinator, 'state=dropped');
  const accepted: (string | undefined)[] = [];
  receiver.behaviour = ({ event }, response) => {
    accepted.push(event.target.tag);
    response.end();
  };

  await receiver.until(() => accepted.length >= 10);
  await eventually(
    { what: 'the queue to be empty' },
    async () => (await deliveries(coordinator, 'state=waiting')).length === 0,
  );
  const body = { state: 'dropped' };
  const call = { method: 'POST', path: '/api/notifications/redeliver', body, answer: RedeliverResponse } as const;
  const answer = await callCoordinator({ clock }, targetOf(coordinator.admin), call, signal);
  await receiver.until(() => accepted.length === 12);

  assert.deepEqual(
    dropped.map(({ subject, problem }) => [subject, problem]),
    [
      ['app:v1', 'the queue was full: 10 events waited'],
      ['app:v0', 'the queue was full: 10 events waited'],
    ],
  );
  assert.deepEqual(answer, { count: 2, left: 0, waiting: 0, unconfigured: [] });
  assert.deepEqual(accepted.slice(10), ['v0', 'v1']);
});

test('Sending again tells apart what waits, what finds no room, what is unknown and whose endpoint is gone', async () => {
  await using folder = await openTemporaryFolder('notify');
  await using receiver = await EventReceiver.start((_, response) => response.writeHead(503).end());
  const quiet = { ignoredMediaTypes: ['application/octet-stream'] };
  const tags = Array.from({ length: 12 }, (_, index) => `v${index}`);
  const first = await startTestCoordinator(folder.path, toReceiver(receiver, { ...quiet, name: 'old' }));
  await using firstRunning = first.running;
  await using node = await linkNode(firstRunning, 'edge', { isOrigin: true });
  await push(node, 'before', ['v1']);
  await firstRunning[Symbol.asyncDispose]();
  const coordinator = await startTestCoordinator(folder.path, toReceiver(receiver, quiet, { queueLimit: 10 }));
  await using running = coordinator.running;
  await using again = await linkNode(running, 'edge-2', { isOrigin: true });
  await push(again, 'app', tags);
  const [waiting] = await deliveries(coordinator, 'state=waiting');
  const [gone] = await deliveries(coordinator, 'endpoint=old');
  const redeliver = (body: object): Promise<RedeliverResponse> => {
    const call = { method: 'POST', path: '/api/notifications/redeliver', body, answer: RedeliverResponse } as const;
    return callCoordinator({ clock }, targetOf(coordinator.admin), call, signal);
  };

  const nothing = { count: 0, left: 0, waiting: 0, unconfigured: [] };
  assert.deepEqual(await redeliver({ state: 'dropped' }), { ...nothing, left: 2 });
  assert.deepEqual(await redeliver({ eventId: waiting?.eventId }), { ...nothing, waiting: 1 });
  assert.deepEqual(await redeliver({ eventId: 'never' }), nothing);
  assert.deepEqual(await redeliver({ eventId: gone?.eventId }), { ...nothing, unconfigured: ['old'] });
  assert.deepEqual(await redeliver({ state: 'failed' }), nothing);
  await assert.rejects(redeliver({ state: 'failed', endpoint: 'cd' }), /no endpoint of this name .* there is: ci/);
});

test('Pulls are told with what a manifest names, and one that is told twice counts once', async () => {
  await using folder = await openTemporaryFolder('notify');
  await using receiver = await EventReceiver.start();
  const settings = toReceiver(receiver, { ignoredActions: ['push'] }, { includeReferences: true, mediaType: 'v2' });
  const coordinator = await startTestCoordinator(folder.path, settings);
  await using running = coordinator.running;
  await using node = await linkNode(running, 'edge', { isOrigin: true });
  const digest = digestOf(imageManifest([smallBlob('app')]).bytes);
  await push(node, 'app', ['v1']);
  const pull = { kind: 'manifest', repository: 'app', digest, tag: 'v1', mediaType: 'm', sizeBytes: 7 } as const;
  const told = { ...pull, id: 'id-1', atMs: Date.now() + 3_600_000, by: someRequester({ user: 'carol' }) };

  const first = await node.link.call('pulls.tell', { pulls: [told] }, signal);
  await node.link.call('pulls.tell', { pulls: [told, { ...told, id: 'id-2', tag: 'v9' }] }, signal);
  await receiver.until((posts) => posts.length === 2);

  assert.equal(first.areWanted, true);
  const [one, two] = receiver.posts;
  assert.equal(one?.headers['content-type'], 'application/vnd.docker.distribution.events.v2+json');
  assert.deepEqual(
    [one?.event.id, one?.event.action, one?.event.actor.name, one?.event.target.references?.length],
    ['id-1', 'pull', 'carol', 1],
  );
  assert.ok(Date.parse(one?.event.timestamp ?? '') <= Date.now(), 'the clock of the node is ahead');
  assert.deepEqual([two?.event.id, two?.event.target.tag], ['id-2', 'v9']);
  assert.equal((await deliveries(coordinator)).length, 2);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import type { TlsMaterial } from '../../../shared/identity/tls-material.ts';
import { makeSigningRequest } from '../../../shared/identity/signing-request.ts';
import {
  EnrolResponse,
  FleetStatus,
  RenewResponse,
  SESSION_PATH,
  TokenResponse,
} from '../../../shared/protocol/admin-api.ts';
import { callCoordinator } from '../../../shared/protocol/coordinator-api.ts';
import { encodeRequest } from '../../../shared/protocol/session-codec.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { ResourceStack } from '../../../shared/runtime/resource-stack.ts';
import { generateKeyPairSync } from 'node:crypto';
import { connectNode } from '../../support/connected-node.ts';
import { makeTestFleet } from '../../support/fleet-identity.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import {
  enrolTestNode,
  helloOf,
  imageManifest,
  smallBlob,
  startTestCoordinator,
  type TestCoordinator,
} from '../../support/test-coordinator.ts';

const { signal } = new AbortController();

test('Two nodes over real sessions: a push, its copies, a resolve and neighbours', async () => {
  await using folder = await openTemporaryFolder('sessions');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  await using origin = await connectNode(coordinator, 'origin', { isOrigin: true });
  await using node = await connectNode(coordinator, 'node');
  const blob = smallBlob('layer');
  const { digest, sizeBytes } = blob;
  const image = imageManifest([blob]);
  await node.link.call('blob.add', { repository: 'app', digest, table: blob.table }, signal);

  const commit = node.link.call('manifest.put', { repository: 'app', ...image, tags: ['v1'] }, signal);
  await origin.event((event) => event.type === 'order.replicate' && event.digest === digest);
  const located = await origin.link.call('blob.locate', { digest }, signal);
  await origin.link.call('holdings.announce', { added: [{ digest, sizeBytes }], removed: [] }, signal);
  await commit;

  assert.deepEqual(located.neighbours, [{ nodeId: node.nodeId, address: 'node:5110', isOrigin: false }]);
  assert.deepEqual(located.table && Buffer.from(located.table.hashes), Buffer.from(blob.table.hashes));
  const resolved = await origin.link.call('manifest.resolve', { repository: 'app', reference: { tag: 'v1' } }, signal);
  assert.ok(resolved.found);
  assert.deepEqual(Buffer.from(resolved.bytes), image.bytes);
  await assert.rejects(node.link.call('tags.list', { repository: 'no', limit: 5 }, signal), {
    code: 'repository_unknown',
  });
});

test('Neither a stranger without a certificate nor a node of another fleet gets a session', async () => {
  await using folder = await openTemporaryFolder('sessions');
  await using other = await makeTestFleet();
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;

  for (const tls of [{}, other.nodeTls('web-1')]) {
    assert.equal(await upgradeStatus(coordinator, tls), 403);
  }
});

test('A certificate for a node that is not of the roster gets no session', async () => {
  await using folder = await openTemporaryFolder('sessions');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  const node = enrolTestNode(coordinator.running, 'web');
  await deleteNode(coordinator, node.nodeId);

  assert.equal(await upgradeStatus(coordinator, node.tls), 403);
});

test('A frame that is no request closes the session with 1008', async () => {
  await using folder = await openTemporaryFolder('sessions');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  const node = enrolTestNode(coordinator.running, 'web');
  const frames = [
    Buffer.from('nonsense'),
    'text',
    encodeRequest(1, 'blob.stat', JSON.parse('{"repository":5}') as never),
    encodeRequest(1, 'session.hello', { ...helloOf('web'), zone: 'no label' }),
  ];

  for (const frame of frames) {
    const socket = openSocket(coordinator, node.tls);
    await once(socket, 'open');
    socket.send(frame);
    const [code] = (await once(socket, 'close')) as [number];
    assert.equal(code, 1008);
  }
});

test('A removed node is cut off and the others are told', async () => {
  await using folder = await openTemporaryFolder('sessions');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  await using stays = await connectNode(coordinator, 'stays');
  const goes = enrolTestNode(coordinator.running, 'goes');
  await using link = await connectNode(coordinator, 'goes', {}, goes);
  const cut = new Promise<void>((resolve) => {
    link.link.listen({ onDisconnected: resolve });
  });

  await deleteNode(coordinator, goes.nodeId);

  await cut;
  const event = await stays.event((candidate) => candidate.type === 'roster.removed');
  assert.deepEqual(event, { type: 'roster.removed', nodeIds: [goes.nodeId] });
});

test('A token lets in as many hosts as it says; only an administrator makes one', async () => {
  await using folder = await openTemporaryFolder('sessions');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  const node = enrolTestNode(coordinator.running, 'web');
  const body = { ttlMs: 60_000, uses: 1 };
  const tokenCall = { method: 'POST', path: '/api/tokens', body, answer: TokenResponse } as const;
  await assert.rejects(callCoordinator({ clock: systemClock }, target(coordinator, node.tls), tokenCall, signal), {
    code: 'access_denied',
  });
  const { token } = await callCoordinator(
    { clock: systemClock },
    target(coordinator, coordinator.admin.tls),
    tokenCall,
    signal,
  );
  const enrol = (text: string): Promise<EnrolResponse> =>
    callCoordinator(
      { clock: systemClock },
      target(coordinator, {}),
      {
        method: 'POST',
        path: '/api/enrol',
        body: { token: text, csr: newRequest(), name: 'host' },
        answer: EnrolResponse,
      },
      signal,
    );

  const wrong = token.replace(/\.[^.]{43}\./, `.${'x'.repeat(43)}.`);
  await assert.rejects(enrol(wrong), { code: 'join_refused' });
  assert.match((await enrol(token)).nodeId, /^host-/);
  await assert.rejects(enrol(token), { code: 'join_refused', message: /used/ });
});

test('Status is for members of the fleet, and tells nodes, roles and blobs', async () => {
  await using folder = await openTemporaryFolder('sessions');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  await using origin = await connectNode(coordinator, 'origin', { isOrigin: true });
  const blob = smallBlob('x');
  await origin.link.call('blob.add', { repository: 'app', digest: blob.digest, table: blob.table }, signal);
  await origin.link.call('node.report', { blobCount: 1, blobBytes: 1, freeBytes: 5, downloads: [] }, signal);
  const call = { method: 'GET', path: '/api/status', answer: FleetStatus } as const;

  await assert.rejects(callCoordinator({ clock: systemClock }, target(coordinator, {}), call, signal), {
    code: 'access_denied',
  });
  const status = await callCoordinator(
    { clock: systemClock },
    target(coordinator, coordinator.admin.tls),
    call,
    signal,
  );

  assert.deepEqual(status.blobs, { count: 1, bytes: 1, underReplicated: 0 });
  const [node] = status.nodes;
  assert.equal(node?.state, 'connected');
  assert.equal(node.isOrigin, true);
  assert.equal(node.freeBytes, 5);
});

test('A node that falls behind its neighbours is named two of them and no origin', async () => {
  await using folder = await openTemporaryFolder('sessions');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  await using origin = await connectNode(coordinator, 'origin', { isOrigin: true });
  const { digest, table } = smallBlob('slow');
  await origin.link.call('blob.add', { repository: 'app', digest, table }, signal);
  await using nodes = new ResourceStack();
  const members = [];
  for (let index = 0; index < 16; index += 1) {
    members.push(nodes.use(await connectNode(coordinator, `node-${index}`, { hasSlowLink: index === 15 })));
  }
  for (const { link } of members) await link.call('blob.locate', { digest }, signal);

  await members[3]?.link.call('swarm.behind', {}, signal);

  for (const slow of [members[3], members[15]]) {
    const answer = await slow?.link.call('blob.locate', { digest }, signal);
    assert.equal(answer?.neighbours.length, 2);
    assert.ok(answer.neighbours.every(({ nodeId }) => nodeId !== origin.nodeId));
  }
});

test('A node of another zone is named its share, and status tells zones, racks and what crossed', async () => {
  await using folder = await openTemporaryFolder('sessions');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  await using origin = await connectNode(coordinator, 'origin', { isOrigin: true, zone: 'near' });
  await using node = await connectNode(coordinator, 'node', { zone: 'far', rack: 'r1' });
  const { digest, sizeBytes, table } = smallBlob('crossing');
  await origin.link.call('blob.add', { repository: 'app', digest, table }, signal);

  const { neighbours } = await node.link.call('blob.locate', { digest }, signal);
  await node.link.call('blob.lagging', { digest, classes: [0] }, signal);
  await node.link.call('blob.leave', { digest, otherZoneBytes: sizeBytes + 1 }, signal);

  assert.deepEqual(
    neighbours.map(({ nodeId, zone, share }) => [nodeId, zone, share?.of, share?.classes.length]),
    [[origin.nodeId, 'near', 32, 32]],
  );
  const call = { method: 'GET', path: '/api/status', answer: FleetStatus } as const;
  const admin = target(coordinator, coordinator.admin.tls);
  const status = await callCoordinator({ clock: systemClock }, admin, call, signal);
  assert.deepEqual(status.zones, [{ zone: 'far', receivedBytes: sizeBytes + 1, floorBytes: sizeBytes }]);
  const places = status.nodes.map(({ nodeId, zone, rack }) => [nodeId, zone, rack]);
  assert.deepEqual(
    new Map(places.map(([nodeId, ...place]) => [nodeId, place])),
    new Map([
      [node.nodeId, ['far', 'r1']],
      [origin.nodeId, ['near', undefined]],
    ]),
  );
});

test('What a host of a zone has just got is not fetched into that zone again before its copy is announced', async () => {
  await using folder = await openTemporaryFolder('sessions');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  await using origin = await connectNode(coordinator, 'origin', { isOrigin: true, zone: 'near' });
  await using first = await connectNode(coordinator, 'first', { zone: 'far' });
  await using second = await connectNode(coordinator, 'second', { zone: 'far' });
  const { digest, table } = smallBlob('brought');
  await origin.link.call('blob.add', { repository: 'app', digest, table }, signal);
  const classes = async ({ link }: typeof first): Promise<readonly number[]> => {
    const { neighbours } = await link.call('blob.locate', { digest }, signal);
    return neighbours.flatMap(({ share }) => share?.classes ?? []);
  };
  await classes(first);
  const others = await classes(second);
  assert.equal(new Set([...(await classes(first)), ...others]).size, 32);

  await first.link.call('blob.leave', { digest, isWhole: true }, signal);

  assert.deepEqual(await classes(second), others);
  await first.link.call('holdings.announce', { added: [{ digest, sizeBytes: table.sizeBytes }], removed: [] }, signal);
  assert.deepEqual(await classes(second), []);
});

test('A node renews its certificate in its session and without one', async () => {
  await using folder = await openTemporaryFolder('sessions');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  const node = enrolTestNode(coordinator.running, 'web');
  await using linked = await connectNode(coordinator, 'web', {}, node);

  const { certificate } = await linked.link.call('certificate.renew', { csr: newRequest() }, signal);
  const call = { method: 'POST', path: '/api/renew', body: { csr: newRequest() }, answer: RenewResponse } as const;
  const renewed = await callCoordinator({ clock: systemClock }, target(coordinator, node.tls), call, signal);

  assert.match(certificate, /BEGIN CERTIFICATE/);
  assert.match(renewed.certificate, /BEGIN CERTIFICATE/);
  await assert.rejects(callCoordinator({ clock: systemClock }, target(coordinator, {}), call, signal), {
    code: 'identity_refused',
  });
});

function target(coordinator: TestCoordinator, tls: { readonly cert?: string; readonly key?: string }) {
  const { address, fleetId, tls: admin } = coordinator.admin;
  return { address, fleetId, ca: admin.ca, ...tls };
}

function openSocket(coordinator: TestCoordinator, tls: Partial<TlsMaterial>): WebSocket {
  const url = `wss://127.0.0.1:${coordinator.running.port}${SESSION_PATH}`;
  return new WebSocket(url, { cert: tls.cert, key: tls.key, rejectUnauthorized: false });
}

async function upgradeStatus(coordinator: TestCoordinator, tls: Partial<TlsMaterial>): Promise<number | undefined> {
  const socket = openSocket(coordinator, tls);
  socket.on('error', () => undefined); // terminating before it opened is one
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode?: number }];
  socket.terminate();
  return response.statusCode;
}

async function deleteNode(coordinator: TestCoordinator, nodeId: string): Promise<void> {
  const { request } = await import('node:https');
  const { tls } = coordinator.admin;
  const sent = request({
    host: '127.0.0.1',
    port: coordinator.running.port,
    method: 'DELETE',
    path: `/api/nodes/${nodeId}`,
    cert: tls.cert,
    key: tls.key,
    rejectUnauthorized: false,
    agent: false,
  });
  sent.end();
  const [response] = (await once(sent, 'response')) as [{ statusCode?: number; resume(): void }];
  response.resume();
  assert.equal(response.statusCode, 200);
}

function newRequest(): string {
  return makeSigningRequest(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
}

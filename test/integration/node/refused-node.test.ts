// What a node says whose coordinator is there and does not take it in: a real coordinator, a real node, each way to be refused.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { openAuthority } from '../../../coordinator/identity/authority.ts';
import { SessionLink } from '../../../node/coordinator-link/session-link.ts';
import { makeSigningRequest } from '../../../shared/identity/signing-request.ts';
import { FleetStatus, RemoveResponse } from '../../../shared/protocol/admin-api.ts';
import { callCoordinator, type CoordinatorTarget } from '../../../shared/protocol/coordinator-api.ts';
import type { Params } from '../../../shared/protocol/coordinator-methods.ts';
import { systemClock as clock } from '../../../shared/runtime/clock.ts';
import { dataFolder } from '../../../shared/runtime/data-folder.ts';
import { isAppError, type AppError, type ErrorCode } from '../../../shared/runtime/errors.ts';
import { silentLogger as log } from '../../../shared/runtime/log.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { ComposedFleet, type FleetNode } from '../../support/composed-fleet.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeTestFleet } from '../../support/fleet-identity.ts';
import { RegistryWire } from '../../support/registry-wire.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import {
  enrolTestNode,
  helloOf,
  startTestCoordinator,
  type TestCoordinator,
  type TestNode,
} from '../../support/test-coordinator.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const { signal } = new AbortController();

test('A node that was removed tells clients, load balancers and the operator so, and what to do', async () => {
  await using fleet = await ComposedFleet.start({ durability: { copies: 1, waitMs: 20_000 } });
  await fleet.startNode('origin', { origin: true });
  const node = await fleet.startNode('web');
  const nodeId = node.running.nodeId;
  const wire = new RegistryWire(node.baseUrl);
  await wire.pushEmptyImage('team/app', 'v1');

  await callCoordinator(
    { clock },
    fleet.admin,
    { method: 'DELETE', path: `/api/nodes/${nodeId}`, answer: RemoveResponse },
    signal,
  );
  const readiness = await whenNotReady(node);

  const words = new RegExp(
    `the coordinator refuses this node: the node ${nodeId} was removed from the fleet on .*delete node\\.json .*--join .*shoal token create`,
  );
  assert.match(readiness, words);
  const upload = await wire.send('POST', '/v2/team/app/blobs/uploads/');
  assert.equal(upload.status, 503);
  assert.match(upload.body.toString(), words);
  const unknown = await wire.send('GET', '/v2/team/app/manifests/never-seen');
  assert.equal(unknown.status, 503);
  assert.match(unknown.body.toString(), words);
  const stale = await wire.send('GET', '/v2/team/app/manifests/v1');
  assert.equal(stale.status, 200, 'what is here is served all the same');
  assert.match(String(stale.headers['warning']), /this node has no place at the coordinator/);
  assert.match((await node.metrics.text()).body, /^shoal_link_refused 1$/m);
  const shown = (await statusOf(fleet.admin)).nodes.find((one) => one.nodeId === nodeId);
  assert.match(shown?.refusal ?? '', /was removed from the fleet/);
});

test('A node with another version of the session protocol says so, and so does the status of the fleet', async () => {
  await using folder = await openTemporaryFolder('refused');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  const node = enrolTestNode(coordinator.running, 'web');

  await using link = linkTo(coordinator, node, { ...helloOf('web'), protocol: 99 });

  const failure = await failureOf(link, 'protocol_mismatch');
  assert.match(failure.message, /session protocol 1, the node 99; run the same version on both/);
  const shown = (await statusOf(adminOf(coordinator))).nodes.find(({ nodeId }) => nodeId === node.nodeId);
  assert.equal(shown?.state, 'lost');
  assert.match(shown?.refusal ?? '', /run the same version on both/);
  await assert.rejects(link.call('certificate.renew', { csr: '' }, signal), (error) => {
    assert.ok(isAppError(error, 'coordinator_unreachable'));
    assert.match(error.message, /the coordinator refuses this node: .*run the same version on both/);
    return true;
  });
});

test('A hello that the coordinator cannot read is another version too', async () => {
  await using folder = await openTemporaryFolder('refused');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  const node = enrolTestNode(coordinator.running, 'web');
  const ofTomorrow: object = { ...helloOf('web'), keyOfTomorrow: true };

  await using link = linkTo(coordinator, node, ofTomorrow as Params<'session.hello'>);

  const failure = await failureOf(link, 'protocol_mismatch');
  assert.match(failure.message, /do not understand each other .*; run the same version on both/);
  const shown = (await statusOf(adminOf(coordinator))).nodes.find(({ nodeId }) => nodeId === node.nodeId);
  assert.match(shown?.refusal ?? '', /run the same version on both/);
});

test('A certificate that ran out lately is told apart from one that is too old and from one of a removed node', async () => {
  await using folder = await openTemporaryFolder('refused');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  const { nodeId } = enrolTestNode(coordinator.running, 'web');
  const lately = await issueInThePast({ folder: folder.path, nodeId, agoMs: 30 * DAY_MS });
  const tooOld = await issueInThePast({ folder: folder.path, nodeId, agoMs: 200 * DAY_MS });
  const unknown = await issueInThePast({ folder: folder.path, nodeId: 'never-joined', agoMs: 0 });

  await using first = linkTo(coordinator, lately, helloOf('web'));
  await using second = linkTo(coordinator, tooOld, helloOf('web'));
  await using third = linkTo(coordinator, unknown, helloOf('web'));

  const passing = await failureOf(first, 'credentials_required');
  assert.match(passing.message, /counted until .*asks for a new one by itself/);
  const old = await failureOf(second, 'identity_refused');
  assert.match(old.message, /too long ago to be renewed\. .*delete node\.json/);
  const stranger = await failureOf(third, 'identity_refused');
  assert.match(stranger.message, /does not know the node never-joined/);
});

test('A coordinator that was set up anew is told apart from one that is away', async () => {
  await using folder = await openTemporaryFolder('refused');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  await using before = await makeTestFleet();

  await using link = linkTo(coordinator, { nodeId: 'n-1', tls: before.nodeTls('n-1') }, helloOf('web'), before.fleetId);

  const failure = await failureOf(link, 'coordinator_unreachable');
  assert.match(failure.message, /is not the coordinator of this fleet .*authority\//);
  await assert.rejects(link.call('certificate.renew', { csr: '' }, signal), {
    code: 'coordinator_unreachable',
    message: failure.message,
  });
});

function linkTo(
  { admin }: TestCoordinator,
  { nodeId, tls }: TestNode,
  hello: Params<'session.hello'>,
  fleetId: string = admin.fleetId,
): SessionLink {
  const identity = { nodeId, fleetId, tls: () => tls };
  const deps = { clock, log, metrics: new Metrics(), random: Math.random, identity };
  const link = new SessionLink(deps, { coordinator: admin.address, hello });
  link.start();
  return link;
}

/** @param code of the failure that is waited for: on a busy machine another may come before. */
async function failureOf(link: SessionLink, code: ErrorCode): Promise<AppError> {
  await eventually({ what: `a failure ${code} of the link` }, () => link.failure?.code === code);
  assert.ok(link.failure !== undefined);
  return link.failure;
}

async function whenNotReady(node: FleetNode): Promise<string> {
  let text = '';
  await eventually({ what: 'a node that says that it is not ready' }, async () => {
    const answer = await fetch(`${node.baseUrl}/readyz`);
    text = await answer.text();
    return answer.status === 503;
  });
  return text;
}

function statusOf(target: CoordinatorTarget): Promise<FleetStatus> {
  return callCoordinator({ clock }, target, { method: 'GET', path: '/api/status', answer: FleetStatus }, signal);
}

function adminOf({ admin }: TestCoordinator): CoordinatorTarget {
  const { address, fleetId, tls } = admin;
  return { address, fleetId, ...tls };
}

/** A certificate that the fleet's authority gave `agoMs` ago. */
async function issueInThePast(options: {
  readonly folder: string;
  readonly nodeId: string;
  readonly agoMs: number;
}): Promise<TestNode> {
  const { folder, nodeId, agoMs } = options;
  const past = new FakeClock({ wallMs: Date.now() - agoMs });
  const authority = await openAuthority(dataFolder(folder).authority, { clock: past, log });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { certificatePem: cert } = authority.issueNodeCertificate({ csrPem: makeSigningRequest(privateKey), nodeId });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { nodeId, tls: { cert, key, ca: authority.caCertificatePem } };
}

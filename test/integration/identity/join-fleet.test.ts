import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeJoinToken } from '../../../coordinator/identity/join-tokens.ts';
import { keepRenewed } from '../../../node/identity/certificate-renewal.ts';
import { joinFleet, joinInProcess } from '../../../node/identity/join-fleet.ts';
import { NodeIdentityFile } from '../../../node/identity/node-identity.ts';
import { identityOf } from '../../../shared/identity/certificate-names.ts';
import { formatJoinToken, type JoinToken } from '../../../shared/identity/join-token.ts';
import type { EnrolRequest } from '../../../shared/protocol/admin-api.ts';
import { isAppError, type ErrorCode } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { makeTestFleet, type TestFleet } from '../../support/fleet-identity.ts';
import { startSessionServer, type SessionServer } from '../../support/session-server.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

const { signal } = new AbortController();
const deps = { clock: systemClock };
const DAY_MS = 24 * 60 * 60 * 1000;

/** A coordinator that takes one token, and keeps what it was sent. */
async function startEnrolment(
  fleet: TestFleet,
  token: JoinToken,
  refusal?: { readonly code: ErrorCode; readonly message: string },
): Promise<SessionServer & { readonly bodies: EnrolRequest[] }> {
  const bodies: EnrolRequest[] = [];
  const server = await startSessionServer(fleet, {
    http: {
      'POST /api/enrol': (body) => {
        const request = body as EnrolRequest;
        bodies.push(request);
        if (refusal !== undefined) return { status: 403, body: refusal };
        assert.equal(request.token, formatJoinToken(token));
        const { certificatePem } = fleet.authority.issueNodeCertificate({ csrPem: request.csr, nodeId: 'host-1' });
        const { fleetId, caCertificatePem } = fleet.authority;
        return { status: 201, body: { nodeId: 'host-1', fleetId, certificate: certificatePem, ca: caCertificatePem } };
      },
    },
  });
  return Object.assign(server, { bodies });
}

test('A host joins with a token and is the same node after a restart', async () => {
  await using folder = await openTemporaryFolder('join');
  await using fleet = await makeTestFleet();
  const token = makeJoinToken(fleet.authority.fingerprint);
  await using server = await startEnrolment(fleet, token);
  const path = join(folder.path, 'node.json');

  const joined = await joinFleet(deps, { path, coordinator: server.address, token: formatJoinToken(token) }, signal);
  const reopened = await NodeIdentityFile.open({ log: silentLogger }, path);

  assert.equal(joined.nodeId, 'host-1');
  assert.equal(reopened?.fleetId, fleet.fleetId);
  assert.equal(reopened.coordinator, server.address);
  assert.deepEqual(reopened.tls(), joined.tls());
  assert.equal((await stat(path)).mode & 0o777, 0o600);
});

test('A token that pins another authority is not sent to this one', async () => {
  await using folder = await openTemporaryFolder('join');
  await using fleet = await makeTestFleet();
  await using other = await makeTestFleet();
  const token = makeJoinToken(other.authority.fingerprint);
  await using server = await startEnrolment(fleet, token);
  const path = join(folder.path, 'node.json');

  await assert.rejects(
    joinFleet(deps, { path, coordinator: server.address, token: formatJoinToken(token) }, signal),
    (error) => isAppError(error, 'join_refused') && /fingerprint/.test(error.message),
  );

  assert.deepEqual(server.bodies, []);
  await assert.rejects(stat(path));
});

test('What the coordinator has against a token is told', async () => {
  await using folder = await openTemporaryFolder('join');
  await using fleet = await makeTestFleet();
  const token = makeJoinToken(fleet.authority.fingerprint);
  await using server = await startEnrolment(fleet, token, { code: 'join_refused', message: 'the token has expired' });

  await assert.rejects(
    joinFleet(
      deps,
      { path: join(folder.path, 'node.json'), coordinator: server.address, token: formatJoinToken(token) },
      signal,
    ),
    (error) => isAppError(error, 'join_refused') && error.message === 'the token has expired',
  );
});

test('A malformed token, nobody listening and a port that is not TLS each have their own error', async () => {
  await using folder = await openTemporaryFolder('join');
  await using fleet = await makeTestFleet();
  const path = join(folder.path, 'node.json');
  const token = formatJoinToken(makeJoinToken(fleet.authority.fingerprint));
  const plain = createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>((resolve) => {
    plain.listen(0, '127.0.0.1', resolve);
  });
  const { port } = plain.address() as AddressInfo;

  await assert.rejects(
    joinFleet(deps, { path, coordinator: '127.0.0.1:1', token: token.slice(0, -1) }, signal),
    (error) => isAppError(error, 'join_refused'),
  );
  await assert.rejects(
    joinFleet(deps, { path, coordinator: '127.0.0.1:1', token }, signal),
    (error) => isAppError(error, 'coordinator_unreachable') && /nothing listens/.test(error.message),
  );
  await assert.rejects(
    joinFleet(deps, { path, coordinator: `127.0.0.1:${port}`, token }, signal),
    (error) => isAppError(error, 'coordinator_unreachable') && /does not speak our TLS/.test(error.message),
  );
  await new Promise((resolve) => plain.close(resolve));
});

async function joinDirectly(fleet: TestFleet, path: string): Promise<NodeIdentityFile> {
  return joinInProcess({
    path,
    enrol: ({ csr }) => {
      const { certificatePem } = fleet.authority.issueNodeCertificate({ csrPem: csr, nodeId: 'host-1' });
      const { fleetId, caCertificatePem } = fleet.authority;
      return Promise.resolve({ nodeId: 'host-1', fleetId, certificate: certificatePem, ca: caCertificatePem });
    },
  });
}

test('A certificate is renewed after two thirds of its life, on disk and for new connections', async () => {
  await using folder = await openTemporaryFolder('renew');
  const clock = new FakeClock();
  await using fleet = await makeTestFleet({ clock });
  const path = join(folder.path, 'node.json');
  const identity = await joinDirectly(fleet, path);
  const before = identity.tls();
  const link = new FakeLink({
    'certificate.renew': ({ csr }) => ({
      certificate: fleet.authority.issueNodeCertificate({ csrPem: csr, nodeId: 'host-1' }).certificatePem,
    }),
  });
  const changed = new Promise<void>((resolve) => {
    identity.onChange(() => resolve());
  });
  await using _renewal = keepRenewed({ identity, link, clock, log: silentLogger, random: () => 0.5 });

  await clock.advance(4 * DAY_MS);
  const atFourDays = identity.tls();
  await clock.advance(0.75 * DAY_MS);
  await changed;

  assert.deepEqual(atFourDays, before);
  const after = identity.tls();
  assert.notEqual(after.key, before.key);
  assert.ok(Date.parse(new X509Certificate(after.cert).validTo) > Date.parse(new X509Certificate(before.cert).validTo));
  assert.ok((await readFile(path, 'utf8')).includes(JSON.stringify(after.cert)));
});

test('A host that was off past its certificate renews it without a session', async () => {
  await using folder = await openTemporaryFolder('renew');
  const clock = new FakeClock({ wallMs: Date.now() - 20 * DAY_MS });
  await using fleet = await makeTestFleet({ clock });
  let presented: string | undefined;
  await using server = await startSessionServer(fleet, {
    http: {
      'POST /api/renew': (body, peer) => {
        presented = identityOf(peer.getPeerCertificate())?.id;
        const { csr } = body as { csr: string };
        const { certificatePem } = fleet.authority.issueNodeCertificate({ csrPem: csr, nodeId: 'host-1' });
        return { status: 200, body: { certificate: certificatePem } };
      },
    },
  });
  const identity = await joinDirectly(fleet, join(folder.path, 'node.json'));
  await identity.moveCoordinator(server.address);
  const link = new FakeLink({});
  link.isConnected = false;
  const changed = new Promise<void>((resolve) => {
    identity.onChange(() => resolve());
  });
  await clock.advance(8 * DAY_MS);

  await using _renewal = keepRenewed({ identity, link, clock, log: silentLogger, random: () => 0 });
  await changed;

  assert.equal(presented, 'host-1');
  assert.ok(identity.notAfterMs > clock.wallMs());
});

test('A certificate for another node is not put into use', async () => {
  await using folder = await openTemporaryFolder('renew');
  await using fleet = await makeTestFleet();
  const path = join(folder.path, 'node.json');
  const identity = await joinDirectly(fleet, path);
  const before = await readFile(path, 'utf8');

  const stranger = fleet.nodeTls('host-2');
  await assert.rejects(identity.renew(stranger), (error) => isAppError(error, 'identity_refused'));

  assert.equal(await readFile(path, 'utf8'), before);
});

import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { openAuthority } from '../../../coordinator/identity/authority.ts';
import { buildCertificate } from '../../../coordinator/identity/certificate-builder.ts';
import { identityUri } from '../../../shared/identity/certificate-names.ts';
import { makeSigningRequest } from '../../../shared/identity/signing-request.ts';
import { RenewResponse } from '../../../shared/protocol/admin-api.ts';
import { callCoordinator } from '../../../shared/protocol/coordinator-api.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { dataFolder } from '../../../shared/runtime/data-folder.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { enrolTestNode, startTestCoordinator, type TestCoordinator } from '../../support/test-coordinator.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

test('A certificate that ran out weeks ago is good for renewal, and one of half a year ago is not', async () => {
  await using folder = await openTemporaryFolder('expired');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  const { nodeId } = enrolTestNode(coordinator.running, 'web');

  const weeksOld = await issueInThePast(folder.path, nodeId, 30 * DAY_MS);
  const tooOld = await issueInThePast(folder.path, nodeId, 200 * DAY_MS);

  assert.match((await renew(coordinator, weeksOld)).certificate, /BEGIN CERTIFICATE/);
  await assert.rejects(renew(coordinator, tooOld), { code: 'identity_refused' });
});

test('A forged certificate that ran out is not taken for one that merely ran out', async () => {
  await using folder = await openTemporaryFolder('expired');
  const coordinator = await startTestCoordinator(folder.path);
  await using _running = coordinator.running;
  const { nodeId } = enrolTestNode(coordinator.running, 'web');
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authority = new X509Certificate(coordinator.admin.tls.ca);
  const forged = buildCertificate(
    {
      subject: nodeId,
      publicKey,
      notBeforeMs: Date.now() - 30 * DAY_MS,
      notAfterMs: Date.now() - 20 * DAY_MS,
      kind: 'member',
      uris: [identityUri({ role: 'node', id: nodeId, fleetId: coordinator.running.fleetId })],
      hosts: [],
    },
    // The name and key identifier of the real authority, and a key of our own.
    { name: authority.subject.replace(/^CN=/, ''), key: privateKey, publicKey: authority.publicKey },
  );

  await assert.rejects(renew(coordinator, { cert: forged.pem, key: pemOf(privateKey) }), { code: 'identity_refused' });
});

/** A certificate that the fleet's authority gave `agoMs` ago. */
async function issueInThePast(data: string, nodeId: string, agoMs: number): Promise<{ cert: string; key: string }> {
  const clock = new FakeClock({ wallMs: Date.now() - agoMs });
  const authority = await openAuthority(dataFolder(data).authority, { clock, log: silentLogger });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issued = authority.issueNodeCertificate({ csrPem: makeSigningRequest(privateKey), nodeId });
  return { cert: issued.certificatePem, key: pemOf(privateKey) };
}

function renew(
  coordinator: TestCoordinator,
  tls: { readonly cert: string; readonly key: string },
): Promise<RenewResponse> {
  const { address, fleetId, tls: admin } = coordinator.admin;
  const csr = makeSigningRequest(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  return callCoordinator(
    { clock: systemClock },
    { address, fleetId, ca: admin.ca, ...tls },
    { method: 'POST', path: '/api/renew', body: { csr }, answer: RenewResponse },
    new AbortController().signal,
  );
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { BACKDATED_MS, NODE_CERTIFICATE_MS, openAuthority } from '../../../coordinator/identity/authority.ts';
import { makeNodeId } from '../../../coordinator/identity/node-id.ts';
import { identityOf, isMemberId } from '../../../shared/identity/certificate-names.ts';
import { fingerprintOf } from '../../../shared/identity/join-token.ts';
import { makeSigningRequest, publicKeyOfRequest } from '../../../shared/identity/signing-request.ts';
import { systemClock, type Clock } from '../../../shared/runtime/clock.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-authority-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function authorityAt(wallMs: number, path = folder): ReturnType<typeof openAuthority> {
  const clock: Clock = { ...systemClock, wallMs: () => wallMs };
  return openAuthority(path, { clock, log: silentLogger });
}

function newRequest(curve = 'P-256'): string {
  return makeSigningRequest(generateKeyPairSync('ec', { namedCurve: curve }).privateKey);
}

test('An authority opened again is the same fleet', async () => {
  const first = await authorityAt(Date.now());

  const second = await authorityAt(Date.now());

  assert.equal(second.fingerprint, first.fingerprint);
  assert.equal(second.fleetId, first.fleetId);
  assert.match(first.fleetId, /^[0-9a-f]{16}$/);
});

test('Two processes that start at once end with one authority', async () => {
  const authorities = await Promise.all([1, 2, 3, 4].map(() => authorityAt(Date.now())));

  assert.equal(new Set(authorities.map(({ fingerprint }) => fingerprint)).size, 1);
});

test('Key files can be read by their owner alone', async () => {
  const authority = await authorityAt(Date.now(), join(folder, 'authority'));
  await authority.serverTls([]);
  await authority.adminTls();

  for (const file of ['authority.pem', 'server.pem', 'admin.pem']) {
    const { mode } = await stat(join(folder, 'authority', file));
    assert.equal(mode & 0o777, 0o600, file);
  }
  assert.equal((await stat(join(folder, 'authority'))).mode & 0o777, 0o700);
});

test('A key file that others could read is closed to them', async () => {
  await authorityAt(Date.now());
  await chmod(join(folder, 'authority.pem'), 0o644);

  await authorityAt(Date.now());

  assert.equal((await stat(join(folder, 'authority.pem'))).mode & 0o777, 0o600);
});

test('A damaged authority file is refused and not replaced', async () => {
  await authorityAt(Date.now());
  await writeFile(join(folder, 'authority.pem'), 'damaged');

  await assert.rejects(authorityAt(Date.now()), (error) => isAppError(error, 'config_invalid'));

  assert.equal(await readFile(join(folder, 'authority.pem'), 'utf8'), 'damaged');
});

test('A node certificate names the node, chains to the authority and lives a week', async () => {
  const nowMs = Date.now();
  const authority = await authorityAt(nowMs);

  const issued = authority.issueNodeCertificate({ csrPem: newRequest(), nodeId: 'web-7-k3x9qd' });

  const certificate = new X509Certificate(issued.certificatePem);
  const ca = new X509Certificate(authority.caCertificatePem);
  assert.deepEqual(identityOf(certificate), { role: 'node', id: 'web-7-k3x9qd', fleetId: authority.fleetId });
  assert.ok(certificate.checkIssued(ca) && certificate.verify(ca.publicKey) && !certificate.ca && ca.ca);
  assert.equal(certificate.serialNumber.toLowerCase(), issued.serial);
  assert.equal(issued.notAfterMs, nowMs + NODE_CERTIFICATE_MS);
  assert.equal(Date.parse(certificate.validFrom), Math.floor((nowMs - BACKDATED_MS) / 1000) * 1000);
  assert.equal(fingerprintOf(ca.raw), authority.fingerprint);
});

test('OpenSSL verifies an issued certificate in strict mode', async () => {
  const authority = await authorityAt(Date.now());
  const node = authority.issueNodeCertificate({ csrPem: newRequest(), nodeId: 'n-1' });
  const server = await authority.serverTls(['10.1.2.3', 'fd00::1:2', 'coordinator.example.com']);
  await writeFile(join(folder, 'ca.crt'), authority.caCertificatePem);
  await writeFile(join(folder, 'node.crt'), node.certificatePem);
  await writeFile(join(folder, 'server.crt'), server.cert);

  const run = (...args: string[]): string =>
    execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', 'ca.crt', ...args], {
      cwd: folder,
      encoding: 'utf8',
    });

  assert.match(run('-purpose', 'sslclient', 'node.crt'), /OK/);
  assert.match(run('-purpose', 'sslserver', 'node.crt'), /OK/);
  assert.match(run('-purpose', 'sslserver', '-verify_ip', 'fd00::1:2', 'server.crt'), /OK/);
  assert.match(run('-purpose', 'sslserver', '-verify_hostname', 'coordinator.example.com', 'server.crt'), /OK/);
});

test('The server certificate stays until it is due or names another host', async () => {
  const nowMs = Date.now();
  const first = await (await authorityAt(nowMs)).serverTls(['10.0.0.1']);

  const again = await (await authorityAt(nowMs + 59 * DAY_MS)).serverTls(['10.0.0.1']);
  const due = await (await authorityAt(nowMs + 61 * DAY_MS)).serverTls(['10.0.0.1']);
  const moved = await (await authorityAt(nowMs + 61 * DAY_MS)).serverTls(['10.0.0.2']);

  assert.equal(again.cert, first.cert);
  assert.equal(again.key, first.key);
  assert.notEqual(due.cert, first.cert);
  assert.notEqual(moved.cert, due.cert);
});

test('A server certificate of another authority is replaced', async () => {
  const first = await (await authorityAt(Date.now())).serverTls([]);
  await rm(join(folder, 'authority.pem'));

  const second = await (await authorityAt(Date.now())).serverTls([]);

  assert.notEqual(second.cert, first.cert);
});

test('A signing request proves its key, and names in it are not looked at', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  const found = publicKeyOfRequest(makeSigningRequest(privateKey));

  assert.ok(found.equals(publicKey));
});

test('OpenSSL reads our signing request, and we read that of OpenSSL', async () => {
  await writeFile(join(folder, 'ours.csr'), newRequest());
  execFileSync('openssl', ['req', '-in', 'ours.csr', '-verify', '-noout'], { cwd: folder, stdio: 'pipe' });
  const args = [
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'k',
    '-subj',
    '/CN=admin',
  ];
  const theirs = execFileSync('openssl', [...args, '-addext', 'subjectAltName=URI:urn:shoal:x:admin:y'], {
    cwd: folder,
    encoding: 'utf8',
    stdio: 'pipe',
  });
  const authority = await authorityAt(Date.now());

  const issued = authority.issueNodeCertificate({ csrPem: theirs, nodeId: 'n-1' });

  assert.equal(identityOf(new X509Certificate(issued.certificatePem))?.role, 'node');
});

test('A signing request with a wrong signature, curve or shape is refused', () => {
  const good = newRequest();
  const der = Buffer.from(good.replaceAll(/-----[^-]+-----/g, ''), 'base64');
  const changed = Buffer.from(der);
  changed[60] = (changed[60] ?? 0) ^ 1; // inside the public key
  const pem = (bytes: Buffer): string =>
    `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  const bad = [
    pem(changed),
    newRequest('P-384'),
    pem(der.subarray(0, 100)),
    pem(Buffer.concat([der, der])),
    '',
    'x'.repeat(1e5),
  ];

  for (const csr of bad) {
    assert.throws(
      () => publicKeyOfRequest(csr),
      (error) => isAppError(error, 'message_invalid'),
      csr.slice(0, 80),
    );
  }
});

test('Node ids are readable labels whatever a host calls itself', () => {
  const ids = ['Web 7.example.com', '', '---', 'ÄÖ', 'x'.repeat(500), '10.0.0.1'].map((name) =>
    makeNodeId(name, Math.random),
  );

  assert.ok(ids.every(isMemberId), ids.join(' '));
  assert.match(ids[0] ?? '', /^web-7-[2-9a-z]{6}$/);
});

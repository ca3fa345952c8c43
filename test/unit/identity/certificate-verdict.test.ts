import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { judgeCertificate, rosterRefusal } from '../../../coordinator/http/certificate-verdict.ts';
import { buildCertificate } from '../../../coordinator/identity/certificate-builder.ts';
import { fleetIdOf, identityUri, type FleetRole } from '../../../shared/identity/certificate-names.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const NOW_MS = Date.UTC(2026, 5, 1);

const ours = authority();
const theirs = authority();

test('A certificate that node:tls verified is judged by its names alone', () => {
  const verdict = judge(certificate({}), { isVerified: true });

  assert.deepEqual(verdict, { type: 'member', identity: { role: 'node', id: 'web', fleetId: ours.fleetId } });
});

test('No certificate, one of another fleet and one that is forged are refused, and nobody is named', () => {
  for (const shown of [undefined, certificate({ from: theirs }), certificate({ from: theirs, as: ours })]) {
    const verdict = judge(shown, { isVerified: false });

    assert.equal(verdict.type, 'refused');
    assert.equal(verdict.identity, undefined);
    assert.equal(verdict.refusal.code, 'identity_refused');
    assert.deepEqual(verdict.refusal.detail, {});
  }
});

test('One that ran out is good for a new one for 90 days, and then for nothing', () => {
  const until = (days: number): X509Certificate => certificate({ notAfterMs: NOW_MS - days * DAY_MS });

  assert.equal(judge(until(89), { isVerified: false }).type, 'expired');
  const tooOld = judge(until(91), { isVerified: false });
  assert.equal(tooOld.type, 'refused');
  assert.match(tooOld.refusal.message, /^the certificate ran out on 2026-03-02T00:00:00Z, too long ago to be renewed/);
  assert.deepEqual(tooOld.refusal.detail, { node: 'web' });
});

test('One that does not count yet is a matter of clocks', () => {
  const verdict = judge(certificate({ notBeforeMs: NOW_MS + DAY_MS }), { isVerified: false });

  assert.equal(verdict.type, 'refused');
  assert.equal(verdict.refusal.code, 'credentials_required');
  assert.match(verdict.refusal.message, /set the clocks of both hosts right/);
});

test('What a certificate opens nothing for says whether the node was removed, is not known or is no node', () => {
  const node = { role: 'node', id: 'web', fleetId: ours.fleetId } as const;

  assert.match(
    rosterRefusal(node, { removedMs: NOW_MS }).message,
    /web was removed from the fleet on 2026-06-01T00:00:00Z\. To/,
  );
  assert.match(rosterRefusal(node, undefined).message, /does not know the node web; was its index restored/);
  assert.match(rosterRefusal({ ...node, role: 'admin' }, undefined).message, /this is for nodes/);
});

function judge(shown: X509Certificate | undefined, options: { readonly isVerified: boolean }) {
  return judgeCertificate(shown, { ...options, authority: ours.certificate, fleetId: ours.fleetId, nowMs: NOW_MS });
}

function authority() {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = 'an authority';
  const { pem } = buildCertificate(
    {
      subject: name,
      publicKey: keys.publicKey,
      notBeforeMs: NOW_MS - 1000 * DAY_MS,
      notAfterMs: NOW_MS + 1000 * DAY_MS,
      kind: 'authority',
      uris: [],
      hosts: [],
    },
    { name, key: keys.privateKey, publicKey: keys.publicKey },
  );
  return { name, ...keys, certificate: new X509Certificate(pem), fleetId: fleetIdOf(keys.publicKey) };
}

/** @param options.as whose name and key identifier it bears, while `from` signs it. */
function certificate(options: {
  readonly from?: typeof ours;
  readonly as?: typeof ours;
  readonly role?: FleetRole;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
}): X509Certificate {
  const { from = ours, as = from, role = 'node', notBeforeMs = NOW_MS - 400 * DAY_MS } = options;
  const { pem } = buildCertificate(
    {
      subject: 'web',
      publicKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey,
      notBeforeMs,
      notAfterMs: options.notAfterMs ?? NOW_MS + 30 * DAY_MS,
      kind: 'member',
      uris: [identityUri({ role, id: 'web', fleetId: as.fleetId })],
      hosts: [],
    },
    { name: as.name, key: from.privateKey, publicKey: as.publicKey },
  );
  return new X509Certificate(pem);
}

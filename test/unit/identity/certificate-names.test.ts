import assert from 'node:assert/strict';
import type { PeerCertificate } from 'node:tls';
import { test } from 'node:test';
import fc from 'fast-check';
import { identityOf, identityUri } from '../../../shared/identity/certificate-names.ts';

const fleetId = '0123456789abcdef';

/** A certificate as node:tls shows it, as far as names are read from it. */
function withNames(subjectaltname: string | undefined): PeerCertificate {
  const partial: Partial<PeerCertificate> = subjectaltname === undefined ? {} : { subjectaltname };
  return partial as PeerCertificate;
}

test('A name is read from between others', () => {
  const names = `DNS:localhost, URI:${identityUri({ role: 'coordinator', id: 'coordinator', fleetId })}, IP Address:127.0.0.1`;

  assert.deepEqual(identityOf(withNames(names)), { role: 'coordinator', id: 'coordinator', fleetId });
});

test('No name, two names and malformed names are nobody', () => {
  const good = `URI:urn:shoal:${fleetId}:node:a`;
  const bad = [
    undefined,
    '',
    'DNS:localhost',
    `${good}, URI:urn:shoal:${fleetId}:admin:b`,
    `URI:urn:shoal:${fleetId}:root:a`,
    `URI:urn:shoal:${fleetId}:node:A`,
    `URI:urn:shoal:${fleetId}:node:`,
    'URI:urn:shoal:short:node:a',
    `DNS:${good}`,
    `"URI:urn:shoal:${fleetId}:node:a"`,
    `${good}:b`,
  ];

  for (const names of bad) assert.equal(identityOf(withNames(names)), undefined, names);
});

test('Reading names never throws', () => {
  fc.assert(
    fc.property(fc.string(), (text) => assert.doesNotThrow(() => identityOf(withNames(`URI:urn:shoal:${text}`)))),
  );
});

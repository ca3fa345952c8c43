// Who a certificate speaks for. A fleet's own authority writes one URI into the subject alternative names of each
// certificate that it issues; nothing else in a certificate is read as a name.
//
//   urn:shoal:<fleet id>:<role>:<id>      urn:shoal:3f0c9a…:node:web-7-k3x9qd
//
// A name means something only after the chain was verified against that fleet's authority.

import { createHash, X509Certificate, type KeyObject } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';

export type FleetRole = 'node' | 'coordinator' | 'admin';

/** One member of a fleet, as its certificate names it. */
export interface FleetIdentity {
  readonly role: FleetRole;
  /** A label in small letters, unique in the fleet among its role. */
  readonly id: string;
  readonly fleetId: string;
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const FLEET_ID = /^[0-9a-f]{16}$/;
const URN = /^urn:shoal:([^:]+):(node|coordinator|admin):([^:]+)$/;

/** True for what may stand as a node's id: 1 to 63 small letters, digits and inner hyphens, so that it fits a DNS label. */
export function isMemberId(text: string): boolean {
  return LABEL.test(text);
}

/** 16 hex digits: the start of the SHA-256 of the authority's public key. */
function isFleetId(text: string): boolean {
  return FLEET_ID.test(text);
}

/** The id of the fleet whose authority has this public key. */
export function fleetIdOf(authorityKey: KeyObject): string {
  const der = authorityKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}

/** The URI that stands for `identity` in its certificate. */
export function identityUri(identity: FleetIdentity): string {
  return `urn:shoal:${identity.fleetId}:${identity.role}:${identity.id}`;
}

/**
 * Reads who a certificate speaks for. Checks no signature: the caller has verified the chain.
 * @returns undefined without exactly one well-formed URI of ours, and for the empty object that node:tls gives for "no certificate".
 */
export function identityOf(certificate: PeerCertificate | X509Certificate): FleetIdentity | undefined {
  const names = certificate instanceof X509Certificate ? certificate.subjectAltName : certificate.subjectaltname;
  if (names === undefined || names === '') return undefined;
  // OpenSSL quotes an entry that holds a comma or quotes (CVE-2021-44532); ours never does, so a plain split is safe.
  const uris = names.split(', ').filter((name) => name.startsWith('URI:urn:shoal:'));
  const [uri] = uris;
  return uris.length === 1 && uri !== undefined ? parseIdentityUri(uri.slice('URI:'.length)) : undefined;
}

function parseIdentityUri(uri: string): FleetIdentity | undefined {
  const [, fleetId = '', role = '', id = ''] = URN.exec(uri) ?? [];
  if (!isFleetId(fleetId) || !isMemberId(id) || !isFleetRole(role)) return undefined;
  return { role, id, fleetId };
}

function isFleetRole(text: string): text is FleetRole {
  return text === 'node' || text === 'coordinator' || text === 'admin';
}

// What the coordinator makes of a client certificate: whose it is, or why it counts for nothing, in words that say what to do.
// Pure; the roster is asked by the caller.

import type { X509Certificate } from 'node:crypto';
import { identityOf, type FleetIdentity } from '../../shared/identity/certificate-names.ts';
import { AppError } from '../../shared/runtime/errors.ts';

/**
 * A node may renew with a certificate that ran out at most so long ago: a host comes back from repair within a quarter,
 * and a key on a disk that was sold should not open a fleet for ever.
 */
const RENEW_EXPIRED_WITHIN_MS = 90 * 24 * 60 * 60 * 1000;

/** How a host of which the fleet knows no more becomes a node again. */
const JOIN_ANEW =
  'To take this host in, stop shoal on it, delete node.json in its data folder, and start it with --coordinator and with ' +
  '--join and a token that `shoal token create` makes; it keeps its blobs';

/**
 * - `member`: signed by the authority of this fleet, and good now.
 * - `expired`: signed by it, and good for nothing but a new one.
 * - `refused`: anything else. `refusal` is `identity_refused`, or `credentials_required` for what passes with the time.
 */
export type CertificateVerdict =
  | { readonly type: 'member'; readonly identity: FleetIdentity }
  | { readonly type: 'expired'; readonly identity: FleetIdentity; readonly refusal: AppError }
  | { readonly type: 'refused'; readonly identity?: FleetIdentity; readonly refusal: AppError };

/**
 * @param certificate undefined when none was shown.
 * @param options.isVerified what node:tls says. It is not asked why it refuses: that is the last thing that OpenSSL found wrong, and
 * "expired" may hide a forged signature. So the signature is checked here.
 */
export function judgeCertificate(
  certificate: X509Certificate | undefined,
  options: {
    readonly isVerified: boolean;
    readonly authority: X509Certificate;
    readonly fleetId: string;
    readonly nowMs: number;
  },
): CertificateVerdict {
  const { isVerified, authority, fleetId, nowMs } = options;
  if (certificate === undefined) return refuse('this needs a certificate of the fleet, and none was shown');
  const isSigned = isVerified || (certificate.checkIssued(authority) && certificate.verify(authority.publicKey));
  const identity = isSigned ? identityOf(certificate) : undefined;
  if (identity === undefined || identity.fleetId !== fleetId) {
    return refuse(
      `the certificate that was shown is not of this fleet, ${fleetId}; was the coordinator set up anew? ${JOIN_ANEW}`,
    );
  }
  if (isVerified) return { type: 'member', identity };
  const validFromMs = Date.parse(certificate.validFrom);
  if (validFromMs > nowMs) {
    const refusal = passing(
      `the certificate counts from ${iso(validFromMs)} on, which is still to come by the coordinator's clock; set the clocks of both hosts right`,
      identity,
    );
    return { type: 'refused', identity, refusal };
  }
  const notAfterMs = Date.parse(certificate.validTo);
  if (notAfterMs + RENEW_EXPIRED_WITHIN_MS < nowMs) {
    const words = `the certificate ran out on ${iso(notAfterMs)}, too long ago to be renewed. ${JOIN_ANEW}`;
    return { type: 'refused', identity, refusal: refusalOf(words, identity) };
  }
  const refusal = passing(
    `the certificate counted until ${iso(notAfterMs)}; the node asks for a new one by itself. If this lasts, its log says why; see to it ` +
      'that the clocks of both hosts are right',
    identity,
  );
  return { type: 'expired', identity, refusal };
}

/** Why a certificate that is good opens nothing here. @param row of the roster; undefined when it knows no such node. */
export function rosterRefusal(
  identity: FleetIdentity,
  row: { readonly removedMs: number | null } | undefined,
): AppError {
  if (identity.role !== 'node')
    return refusalOf(`this is for nodes, and the certificate is of: ${identity.role}`, identity);
  if (row === undefined) {
    return refusalOf(
      `the fleet does not know the node ${identity.id}; was its index restored from an older copy? ${JOIN_ANEW}`,
      identity,
    );
  }
  const when = row.removedMs === null ? '' : ` on ${iso(row.removedMs)}`;
  return refusalOf(`the node ${identity.id} was removed from the fleet${when}. ${JOIN_ANEW}`, identity);
}

function refuse(words: string): CertificateVerdict {
  return { type: 'refused', refusal: new AppError('identity_refused', words) };
}

function refusalOf(words: string, identity: FleetIdentity): AppError {
  return new AppError('identity_refused', words, detailOf(identity));
}

function passing(words: string, identity: FleetIdentity): AppError {
  return new AppError('credentials_required', words, detailOf(identity));
}

function detailOf(identity: FleetIdentity): { readonly detail?: { readonly node: string } } {
  return identity.role === 'node' ? { detail: { node: identity.id } } : {};
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

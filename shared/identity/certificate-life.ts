// How long certificates live and when they are made again. The same rule for every member of a fleet.

import type { X509Certificate } from 'node:crypto';

/** The part of its life after which a certificate is made again; a third is left for trouble. */
const RENEW_AFTER = 2 / 3;

/** When a certificate should be made again, in milliseconds since 1970. */
export function renewalDueMs(certificate: X509Certificate): number {
  const fromMs = Date.parse(certificate.validFrom);
  return fromMs + (Date.parse(certificate.validTo) - fromMs) * RENEW_AFTER;
}

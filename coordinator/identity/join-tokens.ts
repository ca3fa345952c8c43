// Making and checking join tokens. Storage and counting of uses are the token table's; see shared/identity/join-token.ts.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { JoinToken } from '../../shared/identity/join-token.ts';

const ID_BYTES = 8;
const SECRET_BYTES = 32;

/** A new token for the authority with this fingerprint. Store `hashSecret(token.secret)`, never the secret. */
export function makeJoinToken(fingerprint: string): JoinToken {
  return {
    tokenId: randomBytes(ID_BYTES).toString('hex'),
    secret: randomBytes(SECRET_BYTES).toString('base64url'),
    fingerprint,
  };
}

/** What is stored of a secret: its SHA-256, 32 bytes. A random secret of 32 bytes needs no slow hash. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest();
}

/** True when `secret` is the one whose hash was stored. Takes the same time for every wrong secret. */
export function isSecretOf(secret: string, storedHash: Uint8Array): boolean {
  const hash = hashSecret(secret);
  return storedHash.byteLength === hash.byteLength && timingSafeEqual(hash, storedHash);
}

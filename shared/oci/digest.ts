// Content digests as the OCI image specification writes them: `algorithm:encoded`.

import { createHash } from 'node:crypto';
import { AppError } from '../runtime/errors.ts';

declare const brand: unique symbol;

/** A checked digest of an algorithm that we serve. Only the functions of this file make one. */
export type Digest = string & { readonly [brand]: 'Digest' };

export type DigestAlgorithm = 'sha256' | 'sha512';

const GRAMMAR = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;
const SERVED = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;
const KNOWN_ALGORITHM = /^(?:sha256|sha512):/;
/** Longest digest of any algorithm; a longer one is malformed. One of sha512 has 135. */
const MAX_DIGEST_CHARS = 512;

export type DigestClass =
  | { readonly type: 'served'; readonly digest: Digest }
  | { readonly type: 'unserved' }
  | { readonly type: 'malformed' };

/**
 * Tells a digest that we serve from a legal one of another algorithm and from no digest at all
 * (image-spec v1.1 "Digests"; capitals are not allowed in sha256 and sha512).
 */
export function classifyDigest(text: string): DigestClass {
  if (text.length > MAX_DIGEST_CHARS) return { type: 'malformed' };
  if (SERVED.test(text)) return { type: 'served', digest: text as Digest };
  if (!GRAMMAR.test(text) || KNOWN_ALGORITHM.test(text)) return { type: 'malformed' };
  return { type: 'unserved' };
}

/** @throws {AppError} `digest_invalid` when malformed or of an algorithm that is not served. */
export function parseDigest(text: string): Digest {
  const result = classifyDigest(text);
  if (result.type === 'served') return result.digest;
  const why = result.type === 'unserved' ? 'digest algorithm is not served' : 'malformed digest';
  throw new AppError('digest_invalid', why, { detail: { digest: text.slice(0, 160) } });
}

/** True for a digest of an algorithm that we serve. */
export function isDigest(text: string): text is Digest {
  return classifyDigest(text).type === 'served';
}

/** The algorithm of a checked digest. */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The hex part of a checked digest. */
export function encodedOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** Makes a digest of a finished hash. @param hash 32 bytes for sha256, 64 bytes for sha512. */
export function digestFromHash(algorithm: DigestAlgorithm, hash: Uint8Array): Digest {
  return `${algorithm}:${Buffer.from(hash.buffer, hash.byteOffset, hash.byteLength).toString('hex')}` as Digest;
}

/** The digest of bytes in memory. For small things only: manifests, tests. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return digestFromHash(algorithm, createHash(algorithm).update(bytes).digest());
}

/** The sha256 digest of zero bytes. */
export const EMPTY_DIGEST = digestOf(new Uint8Array(0));

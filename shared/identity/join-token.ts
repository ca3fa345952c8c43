// What an operator carries from the coordinator to a new host: one line that lets one host in and tells it
// which authority is the right one, so that neither side trusts a stranger.
//
//   shoal1.<token id>.<secret>.<fingerprint>
//
//   token id      16 hex digits; names the token in lists and logs
//   secret        32 random bytes in base64url; shown once, the coordinator keeps its SHA-256
//   fingerprint   SHA-256 of the authority's certificate (DER) in base64url

import { createHash } from 'node:crypto';
import { AppError } from '../runtime/errors.ts';

export interface JoinToken {
  readonly tokenId: string;
  /** Never logged, never stored by the coordinator. */
  readonly secret: string;
  readonly fingerprint: string;
}

const TOKEN = /^shoal1\.([0-9a-f]{16})\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/;

/** The token as one line of text. */
export function formatJoinToken(token: JoinToken): string {
  return `shoal1.${token.tokenId}.${token.secret}.${token.fingerprint}`;
}

/** Reads a token; space around it is forgiven. @throws {AppError} `join_refused`, never with the text in it. */
export function parseJoinToken(text: string): JoinToken {
  const [, tokenId, secret, fingerprint] = TOKEN.exec(text.trim()) ?? [];
  if (tokenId !== undefined && secret !== undefined && fingerprint !== undefined) {
    return { tokenId, secret, fingerprint };
  }
  throw new AppError(
    'join_refused',
    'the join token is malformed: it is one line "shoal1.….….…" as printed by "shoal token create"; was it cut off?',
  );
}

/** The fingerprint by which a token pins an authority. @param der the authority's certificate. */
export function fingerprintOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('base64url');
}

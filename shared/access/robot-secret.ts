// Secrets of robot accounts: random, so that no slow hash is needed, and of a form that nobody chooses as a password.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** In front of each: scanners for leaked secrets find it, and no password of a person may begin so. */
const PREFIX = 'shoal-robot-';
const SECRET_BYTES = 32;

export function makeRobotSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
}

/** True for what can only be meant as the secret of a robot. */
export function looksLikeRobotSecret(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** What is kept of a secret: its SHA-256, in hex. */
export function hashRobotSecret(secret: string): string {
  return createHash('sha256').update(secret, 'utf8').digest('hex');
}

/** True when `secret` is the one whose hash was kept. Takes the same time for every wrong one. */
export function isRobotSecretOf(secret: string, hash: string): boolean {
  const found = Buffer.from(hashRobotSecret(secret), 'utf8');
  const kept = Buffer.from(hash, 'utf8');
  return found.length === kept.length && timingSafeEqual(found, kept);
}

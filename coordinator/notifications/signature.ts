// Signs what is sent, by the open specification of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over id, time and body,
// so that a receiver knows who sent it, that nobody changed it, and that it is not an old one sent again. Pure.
//
//   webhook-id: <id of the event>    webhook-timestamp: <seconds since 1970>    webhook-signature: v1,<base64>

import { createHmac } from 'node:crypto';

/** A secret as the tools of that specification write it; what follows is the key in base64. */
const ENCODED_SECRET = 'whsec_';

/** @param secret text, whose bytes are the key, or `whsec_` and base64. */
export function signatureHeaders(
  message: { readonly eventId: string; readonly body: string; readonly atMs: number },
  secret: string | undefined,
): Readonly<Record<string, string>> {
  const { eventId, body, atMs } = message;
  const timestamp = String(Math.floor(atMs / 1000));
  const named = { 'webhook-id': eventId, 'webhook-timestamp': timestamp };
  if (secret === undefined) return named;
  const signature = createHmac('sha256', keyOf(secret)).update(`${eventId}.${timestamp}.${body}`).digest('base64');
  return { ...named, 'webhook-signature': `v1,${signature}` };
}

function keyOf(secret: string): Buffer {
  return secret.startsWith(ENCODED_SECRET)
    ? Buffer.from(secret.slice(ENCODED_SECRET.length), 'base64')
    : Buffer.from(secret);
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hashSecret, isSecretOf, makeJoinToken } from '../../../coordinator/identity/join-tokens.ts';
import { fingerprintOf, formatJoinToken, parseJoinToken } from '../../../shared/identity/join-token.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';

const fingerprint = fingerprintOf(Buffer.from('an authority'));

test('A token comes back from its text, space around it forgiven', () => {
  const token = makeJoinToken(fingerprint);

  assert.deepEqual(parseJoinToken(`  ${formatJoinToken(token)}\n`), token);
});

test('A token is one word of a command line', () => {
  assert.match(formatJoinToken(makeJoinToken(fingerprint)), /^shoal1\.[A-Za-z0-9._-]{104}$/);
});

test('Text that is no token is refused without repeating it', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.throws(
        () => parseJoinToken(`shoal1.${text}`),
        (error) => isAppError(error, 'join_refused') && !error.message.includes(`shoal1.${text}x`),
      );
    }),
  );
});

test('Only the secret itself matches its stored hash', () => {
  const { secret } = makeJoinToken(fingerprint);
  const stored = hashSecret(secret);

  assert.ok(isSecretOf(secret, stored));
  assert.ok(!isSecretOf(makeJoinToken(fingerprint).secret, stored));
  assert.ok(!isSecretOf(secret, stored.subarray(1)));
});

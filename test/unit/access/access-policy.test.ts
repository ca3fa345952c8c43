import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { before, test } from 'node:test';
import fc from 'fast-check';
import { openAuthority, type Authority } from '../../../coordinator/identity/authority.ts';
import { openSignedPolicy, signPolicy, type AccessPolicyDocument } from '../../../shared/access/access-policy.ts';
import { isAccountName, parseActions } from '../../../shared/access/grant.ts';
import {
  hashRobotSecret,
  isRobotSecretOf,
  looksLikeRobotSecret,
  makeRobotSecret,
} from '../../../shared/access/robot-secret.ts';
import { systemClock as clock } from '../../../shared/runtime/clock.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { silentLogger as log } from '../../../shared/runtime/log.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';

let authority: Authority;
let fleet: { readonly ca: string; readonly fleetId: string };
before(async () => {
  await using folder = await openTemporaryFolder('authority');
  authority = await openAuthority(folder.path, { clock, log });
  fleet = { ca: authority.caCertificatePem, fleetId: authority.fleetId };
});

const policyOf = (more: Partial<AccessPolicyDocument> = {}): AccessPolicyDocument => ({
  version: 1,
  fleetId: fleet.fleetId,
  issuedAtMs: 1000,
  expiresAtMs: 2000,
  accounts: [{ kind: 'robot', name: 'ci', secretHash: hashRobotSecret('x'), expiresAtMs: 5 }],
  grants: [{ who: 'ci', actions: ['pull', 'push'], repositories: 'team/**' }],
  removedNodes: ['web-3'],
  ...more,
});
const signed = (policy: AccessPolicyDocument) => signPolicy(policy, (bytes) => authority.sign(bytes));

test('The users of a fleet come back as they were signed', () => {
  assert.deepEqual(openSignedPolicy(signed(policyOf()), fleet), policyOf());
});

test('A document that was changed anywhere, or signed by another key, is refused', () => {
  const { document, signature } = signed(policyOf());
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const forged = signPolicy(policyOf(), (bytes) => sign('sha256', bytes, privateKey));

  assert.throws(() => openSignedPolicy(forged, fleet), { code: 'identity_refused' });
  fc.assert(
    fc.property(
      fc.nat(document.length - 1),
      fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }),
      (at, char) => {
        fc.pre(document[at] !== char);
        const changed = document.slice(0, at) + char + document.slice(at + 1);
        assert.throws(() => openSignedPolicy({ document: changed, signature }, fleet), { code: 'identity_refused' });
      },
    ),
  );
});

test('What the authority signed for something else, or another fleet, is no list of users', () => {
  const document = JSON.stringify(policyOf());
  const signature = authority.sign(Buffer.from(document)).toString('base64');
  assert.throws(() => openSignedPolicy({ document, signature }, fleet), { code: 'identity_refused' });
  assert.throws(() => openSignedPolicy(signed(policyOf({ fleetId: 'another' })), fleet), { code: 'identity_refused' });
});

test('Nothing of another shape is read, whatever stands in it', () => {
  fc.assert(
    fc.property(fc.json(), (document) => {
      const signature = Buffer.from(
        authority.sign(Buffer.concat([Buffer.from('shoal access policy 1\n'), Buffer.from(document)])),
      ).toString('base64');
      assert.throws(() => openSignedPolicy({ document, signature }, fleet), { code: 'message_invalid' });
    }),
    { numRuns: 50 },
  );
});

test('A robot secret is its own and no other, and no two are alike', () => {
  const secret = makeRobotSecret();
  assert.ok(looksLikeRobotSecret(secret) && isRobotSecretOf(secret, hashRobotSecret(secret)));
  assert.ok(!isRobotSecretOf(makeRobotSecret(), hashRobotSecret(secret)));
  assert.ok(!isRobotSecretOf(secret, ''));
});

test('Names that would end a header, a path or a grant, or stand for many, are no names', () => {
  for (const name of ['', 'a:b', 'a b', 'a/b', '-a', 'anonymous', 'authenticated', 'ä', 'a'.repeat(65), 'a\n'])
    assert.ok(!isAccountName(name), name);
  for (const name of ['a', 'alice', 'ci-1', 'Alice@example.com', '7']) assert.ok(isAccountName(name), name);
});

test('Any text is read as actions, or refused naming what is none', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseActions(text);
      } catch (error) {
        assert.ok(isAppError(error, 'config_invalid'));
      }
    }),
  );
});

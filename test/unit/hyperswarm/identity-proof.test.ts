import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import {
  checkProof,
  makeProof,
  MAX_PROOF_BYTES,
  proofLength,
  PROOF_HEADER_BYTES,
} from '../../../node/swarm/hyperswarm/identity-proof.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { makeTestFleet, type TestFleet } from '../../support/fleet-identity.ts';

const handshakeHash = randomBytes(64);
const place = { handshakeHash, role: 'dialler' } as const;
const wallMs = Date.now();
let fleet: TestFleet;
let stranger: TestFleet;

before(async () => {
  [fleet, stranger] = await Promise.all([makeTestFleet(), makeTestFleet()]);
});

after(async () => {
  await Promise.all([fleet[Symbol.asyncDispose](), stranger[Symbol.asyncDispose]()]);
});

function ours(): { ca: string; fleetId: string; wallMs: number } {
  return { ca: fleet.authority.caCertificatePem, fleetId: fleet.fleetId, wallMs };
}

test('A proof by a member of the fleet names it and where it listens', () => {
  const proof = makeProof({ tls: fleet.nodeTls('a'), address: '10.0.0.7:5110' }, place);

  assert.equal(proofLength(proof), proof.length);
  assert.deepEqual(checkProof(proof, place, ours()), { nodeId: 'a', address: '10.0.0.7:5110' });
});

test('A proof by a member of another fleet is refused', () => {
  const proof = makeProof({ tls: stranger.nodeTls('a'), address: '' }, place);

  assert.throws(() => checkProof(proof, place, ours()), { code: 'identity_refused' });
});

test('A certificate of the fleet with the key of somebody else is refused', () => {
  const tls = { ...fleet.nodeTls('a'), key: stranger.nodeTls('a').key };

  assert.throws(() => checkProof(makeProof({ tls, address: '' }, place), place, ours()), { code: 'identity_refused' });
});

test('A proof of another connection is refused', () => {
  const proof = makeProof({ tls: fleet.nodeTls('a'), address: '' }, { ...place, handshakeHash: randomBytes(64) });

  assert.throws(() => checkProof(proof, place, ours()), { code: 'identity_refused' });
});

test('A proof that is sent back to its author is refused', () => {
  const proof = makeProof({ tls: fleet.nodeTls('a'), address: '' }, place);

  assert.throws(() => checkProof(proof, { handshakeHash, role: 'acceptor' }, ours()), { code: 'identity_refused' });
});

test('The certificate of a coordinator is no proof of a node', async () => {
  const tls = await fleet.coordinatorTls();

  assert.throws(() => checkProof(makeProof({ tls, address: '' }, place), place, ours()), { code: 'identity_refused' });
});

test('A certificate that ran out is refused', () => {
  const proof = makeProof({ tls: fleet.nodeTls('a'), address: '' }, place);
  const later = { ...ours(), wallMs: wallMs + 30 * 24 * 3600 * 1000 };

  assert.throws(() => checkProof(proof, place, later), { code: 'identity_refused' });
});

test('A longer proof than any of ours is refused by its length alone', () => {
  const header = Buffer.alloc(PROOF_HEADER_BYTES);
  header.writeUInt16BE(MAX_PROOF_BYTES + 1);

  assert.throws(() => proofLength(header), { code: 'message_invalid' });
});

test('Any other bytes are refused with a clear error and never taken', () => {
  const proof = makeProof({ tls: fleet.nodeTls('a'), address: '10.0.0.7:5110' }, place);
  const change = fc.record({ at: fc.nat(proof.length - 1), to: fc.nat(255) });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), change), (input) => {
      let bytes = Buffer.concat([proof.subarray(0, PROOF_HEADER_BYTES), input instanceof Uint8Array ? input : proof]);
      if (!(input instanceof Uint8Array)) {
        bytes = Buffer.from(proof);
        bytes[input.at] = input.to;
        if (bytes.equals(proof) || input.at < PROOF_HEADER_BYTES) return;
      }
      assert.throws(() => checkProof(bytes, place, ours()), AppError);
    }),
    { numRuns: 200 },
  );
});

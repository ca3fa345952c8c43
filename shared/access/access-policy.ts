// The users of a fleet and their rights, as the coordinator hands them to nodes: a document that runs out, signed by the fleet's
// authority, which every node knows since it joined.
//
//   document   JSON: fleet, when it was made and until when it counts, accounts, grants, removed nodes
//   signature  ECDSA P-256 over SHA-256 of "shoal access policy 1\n" and the document; no certificate begins so, and the
//              authority signs nothing else
//
// A node keeps the last one on its disk and goes by it while the coordinator is away. It holds hashes of passwords, so that
// only members of the fleet get it and only the owner of the data folder can read it.

import { verify, X509Certificate } from 'node:crypto';
import Type, { type Static, type TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { AppError } from '../runtime/errors.ts';
import { ACCOUNT_NAME_PATTERN, GRANTED_ACTIONS, MAX_GRANTS, type GrantedAction } from './grant.ts';

/** Users and robots of a fleet, more are refused: their hashes travel to each node, 10,000 are about 1.5 MB. */
export const MAX_ACCOUNTS = 10_000;
/** Removed nodes that are named, the newest: what older ones signed has run out. */
export const MAX_REMOVED_NODES = 10_000;
const CONTEXT = Buffer.from('shoal access policy 1\n');
/** A hash that a node computes within a tenth of a second or two: each step of the cost doubles the time. */
export const BCRYPT_PATTERN = '^\\$2[aby]\\$(0[4-9]|1[0-4])\\$[./A-Za-z0-9]{53}$';

const object = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
const Time = Type.Integer({ minimum: 0 });
/** One of `GRANTED_ACTIONS`. */
export const ActionWord = Type.Unsafe<GrantedAction>({ type: 'string', enum: [...GRANTED_ACTIONS] });
const AccountName = Type.String({ pattern: ACCOUNT_NAME_PATTERN });

const PolicyAccount = Type.Union([
  object({ kind: Type.Literal('user'), name: AccountName, passwordHash: Type.String({ pattern: BCRYPT_PATTERN }) }),
  object({
    kind: Type.Literal('robot'),
    name: AccountName,
    /** SHA-256 in hex. */
    secretHash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    expiresAtMs: Time,
  }),
]);
export type PolicyAccount = Readonly<Static<typeof PolicyAccount>>;

const PolicyGrant = object({
  who: Type.String({ minLength: 1, maxLength: 64 }),
  actions: Type.Array(ActionWord, { maxItems: 4 }),
  repositories: Type.String({ minLength: 1, maxLength: 300 }),
});

const AccessPolicyDocument = object({
  version: Type.Literal(1),
  fleetId: Type.String(),
  issuedAtMs: Time,
  expiresAtMs: Time,
  accounts: Type.Array(PolicyAccount, { maxItems: MAX_ACCOUNTS }),
  grants: Type.Array(PolicyGrant, { maxItems: MAX_GRANTS }),
  /** Nodes that were removed from the fleet: tokens that they signed count nowhere. */
  removedNodes: Type.Array(Type.String({ maxLength: 64 }), { maxItems: MAX_REMOVED_NODES }),
});
export type AccessPolicyDocument = Readonly<Static<typeof AccessPolicyDocument>>;

/** As it travels and lies on disk. */
export const SignedPolicy = object({
  document: Type.String(),
  /** base64. */
  signature: Type.String({ maxLength: 200 }),
});
export type SignedPolicy = Readonly<Static<typeof SignedPolicy>>;

/** @param sign by the key of the authority, over SHA-256. */
export function signPolicy(policy: AccessPolicyDocument, sign: (bytes: Uint8Array) => Uint8Array): SignedPolicy {
  const document = JSON.stringify(policy);
  return { document, signature: Buffer.from(sign(signedBytes(document))).toString('base64') };
}

/**
 * What the coordinator of this fleet signed, whether it still counts or not.
 * @param fleet.ca certificate of its authority, PEM.
 * @throws {AppError} `identity_refused` for another signature or another fleet, `message_invalid` when it has another shape.
 */
export function openSignedPolicy(
  signed: SignedPolicy,
  fleet: { readonly ca: string; readonly fleetId: string },
): AccessPolicyDocument {
  const { publicKey } = new X509Certificate(fleet.ca);
  const isSigned = verify('sha256', signedBytes(signed.document), publicKey, Buffer.from(signed.signature, 'base64'));
  if (!isSigned) throw new AppError('identity_refused', 'the users of the fleet are not signed by its authority');
  const policy: unknown = parsed(signed.document);
  if (!Check(AccessPolicyDocument, policy))
    throw new AppError('message_invalid', 'the users of the fleet come in another form; is the coordinator newer?');
  if (policy.fleetId !== fleet.fleetId) throw new AppError('identity_refused', 'these are the users of another fleet');
  return policy;
}

function signedBytes(document: string): Buffer {
  return Buffer.concat([CONTEXT, Buffer.from(document, 'utf8')]);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // it then has another form
  }
}

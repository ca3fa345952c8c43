// The part of the coordinator's HTTPS API that says who did what to which repository, and who changed who may do so.
//
//   GET /api/audit   an admin certificate   entries of the audit log, the newest first, a page at a time

import Type, { type Static, type TProperties } from 'typebox';
import { MAX_USER_CHARS } from './requester.ts';

/** Entries in one answer; whoever wants more asks for those before the last. A page of the longest is about 2 MiB. */
export const MAX_AUDIT_PAGE = 1000;

const object = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const Digits = Type.String({ pattern: '^[0-9]{1,15}$' });

/** To a repository: from a client, and `import` by command. To a user or robot: `add`, `remove`, `password`. To a right: `grant`, `revoke`. */
export const AUDIT_ACTIONS = [
  'push',
  'pull',
  'mount',
  'delete',
  'import',
  'add',
  'remove',
  'password',
  'grant',
  'revoke',
] as const;

const AuditAction = Type.Enum(AUDIT_ACTIONS);
const AuditKind = Type.Enum(['manifest', 'blob', 'tag', 'user', 'robot', 'right']);

/** As text, all of it optional. */
export const AuditQuery = object({
  /** A name, or `team/**` for all repositories below one. */
  repository: Type.Optional(Type.String({ minLength: 1, maxLength: 300 })),
  /** Empty for those without a login. */
  user: Type.Optional(Type.String({ maxLength: MAX_USER_CHARS })),
  action: Type.Optional(AuditAction),
  /** Milliseconds since 1970, the first inclusive and the second not. */
  sinceMs: Type.Optional(Digits),
  untilMs: Type.Optional(Digits),
  /** Entries that are older than this one, by its id. */
  before: Type.Optional(Digits),
  limit: Type.Optional(Digits),
});
export type AuditQuery = Readonly<Static<typeof AuditQuery>>;

const AuditEntry = object({
  id: Type.Integer({ minimum: 1 }),
  atMs: Type.Integer({ minimum: 0 }),
  action: AuditAction,
  kind: AuditKind,
  /** Of a right, the pattern of repositories that it is for; empty for a user or robot. */
  repository: Type.String(),
  digest: Type.Optional(Type.String()),
  tag: Type.Optional(Type.String()),
  mediaType: Type.Optional(Type.String()),
  fromRepository: Type.Optional(Type.String()),
  /** The user or robot that was changed, or whose right was. */
  account: Type.Optional(Type.String()),
  /** What was given or taken, with commas between. */
  rights: Type.Optional(Type.String()),
  /** Empty for somebody without a login; `(administrator)` for a command on a host of the fleet. */
  user: Type.String(),
  /** Of the client. */
  address: Type.String(),
  userAgent: Type.String(),
  /** The same in the notifications of this request. */
  requestId: Type.String(),
  /** The node that took the request; empty when the coordinator did. */
  nodeId: Type.String(),
});
export type AuditEntry = Readonly<Static<typeof AuditEntry>>;

export const AuditPage = object({
  entries: Type.Array(AuditEntry, { maxItems: MAX_AUDIT_PAGE }),
  hasMore: Type.Boolean(),
});
export type AuditPage = Readonly<Static<typeof AuditPage>>;

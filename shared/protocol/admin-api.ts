// The coordinator's HTTPS API for joining and for operating a fleet: bodies and who may send them.
//
//   POST /api/enrol       anyone with a join token                   a first certificate for a node
//   POST /api/renew       a node's certificate, also an expired one  a new certificate, for a host that was off too long
//   POST /api/tokens      an admin certificate                       a new join token
//   GET  /api/status      any certificate of this fleet              the fleet, for `shoal status`
//   GET  /api/nodes       any certificate of this fleet              every node that ever joined
//   GET  /api/rollout     any certificate of this fleet              how far an image is (rollout.ts)
//   GET  /api/audit       an admin certificate                       who did what (audit-api.ts)
//   GET  /api/notifications …                                        who is told of changes (notifications-api.ts)
//   DELETE /api/nodes/ID  an admin certificate                       takes a node out of the fleet, for good
//   …    /api/users, /api/robots, /api/rights    an admin certificate      users of the fleet (users-api.ts)
//   GET  /api/session     a node's certificate; a WebSocket upgrade  the session of session-codec.ts
//
// The server's TLS sends the authority's certificate after its own: a joining host looks for the fingerprint of its
// token there before it says anything. Failures are `ApiFailure` with a 4xx or 5xx status.

import Type, { type Static, type TSchema } from 'typebox';
import { ERROR_CODES } from '../runtime/errors.ts';
import { PeerLinks } from './coordinator-methods.ts';
import { DigestText } from './value-shapes.ts';

/** Where a node opens its session. */
export const SESSION_PATH = '/api/session';
/** Largest request body of this API, a larger one is refused with 413; a signing request and a token are below 1 KiB. */
export const MAX_API_BODY_BYTES = 64 * 1024;
/** How long a join token is good for when nothing else is asked. */
export const DEFAULT_TOKEN_TTL_MS = 24 * 60 * 60 * 1000;
/** Longest life of a join token: 30 days; a token that lives for ever is a password that nobody changes. */
export const MAX_TOKEN_TTL_MS = 30 * 24 * 60 * 60 * 1000;
/** Downloads of one node in a status document; a node reports no more, and the rest is not shown. */
const MAX_DOWNLOADS_SHOWN = 100;
/** Most hosts that one token may let in. */
export const MAX_TOKEN_USES = 10_000;

const object = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
const Count = Type.Integer({ minimum: 0 });
const Pem = Type.String({ maxLength: 16_384 });

export const ApiFailure = object({
  code: Type.Union(ERROR_CODES.map((code) => Type.Literal(code))),
  message: Type.String(),
});
export type ApiFailure = Readonly<Static<typeof ApiFailure>>;

export const EnrolRequest = object({
  token: Type.String({ maxLength: 200 }),
  csr: Pem,
  /** What the host calls itself; the coordinator makes a unique id of it. */
  name: Type.String({ maxLength: 255 }),
});
export type EnrolRequest = Readonly<Static<typeof EnrolRequest>>;

/** @throws `join_refused` (detail.reason: unknown, expired, used_up), `message_invalid` */
export const EnrolResponse = object({ nodeId: Type.String(), fleetId: Type.String(), certificate: Pem, ca: Pem });
export type EnrolResponse = Readonly<Static<typeof EnrolResponse>>;

/**
 * A node renews without a session when its certificate ran out; the answer is that of `certificate.renew`.
 * @throws `identity_refused` when the certificate is not one of this fleet's, too old, or its node was removed.
 */
export const RenewRequest = object({ csr: Pem });
export type RenewRequest = Readonly<Static<typeof RenewRequest>>;
export const RenewResponse = object({ certificate: Pem });
export type RenewResponse = Readonly<Static<typeof RenewResponse>>;

export const TokenRequest = object({
  ttlMs: Type.Integer({ minimum: 1000, maximum: MAX_TOKEN_TTL_MS }),
  /** How many hosts it lets in. */
  uses: Type.Integer({ minimum: 1, maximum: MAX_TOKEN_USES }),
});
export type TokenRequest = Readonly<Static<typeof TokenRequest>>;

export const TokenResponse = object({ token: Type.String(), tokenId: Type.String(), expiresAtMs: Count });
export type TokenResponse = Readonly<Static<typeof TokenResponse>>;

const NodeStatus = object({
  nodeId: Type.String(),
  /** `connected`; `lost` while it may come back; `removed` from the roster. */
  state: Type.Union([Type.Literal('connected'), Type.Literal('lost'), Type.Literal('removed')]),
  /** Why it gets no session although it asks for one, and what to do; absent when it does not ask. */
  refusal: Type.Optional(Type.String()),
  isOrigin: Type.Boolean(),
  /** Where it stands, as it says itself. */
  zone: Type.Optional(Type.String()),
  rack: Type.Optional(Type.String()),
  /** Where peers dial it; absent before its first session. */
  swarmAddress: Type.Optional(Type.String()),
  version: Type.Optional(Type.String()),
  lastSeenMs: Type.Optional(Count),
  blobCount: Count,
  blobBytes: Count,
  freeBytes: Type.Optional(Count),
  /** Wrong pieces that others reported of it. */
  badPieces: Count,
  /** Open connections to peers by what carries them; `unavailable`: hyperswarm is on and cannot load on that host. */
  links: Type.Optional(PeerLinks),
  downloads: Type.Array(object({ digest: DigestText, sizeBytes: Count, doneBytes: Count, peers: Count }), {
    maxItems: MAX_DOWNLOADS_SHOWN,
  }),
});
export type NodeStatus = Readonly<Static<typeof NodeStatus>>;

/** Answer of GET /api/nodes: every node that ever joined. */
export const NodeList = object({ nodes: Type.Array(NodeStatus) });
/** Answer of DELETE /api/nodes/ID. @throws `identity_refused` when there is no such node in the roster */
export const RemoveResponse = object({});

/** The fleet as the coordinator sees it. */
export const FleetStatus = object({
  fleetId: Type.String(),
  version: Type.String(),
  nowMs: Count,
  startedAtMs: Count,
  repositories: Count,
  tags: Count,
  blobs: object({ count: Count, bytes: Count, underReplicated: Count }),
  /**
   * What came into each zone from others since the coordinator started; `floorBytes` is one copy of each blob that did. `zone` is
   * absent for nodes without one.
   */
  zones: Type.Array(object({ zone: Type.Optional(Type.String()), receivedBytes: Count, floorBytes: Count })),
  nodes: Type.Array(NodeStatus),
});
export type FleetStatus = Readonly<Static<typeof FleetStatus>>;

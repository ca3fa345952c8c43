// What a node may ask of the coordinator and what the coordinator tells a node: names, shapes, limits.
// One list serves three uses: types, checks at the border, and the reference in ARCHITECTURE.md.
//
//   node ── call(method, params) ──▶ coordinator      answered by a result or an AppError
//   node ◀── event ───────────────── coordinator      not answered
//
// In one process (`shoal up`) the same calls are made without a socket; between hosts they travel as
// messages of session-codec.ts over one WebSocket.

import Type, { type Static } from 'typebox';
import type { AppError } from '../runtime/errors.ts';
import { SignedPolicy } from '../access/access-policy.ts';
import { CACHE_METHODS } from './cache-methods.ts';
import { Label, Peer } from './peer-shape.ts';
import { MAX_LISTED_REFERRERS, Referrer } from './referrer-shape.ts';
import { Bootstrap, NoiseKey, Rendezvous } from './rendezvous.ts';
import { Requester } from './requester.ts';
import { ToldPulls } from './told-pull.ts';
import {
  Address,
  AnyDigestText,
  Bytes,
  DigestText,
  NodeId,
  object,
  OwnAddress,
  Repository,
  SizeBytes,
  Tag,
  type DeepReadonly,
} from './value-shapes.ts';

/** Both ends must speak the same number; a coordinator refuses another with `protocol_mismatch`. */
export const SESSION_PROTOCOL = 1;
/** Largest session message, a larger one closes the session: a manifest of 4 MiB, or the piece table of almost 2 TiB. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Digests in one announce; a larger inventory goes in several. */
export const MAX_ANNOUNCED = 2000;
/** Blobs whose copies are counted in one call; a node that wants more asks again. */
export const MAX_COUNTED = 500;

/** Classes of piece numbers that a share may speak of, and so the links between two zones: far above the 32 that are of use. */
const MAX_PIECE_CLASSES = 1024;

const PieceTableShape = object({ sizeBytes: SizeBytes, pieceBytes: Type.Integer({ minimum: 1 }), hashes: Bytes });

const PieceShareShape = object({
  of: Type.Integer({ minimum: 1, maximum: MAX_PIECE_CLASSES }),
  classes: Type.Array(Type.Integer({ minimum: 0, maximum: MAX_PIECE_CLASSES - 1 }), { maxItems: MAX_PIECE_CLASSES }),
});

/**
 * A node that was named for one blob. With a `share` it is of another zone, and only the pieces of that share may be asked of
 * it (shared/pieces/piece-share.ts); named again it may have another. Whoever is of another zone and was not named is asked nothing.
 */
const NamedPeer = object({ ...Peer.properties, share: Type.Optional(PieceShareShape) });
export type NamedPeer = DeepReadonly<Static<typeof NamedPeer>>;

const BlobSize = object({ digest: DigestText, sizeBytes: SizeBytes });
const Missing = object({
  found: Type.Literal(false),
  reason: Type.Union([Type.Literal('repository_unknown'), Type.Literal('manifest_unknown')]),
});

const ResolvedManifest = object({
  found: Type.Literal(true),
  digest: DigestText,
  mediaType: Type.String(),
  bytes: Bytes,
  /** The blobs this manifest names that the repository holds: the node's leave to serve them there. */
  blobs: Type.Array(BlobSize),
  /** Of a tag that is a copy of an upstream's: when it was last compared with that. Absent when nobody remembers. */
  checkedAgeMs: Type.Optional(Type.Integer({ minimum: 0 })),
});
export type ResolvedManifest = Readonly<Static<typeof ResolvedManifest>>;

/** RFC 9110 preconditions of a manifest PUT by tag, as digests; `*` means "any manifest". */
const Precondition = object({
  ifMatch: Type.Optional(Type.Array(Type.String(), { maxItems: 16 })),
  ifNoneMatch: Type.Optional(Type.Array(Type.String(), { maxItems: 16 })),
});
export type Precondition = DeepReadonly<Static<typeof Precondition>>;

/** Open connections of a node to peers by what carries them, and whether it can use hyperswarm. */
export const PeerLinks = object({
  tls: Type.Integer({ minimum: 0 }),
  hyperswarm: Type.Integer({ minimum: 0 }),
  hyperswarmState: Type.Union([Type.Literal('off'), Type.Literal('on'), Type.Literal('unavailable')]),
});
export type PeerLinks = Readonly<Static<typeof PeerLinks>>;

const NodeReport = object({
  blobCount: Type.Integer({ minimum: 0 }),
  blobBytes: Type.Integer({ minimum: 0 }),
  freeBytes: Type.Integer({ minimum: 0 }),
  downloads: Type.Array(
    object({ digest: DigestText, sizeBytes: SizeBytes, doneBytes: SizeBytes, peers: Type.Integer({ minimum: 0 }) }),
    { maxItems: 100 },
  ),
  links: Type.Optional(PeerLinks),
});
/** What a node tells about itself for `shoal status`. */
export type NodeReport = Readonly<Static<typeof NodeReport>>;

/**
 * Orders that came after the first release of this protocol. An event that a node does not know ends its session, so each goes only to nodes
 * that say in hello that they carry it out.
 */
export const LATER_ORDERS = ['order.announce'] as const;
export type LaterOrder = (typeof LATER_ORDERS)[number];

/** On whose behalf a change is made; absent for what a node does of its own accord, of which nobody is told. */
const by = Type.Optional(Requester);

/** Every method: the shape of its params and of its result. */
export const METHODS = {
  /** First call of a session. @throws `protocol_mismatch` */
  'session.hello': {
    params: object({
      protocol: Type.Integer(),
      version: Type.String({ maxLength: 64 }),
      isOrigin: Type.Boolean(),
      swarmAddress: OwnAddress,
      zone: Type.Optional(Label),
      rack: Type.Optional(Label),
      hasSlowLink: Type.Optional(Type.Boolean()),
      /** Which of `LATER_ORDERS` it carries out; those that the coordinator does not know are passed over. */
      carriesOut: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 32 })),
    }),
    result: object({ fleetId: Type.String(), nodeId: NodeId, removedNodes: Type.Array(NodeId) }),
  },
  'manifest.resolve': {
    params: object({
      repository: Repository,
      reference: Type.Union([object({ tag: Tag }), object({ digest: DigestText })]),
    }),
    result: Type.Union([ResolvedManifest, Missing]),
  },
  /**
   * Stores a manifest and moves its tags, after every blob has its copies. Waits for copies for a bounded time.
   * @throws `manifest_invalid`, `manifest_content_missing` (detail.digests), `precondition_failed`,
   * `not_enough_copies` (detail.digests, detail.retryAfterSeconds)
   */
  'manifest.put': {
    params: object({
      repository: Repository,
      digest: DigestText,
      mediaType: Type.String({ maxLength: 255 }),
      bytes: Bytes,
      tags: Type.Array(Tag, { maxItems: 100 }),
      precondition: Type.Optional(Precondition),
      by,
      /** It comes from another registry: the audit log says so, and receivers of notifications, who are told of pushes, are not told. */
      isImported: Type.Optional(Type.Literal(true)),
    }),
    result: object({ subject: Type.Optional(AnyDigestText) }),
  },
  ...CACHE_METHODS,
  /** Removes a tag, or a manifest with every tag pointing to it. @throws `manifest_unknown`, `repository_unknown` */
  'manifest.delete': {
    params: object({
      repository: Repository,
      reference: Type.Union([object({ tag: Tag }), object({ digest: DigestText })]),
      by,
    }),
    result: object({}),
  },
  /** Tags after `last` in byte order. @throws `repository_unknown` */
  'tags.list': {
    params: object({
      repository: Repository,
      last: Type.Optional(Type.String({ maxLength: 512 })),
      limit: Type.Integer({ minimum: 0, maximum: 1000 }),
    }),
    result: object({ tags: Type.Array(Type.String()), hasMore: Type.Boolean() }),
  },
  /** In byte order, after `last`. @param containing only those with this text in their name. */
  'repositories.list': {
    params: object({
      containing: Type.Optional(Type.String({ maxLength: 255 })),
      last: Type.Optional(Type.String({ maxLength: 512 })),
      limit: Type.Integer({ minimum: 0, maximum: 1000 }),
    }),
    result: object({ repositories: Type.Array(Type.String()), hasMore: Type.Boolean() }),
  },
  /**
   * Referrers of `subject` in order of digest, after `last`; at most `limit` and at most `maxBytes` of descriptors. Of a copy of an upstream's
   * repository also those that were last seen there (`cache.referrers`), `checkedAgeMs` ago; absent when nobody remembers.
   */
  'referrers.list': {
    params: object({
      repository: Repository,
      subject: AnyDigestText,
      artifactTypes: Type.Array(Type.String(), { maxItems: 100 }),
      last: Type.Optional(Type.String({ maxLength: 512 })),
      limit: Type.Integer({ minimum: 0, maximum: MAX_LISTED_REFERRERS }),
      maxBytes: Type.Integer({ minimum: 1 }),
    }),
    result: object({
      descriptors: Type.Array(Referrer),
      hasMore: Type.Boolean(),
      /** Whether the repository holds the subject itself. */
      hasSubject: Type.Boolean(),
      checkedAgeMs: Type.Optional(Type.Integer({ minimum: 0 })),
    }),
  },
  /** Whether the repository holds the blob. `sizeBytes` is absent when it does not. */
  'blob.stat': {
    params: object({ repository: Repository, digest: DigestText }),
    result: object({ sizeBytes: Type.Optional(SizeBytes) }),
  },
  /** Records a blob that this node adopted: its table, this node's copy, and that the repository holds it. Starts replication. */
  'blob.add': {
    params: object({ repository: Repository, digest: DigestText, table: PieceTableShape, by }),
    result: object({}),
  },
  /** Makes a blob of another repository present in this one (`from` absent: any repository). */
  'blob.mount': {
    params: object({ repository: Repository, digest: DigestText, from: Type.Optional(Repository), by }),
    result: object({ isMounted: Type.Boolean() }),
  },
  /** Takes a blob out of a repository. @throws `blob_unknown` */
  'blob.remove': { params: object({ repository: Repository, digest: DigestText, by }), result: object({}) },
  /**
   * Piece table and neighbours of a blob; joins this node to the blob's swarm until `blob.leave`.
   * Changes of neighbours follow as `swarm.neighbours` events. `table` is absent when the blob is unknown.
   */
  'blob.locate': {
    params: object({ digest: DigestText }),
    result: object({ table: Type.Optional(PieceTableShape), neighbours: Type.Array(NamedPeer) }),
  },
  /**
   * A download ended.
   * @param isWhole it has all: others are told of this node as before until `holdings.announce` names the blob.
   * @param otherZoneBytes payload that came from other zones for this blob, of use or not.
   */
  'blob.leave': {
    params: object({
      digest: DigestText,
      isWhole: Type.Optional(Type.Boolean()),
      otherZoneBytes: Type.Optional(SizeBytes),
    }),
    result: object({}),
  },
  /** Said by a gateway: these classes of pieces come into its zone much later. When others say so too, other links get them. */
  'blob.lagging': {
    params: object({ digest: DigestText, classes: PieceShareShape.properties.classes }),
    result: object({}),
  },
  /** Said by a node that gets a blob much more slowly than its neighbours do: for a while nobody is to wait for it. */
  'swarm.behind': { params: object({}), result: object({}) },
  /**
   * What this node holds whole. A session starts with a snapshot in one or more parts (`snapshot: 'begin'`, then
   * `'continue'`; `'end'` on the last, a lone part is `'whole'`), which replaces what was known; deltas follow (`snapshot` absent),
   * gathered for a random part of `spreadMs`.
   */
  'holdings.announce': {
    params: object({
      snapshot: Type.Optional(
        Type.Union([Type.Literal('begin'), Type.Literal('continue'), Type.Literal('end'), Type.Literal('whole')]),
      ),
      added: Type.Array(BlobSize, { maxItems: MAX_ANNOUNCED }),
      removed: Type.Array(DigestText, { maxItems: MAX_ANNOUNCED }),
    }),
    result: object({ spreadMs: Type.Optional(Type.Integer({ minimum: 0, maximum: 60_000 })) }),
  },
  /**
   * Asks for leave to delete this node's file of a blob: after an order (`collected`), or to make room (`evicted`). When it is
   * given, the file counts as a copy no more; the node deletes it and announces that it is gone.
   */
  'blob.release': {
    params: object({
      digest: DigestText,
      purpose: Type.Union([Type.Literal('collected'), Type.Literal('evicted')]),
    }),
    result: object({ isReleased: Type.Boolean() }),
  },
  /** On how many origins within reach each of these blobs is, in the order asked: what is copied most is evicted first. */
  'blob.copies': {
    params: object({ digests: Type.Array(DigestText, { maxItems: MAX_COUNTED }) }),
    result: object({ counts: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: MAX_COUNTED }) }),
  },
  /**
   * What clients of this node pulled, and whether that is wanted at all. Said at the start of each session, perhaps with nothing. An
   * event that was told before, by its id, is not counted again.
   */
  'pulls.tell': {
    params: object({ pulls: ToldPulls }),
    result: object({ areWanted: Type.Boolean() }),
  },
  /** A peer misbehaved. Counted, shown in status. */
  'peer.report': {
    params: object({
      nodeId: NodeId,
      digest: DigestText,
      reason: Type.Union([Type.Literal('bad_piece'), Type.Literal('unreachable'), Type.Literal('stalled')]),
    }),
    result: object({}),
  },
  'node.report': { params: NodeReport, result: object({}) },
  /**
   * Once per session, and when `udpAddress` changed: this node takes part in hyperswarm by this key. What the key says is believed
   * by nobody: a peer proves itself by its certificate. Without a key it only asks whether hyperswarm is on.
   * @param udpAddress where it serves the DHT, when packets from everywhere reach it. Nothing in the answer: it is off.
   */
  'hyperswarm.join': {
    params: object({ noiseKey: Type.Optional(NoiseKey), udpAddress: Type.Optional(Address) }),
    result: object({ rendezvous: Type.Optional(Rendezvous) }),
  },
  /**
   * The users of the fleet and their rights, signed (shared/access/access-policy.ts). Who asked once is told by
   * `access.changed` when they are no longer these.
   */
  'access.policy': { params: object({}), result: SignedPolicy },
  /** A new certificate for this node. @param csr PEM. */
  'certificate.renew': {
    params: object({ csr: Type.String({ maxLength: 16_384 }) }),
    result: object({ certificate: Type.String() }),
  },
} as const;

export type MethodName = keyof typeof METHODS;
export type Params<M extends MethodName> = DeepReadonly<Static<(typeof METHODS)[M]['params']>>;
export type Result<M extends MethodName> = DeepReadonly<Static<(typeof METHODS)[M]['result']>>;

/** Every event of the coordinator. */
export const CoordinatorEvent = Type.Union([
  /** The neighbours of this node for a blob it located changed. */
  object({
    type: Type.Literal('swarm.neighbours'),
    digest: DigestText,
    added: Type.Array(NamedPeer),
    removed: Type.Array(NodeId),
  }),
  /** An order: hold this blob. The node answers by announcing it. */
  object({ type: Type.Literal('order.replicate'), digest: DigestText, sizeBytes: SizeBytes }),
  /** An order: no repository holds this blob. The node asks for leave (`blob.release`), deletes its file, and announces that. */
  object({ type: Type.Literal('order.remove'), digest: DigestText }),
  /** An order: say all over again what you hold (`holdings.announce`). To those who said that they carry it out. */
  object({ type: Type.Literal('order.announce') }),
  /** The list of `Rendezvous.bootstrap` as of now, to those who joined. */
  object({ type: Type.Literal('hyperswarm.bootstrap'), bootstrap: Bootstrap }),
  /** The users of the fleet or their rights changed; to those who asked for them. */
  object({ type: Type.Literal('access.changed') }),
  /** These nodes are no longer of the fleet: close what is open to them, refuse them. */
  object({ type: Type.Literal('roster.removed'), nodeIds: Type.Array(NodeId) }),
]);
export type CoordinatorEvent = DeepReadonly<Static<typeof CoordinatorEvent>>;

/** A node's way to the coordinator, over a socket or in the same process. */
export interface CoordinatorLink {
  /** False while there is no session; calls then fail at once with `coordinator_unreachable`. */
  readonly isConnected: boolean;
  /** Why the last attempt came to no session; undefined while there is one, and before the first attempt. See link-failure.ts. */
  readonly failure: AppError | undefined;
  /** @throws {AppError} what the coordinator answered, or `coordinator_unreachable`, or `timed_out`. */
  call<M extends MethodName>(method: M, params: Params<M>, signal: AbortSignal): Promise<Result<M>>;
  /** The answer to `manifest.resolve` where there is nothing to wait for; undefined where it has to be asked by `call`. */
  resolveAtOnce?(params: Params<'manifest.resolve'>): Result<'manifest.resolve'> | undefined;
  /** Adds a listener for events and for the session coming and going. @returns a function that removes it. */
  listen(listener: LinkListener): () => void;
}

export interface LinkListener {
  onEvent?(event: CoordinatorEvent): void;
  /** A session is up: everything that the coordinator forgets with a session must be said again. */
  onConnected?(): void;
  onDisconnected?(): void;
}

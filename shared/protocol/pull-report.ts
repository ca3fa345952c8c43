// What a node tells of its pulls: the answers of GET /pulls and GET /pulls/ID of its own HTTP port, for `shoal pulls`,
// and the lines that it keeps of them. Fields are added over time and never change their meaning; what is not known is
// absent. Times that end in `AtMs` are of the wall clock, since 1970; all others are lengths.

import Type, { type Static, type TProperties } from 'typebox';
import { ERROR_CODES } from '../runtime/errors.ts';
import { DigestText } from './value-shapes.ts';

/** Peers told of one by one in the report of one blob, those that gave most; the others are added up in one line. */
export const MAX_PEERS_TOLD = 32;

const object = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const oneOf = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>(Type.Union(values.map((value) => Type.Literal(value))));
const Count = Type.Integer({ minimum: 0 });
const Rate = Type.Number({ minimum: 0 });

/** Why a pull took the time that it took; the first that holds of the list in pull-verdict.ts. */
const VERDICT_CODES = [
  'running',
  'failed',
  'here_already',
  'quick',
  'waited_for_place',
  'waited_to_locate',
  'waited_to_connect',
  'waited_for_peer',
  'waited_for_last_peer',
  'waited_for_disk',
  'waited_for_client',
  'wrong_pieces',
  'wasteful',
  'full_link',
  'origin_only',
  'one_peer',
  'shared',
] as const;

const Verdict = object({
  code: oneOf(VERDICT_CODES),
  /** For people. */
  text: Type.String(),
  /** The node that was waited for, or that gave it all. */
  peer: Type.Optional(Type.String()),
  /** How much of the time it explains. */
  lostMs: Type.Optional(Count),
});
export type Verdict = Readonly<Static<typeof Verdict>>;

/** What came from one peer over one transport. `receivedBytes - usefulBytes` is waste. */
export const PeerShare = object({
  /** Absent in the line that adds up those that are not told one by one. */
  nodeId: Type.Optional(Type.String()),
  transport: Type.Optional(Type.String()),
  /** Absent while nobody said. */
  isOrigin: Type.Optional(Type.Boolean()),
  zone: Type.Optional(Type.String()),
  receivedBytes: Count,
  /** Verified and kept. */
  usefulBytes: Count,
  requests: Count,
  /** Times that it was silent past its deadline, so that others were asked. */
  stalls: Count,
  /** Requests that it turned down. */
  refusals: Count,
  wrongPieces: Count,
  /** Time in which nothing came from anybody, and this one was waited for. */
  waitedMs: Count,
});
export type PeerShare = Readonly<Static<typeof PeerShare>>;

/** The least time that the bytes of a pull could have taken, of what is known for sure. */
const Bound = object({
  /** `link`: all that the setting `peers.linkBytesPerSecond` says this host's link carries. Absent while nobody set it. */
  kind: Type.Literal('link'),
  bytesPerSecond: Count,
  /** Fetched bytes at that rate, divided by the time it took: 1 is as fast as can be. */
  fraction: Rate,
});
export type Bound = Readonly<Static<typeof Bound>>;

const Cause = oneOf(['client', 'order']);
/** Who wanted it first: a client of this host, or the coordinator, which orders copies. */
export type PullCause = Static<typeof Cause>;

const BlobState = oneOf(['waiting', 'locating', 'fetching', 'checking', 'done', 'failed']);
export type BlobState = Static<typeof BlobState>;

const Failure = object({
  code: Type.Optional(oneOf(ERROR_CODES)),
  message: Type.String(),
});

/** One blob on its way to this node. */
export const BlobPull = object({
  digest: DigestText,
  /** The first that it was asked for in. */
  repository: Type.Optional(Type.String()),
  sizeBytes: Count,
  cause: Cause,
  /** Clients that read it while it arrived. */
  clients: Count,
  state: BlobState,
  failure: Type.Optional(Failure),
  startedAtMs: Count,
  endedAtMs: Type.Optional(Count),
  /** From the first asking to the flushed blob, or to now. */
  tookMs: Count,
  /** Of that: until there was a place among the downloads that run at a time. */
  placeMs: Count,
  /** Until it was known how the blob is cut and who has it. */
  locateMs: Count,
  /** From there to the first byte of a peer; absent when none came. */
  connectMs: Type.Optional(Count),
  /** After that: all pauses of half a second or more in which nothing came from anybody. */
  silentMs: Count,
  /** While only the peer that ended last was still giving; absent with less than two peers. */
  lastPeerMs: Type.Optional(Count),
  /** From the last piece to the flushed blob under its name: the digest of the whole, and the disk. */
  checkMs: Count,
  /** From the first client's asking to the first bytes that could be given to it. */
  firstByteMs: Type.Optional(Count),
  /** On this disk from an earlier try. */
  hereBytes: Count,
  /** Came from peers, verified and kept: the sum of `usefulBytes` of the peers. At the end `hereBytes` and this are the size, unless clients asked for ranges alone. */
  fetchedBytes: Count,
  /** Came from peers and was of no use: twice, too late, of a wrong piece, or of a piece that did not arrive whole. */
  wastedBytes: Count,
  /** Fetched bytes over the time between locating and the last piece. */
  bytesPerSecond: Type.Optional(Rate),
  bound: Type.Optional(Bound),
  /** Pieces asked for, or taken as offered. */
  requests: Count,
  /** Of these, for a piece that had been asked for before. */
  retries: Count,
  stalls: Count,
  wrongPieces: Count,
  /** Those that gave most first. */
  peers: Type.Array(PeerShare, { maxItems: MAX_PEERS_TOLD + 1 }),
  verdict: Verdict,
});
export type BlobPull = Readonly<Static<typeof BlobPull>>;

/** The image that blobs were pulled for, as this host's clients resolved it. */
export const PulledImage = object({
  repository: Type.String(),
  /** The tag that was asked for, also when it led here over an index; absent when it was asked for by digest. */
  tag: Type.Optional(Type.String()),
  /** Of the manifest that names the blobs. */
  digest: DigestText,
  blobCount: Count,
  /** Of all its blobs, also of those that nobody asked for here. */
  sizeBytes: Count,
});
export type PulledImage = Readonly<Static<typeof PulledImage>>;

const summary = {
  /** For `GET /pulls/ID`; unique on this node. */
  id: Count,
  /** Absent for a blob that no manifest asked for here names, and for orders. */
  image: Type.Optional(PulledImage),
  /** The blob, where it is not one of an image. */
  blob: Type.Optional(DigestText),
  cause: Cause,
  state: oneOf(['running', 'done', 'failed']),
  startedAtMs: Count,
  endedAtMs: Type.Optional(Count),
  tookMs: Count,
  /** Of `tookMs`: no blob of it was on its way, since the client asked for none. */
  idleMs: Count,
  /** Of the blobs that were asked for. */
  sizeBytes: Count,
  hereBytes: Count,
  fetchedBytes: Count,
  wastedBytes: Count,
  /** Fetched bytes over the time in which some blob was on its way. */
  bytesPerSecond: Type.Optional(Rate),
  bound: Type.Optional(Bound),
  blobCount: Count,
  /** Nodes that gave something, and how many of them are origins. */
  peerCount: Count,
  originCount: Count,
  verdict: Verdict,
};

/** One line of `shoal pulls`: an image with its blobs, or a blob alone. */
export const PullSummary = object(summary);
export type PullSummary = Readonly<Static<typeof PullSummary>>;

/** Answer of `GET /pulls`, newest first. */
export const PullList = object({
  nowMs: Count,
  /** How many and how old reports may get; older ones are dropped. */
  kept: object({ blobs: Count, ageMs: Count }),
  pulls: Type.Array(PullSummary),
});
export type PullList = Readonly<Static<typeof PullList>>;

/** Answer of `GET /pulls/ID`. */
export const PullDetail = object({
  ...summary,
  nowMs: Count,
  /** Of all its blobs together, those that gave most first. */
  peers: Type.Array(PeerShare),
  blobs: Type.Array(BlobPull),
});
export type PullDetail = Readonly<Static<typeof PullDetail>>;

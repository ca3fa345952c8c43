// What a node and the coordinator say about content of upstreams; part of the list in coordinator-methods.ts.

import Type, { type Static } from 'typebox';
import { HASH_BYTES } from '../pieces/piece-table.ts';
import { Peer } from './peer-shape.ts';
import { MAX_LISTED_REFERRERS, Referrer } from './referrer-shape.ts';
import {
  AnyDigestText,
  Bytes,
  DigestText,
  NodeId,
  object,
  Repository,
  SizeBytes,
  Tag,
  type DeepReadonly,
} from './value-shapes.ts';

/** Piece hashes in one message, 32 KiB; more go in several, and a message with more is refused. */
export const MAX_TOLD_PIECES = 1024;
/** Far above the number of pieces of the largest blob. */
const MAX_PIECE_NUMBER = 2 ** 32;

const PieceHashes = Type.Refine(
  Bytes,
  (value) => value instanceof Uint8Array && value.byteLength <= MAX_TOLD_PIECES * HASH_BYTES,
);
const PieceNumber = Type.Integer({ minimum: 0, maximum: MAX_PIECE_NUMBER });
/** Drawn at random by who began a fetch; the next host that goes on with it keeps it. */
const FetchId = Type.String({ minLength: 1, maxLength: 64 });

/**
 * A blob that one host fetches from an upstream and the others read from each other meanwhile.
 * @property hashes of pieces from the number on that was asked for.
 * @property source where to read; absent while there is no place, and for the host that fetches.
 */
const FleetFetch = object({
  fetchId: FetchId,
  fetcher: NodeId,
  sizeBytes: SizeBytes,
  isOfRepository: Type.Boolean(),
  hashes: PieceHashes,
  source: Type.Optional(Peer),
});
export type FleetFetch = DeepReadonly<Static<typeof FleetFetch>>;

/** Methods `cache.…`: the shape of params and result of each. */
export const CACHE_METHODS = {
  /**
   * Keeps a manifest that a node fetched from an upstream, and moves the tag that it was fetched by. Its blobs may come later or never.
   * @throws `manifest_invalid`, `digest_mismatch`
   */
  'cache.manifest': {
    params: object({
      repository: Repository,
      digest: DigestText,
      mediaType: Type.String({ maxLength: 255 }),
      bytes: Bytes,
      tag: Type.Optional(Tag),
    }),
    result: object({}),
  },
  /**
   * Asks for the turn to fetch a blob from its upstream, or to go on with it: `wait` while another node does, `held` when a node
   * within reach has it. With `reads` the node also wants to read along: `knownPieces` is how many hashes of `fetchId` it has, `isReading` that
   * it has begun, `lost` from whom nothing of use comes. `fetch` is what is under way, or was until a moment ago.
   */
  'cache.lease': {
    params: object({
      digest: DigestText,
      reads: Type.Optional(
        object({
          repository: Repository,
          fetchId: Type.Optional(FetchId),
          knownPieces: PieceNumber,
          isReading: Type.Boolean(),
          lost: Type.Optional(NodeId),
        }),
      ),
    }),
    result: object({
      state: Type.Union([Type.Literal('turn'), Type.Literal('wait'), Type.Literal('held')]),
      fetch: Type.Optional(FleetFetch),
    }),
  },
  /**
   * Said by the node whose turn it is: hashes of the pieces that came, from `firstPiece` on. The answer is how many are known;
   * when that is less than was said, it says them again from there.
   */
  'cache.offer': {
    params: object({
      digest: DigestText,
      fetchId: FetchId,
      repository: Repository,
      sizeBytes: SizeBytes,
      firstPiece: PieceNumber,
      hashes: PieceHashes,
    }),
    result: object({ knownPieces: PieceNumber }),
  },
  /** This node fetches a blob no more, nor reads it along. @param isWrong what it fetched is not the blob. */
  'cache.unlease': {
    params: object({ digest: DigestText, isWrong: Type.Optional(Type.Boolean()) }),
    result: object({}),
  },
  /** A node compared a tag with its upstream: it still points there. */
  'cache.checked': { params: object({ repository: Repository, tag: Tag, digest: DigestText }), result: object({}) },
  /** A node asked the upstream for all referrers of `subject`, perhaps none: they are remembered for `referrers.list`, until it is asked anew. */
  'cache.referrers': {
    params: object({
      repository: Repository,
      subject: AnyDigestText,
      descriptors: Type.Array(Referrer, { maxItems: MAX_LISTED_REFERRERS }),
    }),
    result: object({}),
  },
} as const;

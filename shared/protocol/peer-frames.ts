// What two nodes say to each other about blobs: binary frames over any duplex stream of bytes.
//
//   frame   u32 length of the body | u8 type | body          all numbers big-endian
//   text    u8 length | that many bytes of ASCII
//
//   dialler ── hello ──▶ acceptor, ◀── hello-ack ──, then both sides speak alike.
//
// Channels tie a small number to a digest. Each side numbers its own: every frame carries the number of its *sender*,
// except `refuse-channel`, which answers with the number of the *receiver*. A side opens a channel when it wants
// a blob or has something of one that the other wants. Payload (`data`) is only sent against `credit` in
// bytes that the receiver granted, so that nobody can fill another's memory.
//
// Whoever has a blob whole says `offer` beside its bitfield: it then gives pieces of its own choice for `any-piece`
// requests. The other side decides which of the two ways it asks: by its own choice while few have the blob.
//
// `arriving-request` asks for a leaf of a blob that the other side may only just be getting from outside the fleet; it is answered when
// the leaf is there, or rejected as busy when that takes long.
//
// `table-request` asks for a part of a blob's piece table, when the coordinator cannot be asked. Whoever holds the blob whole,
// or has its table from the coordinator, answers with the hashes from `firstPiece` on, `MAX_TABLE_HASHES` at most;
// the others reject at once.

import type { Digest } from '../oci/digest.ts';
import { HASH_BYTES, LEAF_BYTES } from '../pieces/piece-table.ts';
import { BodyReader, BodyWriter, FRAME_HEADER_BYTES, MAX_PIECES, invalid, type PieceRun } from './peer-frame-body.ts';

/** Both ends must speak the same number. */
export const PEER_PROTOCOL = 1;
/** Payload of one `data` frame: channels and control messages interleave at this grain. */
export const MAX_DATA_BYTES = LEAF_BYTES;
/** Runs of pieces in one `have` frame; more go in several. */
export const MAX_HAVE_RUNS = 1024;
/** Hashes in one `table-part` frame, more are asked for in several: 256 KiB, the table of 32 GiB. */
export const MAX_TABLE_HASHES = 8192;
/** Channel, piece and offset in front of the payload of a `data` frame. */
const DATA_PREFIX_BYTES = 12;
export const DATA_HEADER_BYTES = FRAME_HEADER_BYTES + DATA_PREFIX_BYTES;
/** A text in a frame, as its length is one byte: node ids, digests and reasons are shorter. */
const MAX_TEXT_BYTES = 255;

/** Why a request or a channel was refused. */
export const REFUSALS = ['not_here', 'busy', 'cancelled', 'mismatch', 'failed'] as const;
export type Refusal = (typeof REFUSALS)[number];
/** Why a connection ends. */
export const GOODBYES = ['idle', 'duplicate', 'busy', 'removed', 'stopping', 'protocol', 'foreign'] as const;
export type Goodbye = (typeof GOODBYES)[number];

/**
 * Who speaks. @property address `host:port` where others may dial it; empty when it does not say. @property zone absent for a node
 * without one.
 */
export interface Greeting {
  readonly protocol: number;
  readonly nodeId: string;
  readonly fleetId: string;
  readonly address: string;
  readonly zone?: string | undefined;
}

/** Every frame but `data`, which never becomes an object: see `FrameSink.data`. */
export type PeerFrame =
  | (Greeting & { readonly type: 'hello' })
  | (Greeting & { readonly type: 'hello-ack' })
  /** Size and cut are told so that a disagreement shows before any piece does. */
  | {
      readonly type: 'open-channel';
      readonly channel: number;
      readonly digest: Digest;
      readonly sizeBytes: number;
      readonly pieceBytes: number;
    }
  | { readonly type: 'refuse-channel'; readonly channel: number; readonly reason: Refusal }
  | { readonly type: 'close-channel'; readonly channel: number }
  /** `bits` as of shared/pieces/bitfield.ts; absent when every piece is there. */
  | { readonly type: 'bitfield'; readonly channel: number; readonly bits?: Uint8Array | undefined }
  /** How many `any-piece` requests the receiver may keep open, and whether each piece was handed out once. */
  | { readonly type: 'offer'; readonly channel: number; readonly credits: number; readonly isPassOver: boolean }
  /** Pieces that are here, or will be in about a round trip: a request for one of those is answered when it is. */
  | { readonly type: 'have'; readonly channel: number; readonly runs: readonly PieceRun[] }
  | { readonly type: 'request'; readonly channel: number; readonly pieceIndex: number }
  | { readonly type: 'any-piece'; readonly channel: number }
  | { readonly type: 'cancel'; readonly channel: number; readonly pieceIndex: number }
  | { readonly type: 'reject'; readonly channel: number; readonly pieceIndex: number; readonly reason: Refusal }
  /** The receiver may be sent this many more bytes of payload. */
  | { readonly type: 'credit'; readonly bytes: number }
  /** A blob of one piece at most, in one round trip and without a channel. */
  | { readonly type: 'small-request'; readonly request: number; readonly digest: Digest; readonly sizeBytes: number }
  | { readonly type: 'small-data'; readonly request: number; readonly bytes: Uint8Array }
  | { readonly type: 'small-reject'; readonly request: number; readonly reason: Refusal }
  | {
      readonly type: 'table-request';
      readonly request: number;
      readonly digest: Digest;
      readonly sizeBytes: number;
      readonly firstPiece: number;
    }
  | { readonly type: 'table-part'; readonly request: number; readonly hashes: Uint8Array }
  | { readonly type: 'table-reject'; readonly request: number; readonly reason: Refusal }
  | { readonly type: 'arriving-request'; readonly request: number; readonly digest: Digest; readonly leafIndex: number }
  | { readonly type: 'arriving-data'; readonly request: number; readonly bytes: Uint8Array }
  | { readonly type: 'arriving-reject'; readonly request: number; readonly reason: Refusal }
  | { readonly type: 'ping'; readonly nonce: number }
  | { readonly type: 'pong'; readonly nonce: number }
  | { readonly type: 'goodbye'; readonly reason: Goodbye };

type FrameType = PeerFrame['type'] | 'data';

/** Code on the wire, and the largest body that is read. */
const FRAME_KINDS: Readonly<Record<FrameType, { readonly code: number; readonly maxBytes: number }>> = {
  hello: { code: 1, maxBytes: 2 + 4 * (1 + MAX_TEXT_BYTES) },
  'hello-ack': { code: 2, maxBytes: 2 + 4 * (1 + MAX_TEXT_BYTES) },
  'open-channel': { code: 3, maxBytes: 14 + 1 + MAX_TEXT_BYTES },
  'refuse-channel': { code: 4, maxBytes: 5 },
  'close-channel': { code: 5, maxBytes: 4 },
  bitfield: { code: 6, maxBytes: 4 + MAX_PIECES / 8 },
  offer: { code: 7, maxBytes: 7 },
  have: { code: 8, maxBytes: 4 + MAX_HAVE_RUNS * 8 },
  request: { code: 9, maxBytes: 8 },
  'any-piece': { code: 10, maxBytes: 4 },
  cancel: { code: 11, maxBytes: 8 },
  reject: { code: 12, maxBytes: 9 },
  data: { code: 13, maxBytes: DATA_PREFIX_BYTES + MAX_DATA_BYTES },
  credit: { code: 14, maxBytes: 4 },
  'small-request': { code: 15, maxBytes: 8 + 1 + MAX_TEXT_BYTES },
  'small-data': { code: 16, maxBytes: 4 + LEAF_BYTES },
  'small-reject': { code: 17, maxBytes: 5 },
  ping: { code: 18, maxBytes: 4 },
  pong: { code: 19, maxBytes: 4 },
  goodbye: { code: 20, maxBytes: 1 },
  'table-request': { code: 21, maxBytes: 14 + 1 + MAX_TEXT_BYTES },
  'table-part': { code: 22, maxBytes: 4 + MAX_TABLE_HASHES * HASH_BYTES },
  'table-reject': { code: 23, maxBytes: 5 },
  'arriving-request': { code: 24, maxBytes: 8 + 1 + MAX_TEXT_BYTES },
  'arriving-data': { code: 25, maxBytes: 4 + LEAF_BYTES },
  'arriving-reject': { code: 26, maxBytes: 5 },
};

const TYPE_OF_CODE = new Map(Object.entries(FRAME_KINDS).map(([type, kind]) => [kind.code, type as FrameType]));

/** The type behind a code, and how long its body may be. @throws {AppError} `message_invalid` */
export function frameKind(code: number, bodyBytes: number): FrameType {
  const type = TYPE_OF_CODE.get(code);
  if (type === undefined) throw invalid('unknown frame type', { code });
  if (bodyBytes > FRAME_KINDS[type].maxBytes) throw invalid('frame is too long', { code, bodyBytes });
  return type;
}

/** One frame as bytes. */
export function encodeFrame(frame: PeerFrame): Buffer {
  const body = new BodyWriter();
  writeBody(frame, body);
  return body.finish(FRAME_KINDS[frame.type].code);
}

/** The bytes in front of `payloadBytes` of payload: a `data` frame without its payload, which follows uncopied. */
export function encodeDataHeader(place: DataPlace, payloadBytes: number): Buffer {
  const header = Buffer.allocUnsafe(DATA_HEADER_BYTES);
  header.writeUInt32BE(DATA_PREFIX_BYTES + payloadBytes, 0);
  header[4] = FRAME_KINDS.data.code;
  header.writeUInt32BE(place.channel, 5);
  header.writeUInt32BE(place.pieceIndex, 9);
  header.writeUInt32BE(place.offset, 13);
  return header;
}

/** Where payload belongs. @property offset within the piece, in bytes. */
export interface DataPlace {
  readonly channel: number;
  readonly pieceIndex: number;
  readonly offset: number;
}

/** Stands for all bits. */
const NO_BITS = new Uint8Array(0);

function writeBody(frame: PeerFrame, body: BodyWriter): void {
  if ('request' in frame) return writeNumbered(frame, body);
  switch (frame.type) {
    case 'hello':
    case 'hello-ack':
      body.u16(frame.protocol).text(frame.nodeId).text(frame.fleetId).text(frame.address);
      if (frame.zone !== undefined) body.text(frame.zone);
      return body.end();
    case 'open-channel':
      return body.u32(frame.channel).u48(frame.sizeBytes).u32(frame.pieceBytes).text(frame.digest).end();
    case 'refuse-channel':
      return body.u32(frame.channel).u8(REFUSALS.indexOf(frame.reason)).end();
    case 'close-channel':
    case 'any-piece':
      return body.u32(frame.channel).end();
    case 'bitfield':
      return body
        .u32(frame.channel)
        .bytes(frame.bits ?? NO_BITS)
        .end();
    case 'offer':
      return body
        .u32(frame.channel)
        .u16(frame.credits)
        .u8(frame.isPassOver ? 1 : 0)
        .end();
    case 'have':
      body.u32(frame.channel);
      for (const run of frame.runs) body.u32(run.first).u32(run.count);
      return body.end();
    case 'request':
    case 'cancel':
      return body.u32(frame.channel).u32(frame.pieceIndex).end();
    case 'reject':
      return body.u32(frame.channel).u32(frame.pieceIndex).u8(REFUSALS.indexOf(frame.reason)).end();
    case 'credit':
      return body.u32(frame.bytes).end();
    case 'ping':
    case 'pong':
      return body.u32(frame.nonce).end();
    case 'goodbye':
      return body.u8(GOODBYES.indexOf(frame.reason)).end();
    default: {
      const never: never = frame;
      return never;
    }
  }
}

/** Requests outside of channels, and their answers. */
function writeNumbered(frame: Extract<PeerFrame, { readonly request: number }>, body: BodyWriter): void {
  switch (frame.type) {
    case 'small-request':
      return body.u32(frame.request).u32(frame.sizeBytes).text(frame.digest).end();
    case 'arriving-request':
      return body.u32(frame.request).u32(frame.leafIndex).text(frame.digest).end();
    case 'small-data':
    case 'arriving-data':
      return body.u32(frame.request).bytes(frame.bytes).end();
    case 'small-reject':
    case 'table-reject':
    case 'arriving-reject':
      return body.u32(frame.request).u8(REFUSALS.indexOf(frame.reason)).end();
    case 'table-request':
      return body.u32(frame.request).u48(frame.sizeBytes).u32(frame.firstPiece).text(frame.digest).end();
    case 'table-part':
      return body.u32(frame.request).bytes(frame.hashes).end();
    default: {
      const never: never = frame;
      return never;
    }
  }
}

/**
 * Reads the body of any frame but `data`. The result holds no view of `bytes`.
 * @throws {AppError} `message_invalid`
 */
export function decodeBody(type: Exclude<FrameType, 'data'>, bytes: Buffer): PeerFrame {
  const body = new BodyReader(bytes);
  const frame = readBody(type, body);
  if (!body.isAtEnd) throw invalid('frame has bytes past its end', { type });
  return frame;
}

function readBody(type: Exclude<FrameType, 'data'>, body: BodyReader): PeerFrame {
  switch (type) {
    case 'hello':
    case 'hello-ack': {
      const [protocol, nodeId, fleetId, address] = [body.u16(), body.text(), body.text(), body.text()];
      const greeting = { protocol, nodeId, fleetId, address };
      return body.isAtEnd ? { type, ...greeting } : { type, ...greeting, zone: body.text() };
    }
    case 'open-channel':
      return { type, channel: body.u32(), sizeBytes: body.u48(), pieceBytes: body.u32(), digest: body.digest() };
    case 'refuse-channel':
      return { type, channel: body.u32(), reason: body.oneOf(REFUSALS) };
    case 'close-channel':
    case 'any-piece':
      return { type, channel: body.u32() };
    case 'bitfield': {
      const channel = body.u32();
      const bits = body.rest();
      return bits.byteLength === 0 ? { type, channel } : { type, channel, bits };
    }
    case 'offer':
      return { type, channel: body.u32(), credits: body.u16(), isPassOver: body.u8() === 1 };
    case 'have':
      return { type, channel: body.u32(), runs: body.runs() };
    case 'request':
    case 'cancel':
      return { type, channel: body.u32(), pieceIndex: body.u32() };
    case 'reject':
      return { type, channel: body.u32(), pieceIndex: body.u32(), reason: body.oneOf(REFUSALS) };
    case 'credit':
      return { type, bytes: body.u32() };
    case 'small-request':
      return { type, request: body.u32(), sizeBytes: body.u32(), digest: body.digest() };
    case 'arriving-request':
      return { type, request: body.u32(), leafIndex: body.u32(), digest: body.digest() };
    case 'small-data':
    case 'arriving-data':
      return { type, request: body.u32(), bytes: body.rest() };
    case 'small-reject':
    case 'table-reject':
    case 'arriving-reject':
      return { type, request: body.u32(), reason: body.oneOf(REFUSALS) };
    case 'table-request': {
      const [request, sizeBytes, firstPiece] = [body.u32(), body.u48(), body.u32()];
      return { type, request, sizeBytes, firstPiece, digest: body.digest() };
    }
    case 'table-part':
      return { type, request: body.u32(), hashes: body.rest() };
    case 'ping':
    case 'pong':
      return { type, nonce: body.u32() };
    case 'goodbye':
      return { type, reason: body.oneOf(GOODBYES) };
    default: {
      const never: never = type;
      return never;
    }
  }
}

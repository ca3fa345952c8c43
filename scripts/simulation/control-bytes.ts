// What frames weigh on the wire: encoded once by the codec of the product, then counted.

import { DATA_HEADER_BYTES, MAX_DATA_BYTES, encodeFrame } from '../../shared/protocol/peer-frames.ts';
import { MESSAGE } from './wires.ts';

/** A connection gives its receiver's credit back in steps of this size: an eighth of its window of 4 MiB. */
const CREDIT_STEP_BYTES = 512 * 1024;

const run = { first: 1, count: 1 };

/** Bytes of one frame of each kind. A `have` costs its frame once per batch and a run per piece. */
export const FRAME_BYTES = {
  request: encodeFrame({ type: 'request', channel: 1, pieceIndex: 1 }).byteLength,
  anyPiece: encodeFrame({ type: 'any-piece', channel: 1 }).byteLength,
  cancel: encodeFrame({ type: 'cancel', channel: 1, pieceIndex: 1 }).byteLength,
  reject: encodeFrame({ type: 'reject', channel: 1, pieceIndex: 1, reason: 'not_here' }).byteLength,
  offer: encodeFrame({ type: 'offer', channel: 1, credits: 1, isPassOver: false }).byteLength,
  have: encodeFrame({ type: 'have', channel: 1, runs: [] }).byteLength,
  haveRun:
    encodeFrame({ type: 'have', channel: 1, runs: [run, run] }).byteLength -
    encodeFrame({ type: 'have', channel: 1, runs: [run] }).byteLength,
} as const;

/** The bitfield of a blob. */
function bitfieldBytes(pieceCount: number): number {
  return encodeFrame({ type: 'bitfield', channel: 1, bits: new Uint8Array(Math.ceil(pieceCount / 8)) }).byteLength;
}

const creditFrameBytes = encodeFrame({ type: 'credit', bytes: CREDIT_STEP_BYTES }).byteLength;

/** Headers of the payload of one piece, and the credit frames that it costs. */
export function payloadOverheadBytes(pieceBytes: number): number {
  return (
    Math.ceil(pieceBytes / MAX_DATA_BYTES) * DATA_HEADER_BYTES + (pieceBytes / CREDIT_STEP_BYTES) * creditFrameBytes
  );
}

/** Bytes of a message of one frame; 0 for those that are counted otherwise. */
export function messageBytes(kind: number, pieceCount: number): number {
  switch (kind) {
    case MESSAGE.request:
      return FRAME_BYTES.request;
    case MESSAGE.anyPiece:
      return FRAME_BYTES.anyPiece;
    case MESSAGE.cancel:
      return FRAME_BYTES.cancel;
    case MESSAGE.reject:
      return FRAME_BYTES.reject;
    case MESSAGE.offer:
      return FRAME_BYTES.offer;
    case MESSAGE.bitfield:
      return bitfieldBytes(pieceCount);
    default:
      return 0;
  }
}

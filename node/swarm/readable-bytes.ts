// Which bytes of a blob that is still arriving a client may get. What guards them is the hash of their piece, and for who
// reads all of it the digest of the whole, before its last bytes. A part is guarded by the piece table alone, so:
//
//   - a part is given only by a confirmed table: the word of the coordinator, or what the digest implies;
//   - when the last missing piece is here, no reader of a part gets anything before the digest of the whole was checked.
//     Until then at most all pieces but one were given, so that no answers, however they are put together, are a complete
//     wrong blob.

import type { SharedBlob } from './shared-blob.ts';

/**
 * How many bytes from `position` on may be read now, `wantedBytes` at most.
 * @param reading.isPart the client reads parts. False: it reads all, in order.
 */
export function readableBytes(
  blob: Pick<SharedBlob, 'cut' | 'has' | 'pieceCount' | 'isConfirmed'>,
  reading: { readonly position: number; readonly wantedBytes: number; readonly isPart: boolean },
): number {
  const { position, wantedBytes, isPart } = reading;
  if (isPart && (!blob.isConfirmed || blob.has.isComplete)) return 0;
  const endPiece = isPart ? blob.pieceCount : blob.pieceCount - 1;
  const { pieceBytes, sizeBytes } = blob.cut;
  const end = blob.has.firstMissing(Math.floor(position / pieceBytes));
  const endBytes = Math.min(sizeBytes, Math.min(end, endPiece) * pieceBytes);
  return Math.max(0, Math.min(wantedBytes, endBytes - position));
}

// The piece table that a digest says all about: nobody has to be asked for it, and nobody can lie about it.

import { algorithmOf, encodedOf, type Digest } from '../../shared/oci/digest.ts';
import { LEAF_BYTES, pieceBytesFor, type PieceTable } from '../../shared/pieces/piece-table.ts';

/** The table of an empty blob, and of one leaf that is named by the hash that pieces have; undefined for all others. */
export function impliedTable(blob: { readonly digest: Digest; readonly sizeBytes: number }): PieceTable | undefined {
  const { digest, sizeBytes } = blob;
  const cut = { sizeBytes, pieceBytes: pieceBytesFor(sizeBytes) };
  if (sizeBytes === 0) return { ...cut, hashes: new Uint8Array(0) };
  if (sizeBytes > LEAF_BYTES || algorithmOf(digest) !== 'sha256') return undefined;
  return { ...cut, hashes: Uint8Array.from(Buffer.from(encodedOf(digest), 'hex')) };
}

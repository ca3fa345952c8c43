// Piece tables that follow from the digest and the size of a blob alone, so that nobody has to be asked and nobody can lie about them.

import { algorithmOf, digestOf, encodedOf, type Digest } from '../oci/digest.ts';
import { isSameTable, LEAF_BYTES, pieceBytesFor, type PieceTable } from './piece-table.ts';

/** The table of an empty blob, or of a blob of one leaf under a sha256 digest: its one piece hash is the digest. Undefined for all others. */
export function impliedTable(blob: { readonly digest: Digest; readonly sizeBytes: number }): PieceTable | undefined {
  const { digest, sizeBytes } = blob;
  const cut = { sizeBytes, pieceBytes: pieceBytesFor(sizeBytes) };
  if (sizeBytes === 0) return { ...cut, hashes: new Uint8Array(0) };
  if (sizeBytes > LEAF_BYTES || algorithmOf(digest) !== 'sha256') return undefined;
  return { ...cut, hashes: Uint8Array.from(Buffer.from(encodedOf(digest), 'hex')) };
}

/** False when the table cannot be that of this digest; true says nothing more about a blob of several pieces. */
export function mayBeTableOf(digest: Digest, table: PieceTable): boolean {
  const isEmptyDigest = digest === digestOf(new Uint8Array(0), algorithmOf(digest));
  if (isEmptyDigest !== (table.sizeBytes === 0)) return false;
  const implied = impliedTable({ digest, sizeBytes: table.sizeBytes });
  return implied === undefined || isSameTable(implied, table);
}

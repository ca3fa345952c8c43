// The file form of a piece table:
//
//   "SHPT" | version 1 (u32) | sizeBytes (u64) | pieceBytes (u32) | hashes | SHA-256 of all before it
//
// Numbers are big endian. The check at the end tells a torn file from a whole one.

import { createHash } from 'node:crypto';
import { HASH_BYTES, parsePieceTable, type PieceTable } from '../../shared/pieces/piece-table.ts';
import { isAppError } from '../../shared/runtime/errors.ts';

const MAGIC = 'SHPT';
const VERSION = 1;
const HEADER_BYTES = 20;

/** The bytes of a table file. */
export function encodePieceTable(table: PieceTable): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32BE(VERSION, 4);
  header.writeBigUInt64BE(BigInt(table.sizeBytes), 8);
  header.writeUInt32BE(table.pieceBytes, 16);
  const check = createHash('sha256').update(header).update(table.hashes).digest();
  return Buffer.concat([header, table.hashes, check]);
}

/** @returns undefined for anything that is not a whole table file of this version. */
export function decodePieceTable(bytes: Uint8Array): PieceTable | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (file.byteLength < HEADER_BYTES + HASH_BYTES) return undefined;
  if (file.toString('latin1', 0, 4) !== MAGIC || file.readUInt32BE(4) !== VERSION) return undefined;
  const end = file.byteLength - HASH_BYTES;
  if (!createHash('sha256').update(file.subarray(0, end)).digest().equals(file.subarray(end))) return undefined;
  const hashes = Uint8Array.from(file.subarray(HEADER_BYTES, end));
  try {
    return parsePieceTable({
      sizeBytes: Number(file.readBigUInt64BE(8)),
      pieceBytes: file.readUInt32BE(16),
      hashes,
    });
  } catch (error) {
    if (isAppError(error, 'message_invalid')) return undefined;
    throw error;
  }
}

// A node's storage in memory: blobs, and partial blobs that check what they are given. Small and honest, for tests of what
// stands on it.

import { digestOf, type Digest } from '../../shared/oci/digest.ts';
import { Bitfield } from '../../shared/pieces/bitfield.ts';
import {
  PieceTableBuilder,
  LEAF_BYTES,
  hashPiece,
  isSameTable,
  pieceCount,
  pieceHash,
  pieceLength,
  type PieceTable,
} from '../../shared/pieces/piece-table.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { BlobReader } from '../../node/content/blob-reader.ts';
import type {
  BlobStat,
  BlobStore,
  PartialBlob,
  PartialStore,
  PieceBuffer,
  StoredBlob,
} from '../../node/content/blob-store.ts';

/** The piece table of bytes in memory. */
function tableOf(bytes: Uint8Array): PieceTable {
  const builder = new PieceTableBuilder();
  for (let at = 0; at < bytes.byteLength; at += LEAF_BYTES)
    builder.addLeaf(hashPiece(bytes.subarray(at, at + LEAF_BYTES)));
  return builder.finish(bytes.byteLength);
}

/** Pieces are of use with the table that they were checked against alone. */
interface KeptPieces {
  readonly table: PieceTable;
  readonly bytes: Uint8Array;
  readonly verified: Bitfield;
}

/** Outlives the nodes of a test: a node that "restarts" gets the same store again. */
export class MemoryBlobStore implements BlobStore, PartialStore {
  readonly #blobs = new Map<Digest, { readonly bytes: Uint8Array; readonly table: PieceTable }>();
  readonly #partials = new Map<Digest, KeptPieces>();
  /** Pieces written, in order, over the life of this store. */
  readonly written: Array<{ readonly digest: Digest; readonly pieceIndex: number }> = [];
  /** Called before a piece is checked and written; may hold it back. */
  beforeWrite: (pieceIndex: number) => Promise<void> | void = () => undefined;
  /** Called when a piece was found right and is being written; may hold its end back, or fail. */
  whileWriting: (pieceIndex: number) => Promise<void> | void = () => undefined;

  add(bytes: Uint8Array): { readonly digest: Digest; readonly sizeBytes: number; readonly table: PieceTable } {
    const digest = digestOf(bytes);
    const table = tableOf(bytes);
    this.#blobs.set(digest, { bytes, table });
    return { digest, sizeBytes: bytes.byteLength, table };
  }

  /** Puts other bytes under a name, as a bad disk or a bad node would. */
  corrupt(digest: Digest, bytes: Uint8Array, table: PieceTable): void {
    this.#blobs.set(digest, { bytes, table });
  }

  bytesOf(digest: Digest): Uint8Array | undefined {
    return this.#blobs.get(digest)?.bytes;
  }

  async stat(digest: Digest): Promise<BlobStat | undefined> {
    const blob = this.#blobs.get(digest);
    return blob === undefined ? undefined : { digest, sizeBytes: blob.bytes.byteLength };
  }

  async open(digest: Digest): Promise<BlobReader | undefined> {
    const blob = this.#blobs.get(digest);
    if (blob === undefined) return undefined;
    return {
      sizeBytes: blob.bytes.byteLength,
      read: async (target, position) => copyOut(blob.bytes, target, position),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  async table(digest: Digest): Promise<PieceTable | undefined> {
    return this.#blobs.get(digest)?.table;
  }

  async *list(): AsyncIterable<StoredBlob> {
    for (const [digest, { bytes }] of this.#blobs) yield { digest, sizeBytes: bytes.byteLength, lastUsedMs: 0 };
  }

  async touch(digest: Digest): Promise<void> {
    await this.stat(digest); // the order of use matters to nobody here
  }

  async remove(digest: Digest): Promise<void> {
    this.#blobs.delete(digest);
  }

  async usage(): Promise<{ blobCount: number; blobBytes: number; freeBytes: number }> {
    let blobBytes = 0;
    for (const { bytes } of this.#blobs.values()) blobBytes += bytes.byteLength;
    return { blobCount: this.#blobs.size, blobBytes, freeBytes: 2 ** 40 };
  }

  async openPartial(digest: Digest, table: PieceTable): Promise<PartialBlob> {
    const before = this.#partials.get(digest);
    const kept =
      before !== undefined && isSameTable(before.table, table)
        ? before
        : { table, bytes: new Uint8Array(table.sizeBytes), verified: new Bitfield(pieceCount(table)) };
    this.#partials.set(digest, kept);
    return {
      table,
      verified: kept.verified,
      acquireBuffer: async (pieceIndex) => newBuffer(table, pieceIndex),
      writePiece: async (buffer, onRight) => {
        await this.beforeWrite(buffer.pieceIndex);
        if (Buffer.compare(hashPiece(buffer.bytes), pieceHash(table, buffer.pieceIndex)) !== 0) return false;
        kept.bytes.set(buffer.bytes, buffer.pieceIndex * table.pieceBytes);
        kept.verified.add(buffer.pieceIndex);
        this.written.push({ digest, pieceIndex: buffer.pieceIndex });
        onRight?.();
        await this.whileWriting(buffer.pieceIndex);
        return true;
      },
      reserveRest: async () => undefined,
      read: async (target, position) => copyOut(kept.bytes, target, position),
      verifyWhole: async () => {
        if (kept.verified.isComplete && digestOf(kept.bytes) === digest) return;
        this.#partials.delete(digest);
        throw new AppError('digest_mismatch', 'content does not match its digest');
      },
      finish: async () => {
        this.#partials.delete(digest);
        this.#blobs.set(digest, { bytes: kept.bytes, table });
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
}

function newBuffer(table: PieceTable, pieceIndex: number): PieceBuffer {
  return { pieceIndex, bytes: new Uint8Array(pieceLength(table, pieceIndex)), release: () => undefined };
}

function copyOut(bytes: Uint8Array, target: Uint8Array, position: number): number {
  const part = bytes.subarray(position, position + target.byteLength);
  target.set(part);
  return part.byteLength;
}

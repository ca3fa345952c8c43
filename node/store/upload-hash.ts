// The hashes of an upload, as far as its bytes were seen.
//
// Node cannot save the state of a hash, so it covers bytes 0..covered of the file and no more. While covered is where
// the file ends, appended bytes are hashed as they pass. After a restart, a step back or a long pause it starts again
// from 0, and what lies between is read from the file: at once if it is little, otherwise once, at the end.

import { open } from 'node:fs/promises';
import { digestFromHash, type Digest, type DigestAlgorithm } from '../../shared/oci/digest.ts';
import type { PieceTable } from '../../shared/pieces/piece-table.ts';
import { invariant } from '../../shared/runtime/errors.ts';
import { BlobHash } from './blob-hash.ts';
import { TableHasher, WholeHasher } from './blob-hasher.ts';
import { readFully } from './flushed-file.ts';
import type { HashWorkers } from './hash-workers.ts';

/** Up to here a blob is hashed on the main thread, at the end: faster than asking another thread. */
export const INLINE_BYTES = 256 * 1024;
/** How far behind the hash may be and still catch up before an append goes on; further behind, it reads the file at the end. */
const MAX_CATCH_UP_BYTES = 4 * 1024 * 1024;

/** Both hashes of a blob. */
export interface BlobHashes {
  readonly hash: Uint8Array;
  readonly table: PieceTable;
}

/** What is left to wait for when all bytes are there: the digest and the table come from different threads, in any order. */
export interface FinishingHashes {
  readonly digest: Promise<Digest>;
  readonly table: Promise<PieceTable>;
}

/** Owned by one upload session. Used by one writer at a time. */
export class UploadHash {
  readonly #hashes: Pick<HashWorkers, 'openStream'>;
  readonly #path: string;
  readonly #algorithm: DigestAlgorithm;
  #hash: BlobHash | undefined;
  #coveredBytes = 0;

  /** @param options.algorithm what the upload will probably be finished with. */
  constructor(
    deps: { readonly hashes: Pick<HashWorkers, 'openStream'> },
    options: { readonly path: string; readonly algorithm: DigestAlgorithm },
  ) {
    this.#hashes = deps.hashes;
    this.#path = options.path;
    this.#algorithm = options.algorithm;
  }

  /** Gets ready to take bytes from `offset` on, all bytes before which are in the file. */
  async follow(offset: number): Promise<void> {
    if (this.#hash?.isLost === true || this.#coveredBytes > offset) this.forget();
    if (offset - this.#coveredBytes > MAX_CATCH_UP_BYTES) return;
    try {
      await this.#catchUp(this.#open(), offset);
    } catch {
      this.forget(); // a thread is gone; the bytes are hashed from the file at the end
    }
  }

  /** Takes bytes that go to `position`, if it follows there. They may be reused when it resolves. Never rejects. */
  async absorb(bytes: Uint8Array, position: number): Promise<void> {
    const hash = this.#hash;
    if (hash === undefined || position !== this.#coveredBytes) return;
    this.#coveredBytes += bytes.byteLength;
    try {
      await hash.absorb(bytes, position);
    } catch {
      if (hash === this.#hash) this.forget(); // as above
    }
  }

  /** Gives up what was hashed; for a step back, and to let go of memory. */
  forget(): void {
    this.#hash?.close();
    this.#hash = undefined;
    this.#coveredBytes = 0;
  }

  /** Gives up what was hashed past `offset`. */
  stepBack(offset: number): void {
    if (this.#coveredBytes > offset) this.forget();
  }

  /**
   * Hashes of the whole pieces among the first `endBytes`, all of which are in the file, from `firstPiece` on. What was not hashed as it
   * passed is read. When that fails, the next call begins again from the file.
   */
  async pieces(cut: {
    readonly pieceBytes: number;
    readonly firstPiece: number;
    readonly endBytes: number;
  }): Promise<Uint8Array> {
    if (this.#hash?.isLost === true) this.forget();
    const hash = this.#open();
    try {
      if (this.#coveredBytes < cut.endBytes) await this.#catchUp(hash, cut.endBytes);
      return await hash.pieces({ pieceBytes: cut.pieceBytes, firstPiece: cut.firstPiece });
    } catch (error) {
      if (hash === this.#hash) this.forget();
      throw error;
    }
  }

  /**
   * Hashes what is left of the file. Call `forget` when both are here, or not wanted any more.
   * @returns the digest under `algorithm`, and the piece table.
   */
  finish(algorithm: DigestAlgorithm, sizeBytes: number): FinishingHashes {
    if (this.#hash?.isLost === true || this.#coveredBytes > sizeBytes) this.forget();
    const isInline = this.#hash === undefined && sizeBytes <= INLINE_BYTES;
    const parts = isInline ? this.#finishInline(algorithm, sizeBytes) : this.#finishThreads(algorithm, sizeBytes);
    // Whoever stops at a wrong digest does not ask what became of the table.
    parts.digest.catch(() => undefined);
    parts.table.catch(() => undefined);
    return parts;
  }

  #finishInline(algorithm: DigestAlgorithm, sizeBytes: number): FinishingHashes {
    const hashes = hashInline(this.#path, algorithm, sizeBytes);
    return {
      digest: hashes.then(({ hash }) => digestFromHash(algorithm, hash)),
      table: hashes.then(({ table }) => table),
    };
  }

  #finishThreads(algorithm: DigestAlgorithm, sizeBytes: number): FinishingHashes {
    const hash = this.#open();
    const caughtUp = this.#catchUp(hash, sizeBytes);
    const whole =
      algorithm === this.#algorithm ? caughtUp.then(() => hash.finishWhole()) : this.#hashWhole(algorithm, sizeBytes); // the client told another one when it began
    return {
      digest: whole.then((bytes) => digestFromHash(algorithm, bytes)),
      table: caughtUp.then(() => hash.finishTable()),
    };
  }

  async #hashWhole(algorithm: DigestAlgorithm, sizeBytes: number): Promise<Uint8Array> {
    const stream = this.#hashes.openStream({ type: 'whole', algorithm });
    try {
      await stream.absorbFile(this.#path, sizeBytes);
      return await stream.finishWhole();
    } finally {
      stream.close();
    }
  }

  #open(): BlobHash {
    this.#hash ??= new BlobHash({ hashes: this.#hashes }, { algorithm: this.#algorithm });
    return this.#hash;
  }

  async #catchUp(hash: BlobHash, end: number): Promise<void> {
    if (this.#coveredBytes === end) return;
    await hash.absorbFile(this.#path, end);
    this.#coveredBytes = end;
  }
}

/** Hashes of a small file, on this thread. */
export async function hashInline(path: string, algorithm: DigestAlgorithm, sizeBytes: number): Promise<BlobHashes> {
  const bytes = new Uint8Array(sizeBytes);
  const handle = await open(path, 'r');
  try {
    const count = await readFully(handle, bytes, 0);
    invariant(count === sizeBytes, 'a file that is hashed is as long as was said');
  } finally {
    await handle.close();
  }
  const [whole, leaves] = [new WholeHasher(algorithm), new TableHasher()];
  whole.update(bytes);
  leaves.update(bytes);
  return { hash: whole.finish().hash, table: leaves.finish().table };
}

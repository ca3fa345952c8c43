// The hashes of an upload, as far as its bytes were seen.
//
// Node cannot save the state of a hash, so it covers bytes 0..covered of the file and no more. While covered is where
// the file ends, appended bytes are hashed as they pass. After a restart, a step back or a long pause it starts again
// from 0, and what lies between is read from the file: at once if it is little, otherwise once, at the end.

import { open } from 'node:fs/promises';
import { digestFromHash, type Digest, type DigestAlgorithm } from '../../shared/oci/digest.ts';
import type { PieceTable } from '../../shared/pieces/piece-table.ts';
import { invariant } from '../../shared/runtime/errors.ts';
import { BlobHasher, type BlobHashes } from './blob-hasher.ts';
import { readFully } from './flushed-file.ts';
import type { HashStream, HashWorkers } from './hash-workers.ts';

/** Up to here a blob is hashed on the main thread, at the end: faster than asking another thread. */
export const INLINE_BYTES = 256 * 1024;
/** How far behind the hash may be and still catch up before an append goes on; further behind, it reads the file at the end. */
const MAX_CATCH_UP_BYTES = 4 * 1024 * 1024;

/** Owned by one upload session. Used by one writer at a time. */
export class UploadHash {
  readonly #hashes: HashWorkers;
  readonly #path: string;
  readonly #algorithm: DigestAlgorithm;
  #stream: HashStream | undefined;
  #coveredBytes = 0;

  /** @param options.algorithm what the upload will probably be finished with. */
  constructor(
    deps: { readonly hashes: HashWorkers },
    options: { readonly path: string; readonly algorithm: DigestAlgorithm },
  ) {
    this.#hashes = deps.hashes;
    this.#path = options.path;
    this.#algorithm = options.algorithm;
  }

  /** Gets ready to take bytes from `offset` on, all bytes before which are in the file. */
  async follow(offset: number): Promise<void> {
    if (this.#stream?.isLost === true || this.#coveredBytes > offset) this.forget();
    if (offset - this.#coveredBytes > MAX_CATCH_UP_BYTES) return;
    try {
      await this.#catchUp(this.#open(this.#algorithm), offset);
    } catch {
      this.forget(); // the thread is gone; the bytes are hashed from the file at the end
    }
  }

  /** Takes bytes that go to `position`, if it follows there. They may be reused when it resolves. Never rejects. */
  async absorb(bytes: Uint8Array, position: number): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined || position !== this.#coveredBytes) return;
    this.#coveredBytes += bytes.byteLength;
    try {
      await stream.absorb(bytes, position);
    } catch {
      if (stream === this.#stream) this.forget(); // as above
    }
  }

  /** Gives up what was hashed; for a step back, and to let go of memory. */
  forget(): void {
    this.#stream?.close();
    this.#stream = undefined;
    this.#coveredBytes = 0;
  }

  /** Gives up what was hashed past `offset`. */
  stepBack(offset: number): void {
    if (this.#coveredBytes > offset) this.forget();
  }

  /** Hashes what is left of the file. @returns the digest under `algorithm`, and the piece table. */
  async finish(
    algorithm: DigestAlgorithm,
    sizeBytes: number,
  ): Promise<{ readonly digest: Digest; readonly table: PieceTable }> {
    try {
      const { hash, table } = await this.#finish(algorithm, sizeBytes);
      invariant(table !== undefined, 'an upload is hashed with its table');
      return { digest: digestFromHash(algorithm, hash), table };
    } finally {
      this.forget();
    }
  }

  async #finish(algorithm: DigestAlgorithm, sizeBytes: number): Promise<BlobHashes> {
    if (this.#stream?.isLost === true || this.#coveredBytes > sizeBytes) this.forget();
    if (this.#stream === undefined && sizeBytes <= INLINE_BYTES) return hashInline(this.#path, algorithm, sizeBytes);
    const started = this.#stream === undefined ? algorithm : this.#algorithm;
    const stream = this.#open(started);
    await this.#catchUp(stream, sizeBytes);
    const hashes = await stream.finish();
    if (started === algorithm) return hashes;
    const again = this.#hashes.openStream({ algorithm, withTable: false });
    try {
      await again.absorbFile(this.#path, sizeBytes);
      return { hash: (await again.finish()).hash, table: hashes.table };
    } finally {
      again.close();
    }
  }

  #open(algorithm: DigestAlgorithm): HashStream {
    this.#stream ??= this.#hashes.openStream({ algorithm, withTable: true });
    return this.#stream;
  }

  async #catchUp(stream: HashStream, end: number): Promise<void> {
    if (this.#coveredBytes === end) return;
    await stream.absorbFile(this.#path, end);
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
  const hasher = new BlobHasher({ algorithm, withTable: true });
  hasher.update(bytes);
  return hasher.finish();
}

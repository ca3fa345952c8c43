// What an import would bring, without bringing it: a target that counts.

import type { AdoptionWay } from '../content/blob-store.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { ImportTarget, RepositoryDigest } from './import-target.ts';

/** Blobs that are told apart, more are an error: about 140 bytes each, so half a gigabyte; a registry of 1 TB has about 100,000. */
const MAX_BLOBS = 4_000_000;

export class ImageCount implements ImportTarget {
  readonly #blobs = new Set<string>();
  #bytes = 0;

  /** Of different blobs. */
  get bytes(): number {
    return this.#bytes;
  }

  get blobCount(): number {
    return this.#blobs.size;
  }

  async state(): ReturnType<ImportTarget['state']> {
    return { isPresent: false, tags: {} };
  }

  async hold({ digest }: RepositoryDigest): Promise<boolean> {
    return this.#blobs.has(keyOf(digest));
  }

  async adoptFile(file: RepositoryDigest & { readonly sizeBytes: number }): Promise<AdoptionWay> {
    this.#add(file);
    return 'linked';
  }

  async receive(blob: RepositoryDigest & { readonly sizeBytes: number }): Promise<void> {
    this.#add(blob);
  }

  async push(): Promise<void> {
    // It would be there now.
  }

  #add({ digest, sizeBytes }: RepositoryDigest & { readonly sizeBytes: number }): void {
    const key = keyOf(digest);
    if (this.#blobs.has(key)) return;
    if (this.#blobs.size >= MAX_BLOBS)
      throw new AppError('not_supported', `more than ${MAX_BLOBS} blobs; bring some repositories at a time: --only`);
    this.#blobs.add(key);
    this.#bytes += sizeBytes;
  }
}

/** A third of the digest as text. */
function keyOf(digest: string): string {
  return Buffer.from(digest.slice(digest.indexOf(':') + 1), 'hex').toString('latin1');
}

// Every blob that is being given away or is arriving, one SharedBlob each, kept as long as somebody uses it.

import type { Digest } from '../../shared/oci/digest.ts';
import type { BlobStore, PartialBlob } from '../content/blob-store.ts';
import { SharedBlob, type TableTrust } from './shared-blob.ts';

interface Entry {
  readonly blob: SharedBlob;
  users: number;
}

export class SharedBlobs {
  readonly #store: Pick<BlobStore, 'open' | 'table'>;
  readonly #entries = new Map<Digest, Entry>();
  readonly #opening = new Map<Digest, Promise<SharedBlob | undefined>>();

  constructor(deps: { readonly store: Pick<BlobStore, 'open' | 'table'> }) {
    this.#store = deps.store;
  }

  /** What is in use now, without waiting. Not kept open for the caller. */
  peek(digest: Digest): SharedBlob | undefined {
    return this.#entries.get(digest)?.blob;
  }

  /** A blob that arrives here or lies here whole. Give it back with `release`. */
  async acquire(digest: Digest): Promise<SharedBlob | undefined> {
    const entry = this.#entries.get(digest);
    if (entry !== undefined) {
      entry.users += 1;
      return entry.blob;
    }
    let opening = this.#opening.get(digest);
    if (opening === undefined) {
      opening = this.#open(digest).finally(() => this.#opening.delete(digest));
      this.#opening.set(digest, opening);
    }
    const blob = await opening;
    return blob === undefined ? undefined : this.#use(digest, blob);
  }

  /** Registers a download; its blob is given away from the first verified piece on, once its table is confirmed. Give it back with `release`. */
  begin(digest: Digest, partial: PartialBlob, trust: TableTrust): SharedBlob {
    const blob = SharedBlob.arriving(digest, partial, trust);
    // Peers may still hold on to an earlier download that failed: it has nothing to close.
    this.#entries.set(digest, { blob, users: 1 });
    return blob;
  }

  /** One more user of a blob that is in use. Give it back with `release`. */
  retain(blob: SharedBlob): void {
    const entry = this.#entries.get(blob.cut.digest);
    if (entry?.blob === blob) entry.users += 1;
  }

  /** @returns a promise that the last user may wait for, so that files are closed. */
  async release(blob: SharedBlob): Promise<void> {
    const { digest } = blob.cut;
    const entry = this.#entries.get(digest);
    if (entry === undefined || entry.blob !== blob) return;
    entry.users -= 1;
    if (entry.users > 0) return;
    this.#entries.delete(digest);
    await blob.close();
  }

  #use(digest: Digest, blob: SharedBlob): SharedBlob {
    const entry = this.#entries.get(digest) ?? { blob, users: 0 };
    entry.users += 1;
    this.#entries.set(digest, entry);
    return entry.blob;
  }

  async #open(digest: Digest): Promise<SharedBlob | undefined> {
    const table = await this.#store.table(digest);
    if (table === undefined) return undefined;
    const reader = await this.#store.open(digest);
    if (reader === undefined) return undefined;
    return SharedBlob.whole({ digest, sizeBytes: table.sizeBytes, pieceBytes: table.pieceBytes }, reader);
  }
}

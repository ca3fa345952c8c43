// Pushing blobs: bytes go into this host's store, then the coordinator learns of them and origins start to copy.

import { AppError } from '../../shared/runtime/errors.ts';
import { refusalWords } from '../../shared/protocol/link-failure.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { AdoptedBlob, UploadChunk, UploadId, UploadOptions, UploadStore } from './blob-store.ts';
import type { UploadFinish, Uploads } from './content.ts';
import type { DigestLocks } from './digest-locks.ts';
import type { KnownIndex } from './known-index.ts';
import { recordBlob } from './record-blob.ts';

export class NodeUploads implements Uploads {
  readonly #link: CoordinatorLink;
  readonly #known: Pick<KnownIndex, 'rememberBlob'>;
  readonly #store: UploadStore;
  readonly #locks: DigestLocks;
  readonly #onAdopted: (blob: AdoptedBlob) => void;

  /** @param deps.onAdopted is told of every blob that was adopted, before the coordinator answers. */
  constructor(deps: {
    readonly link: CoordinatorLink;
    readonly known: Pick<KnownIndex, 'rememberBlob'>;
    readonly store: UploadStore;
    readonly locks: DigestLocks;
    readonly onAdopted: (blob: AdoptedBlob) => void;
  }) {
    this.#link = deps.link;
    this.#known = deps.known;
    this.#store = deps.store;
    this.#locks = deps.locks;
    this.#onAdopted = deps.onAdopted;
  }

  /** @throws {AppError} `coordinator_unreachable`: a push that cannot be finished is refused before its bytes are sent. */
  async begin(repository: string, options?: UploadOptions): Promise<UploadId> {
    this.#requireSession();
    return this.#store.create(repository, options);
  }

  owner(repository: string, id: string): Promise<string | undefined> {
    return this.#store.owner(repository, id);
  }

  offset(repository: string, id: string): Promise<number> {
    return this.#store.offset(repository, id);
  }

  async append(repository: string, id: string, chunk: UploadChunk, signal: AbortSignal): Promise<number> {
    this.#requireSession();
    return this.#store.append(repository, id, chunk, signal);
  }

  /**
   * Adopts the blob and records it at the coordinator. When only the recording fails the bytes stay here and
   * the session is over: the client's next push finds nothing lost but sends the blob again.
   */
  async finish({ repository, id, digest, chunk, by }: UploadFinish, signal: AbortSignal): Promise<void> {
    this.#requireSession();
    await this.#locks.share(digest, async () => {
      const blob = await this.#store.finish(repository, id, digest, chunk, signal);
      const deps = { link: this.#link, known: this.#known, onAdopted: this.#onAdopted };
      await recordBlob(deps, { repository, blob, by }, signal);
    });
  }

  cancel(repository: string, id: string): Promise<void> {
    return this.#store.cancel(repository, id);
  }

  #requireSession(): void {
    if (this.#link.isConnected) return;
    const { failure } = this.#link;
    const words =
      refusalWords(failure) ??
      'the coordinator cannot be reached, so nothing can be pushed now; try again when it is back';
    throw new AppError('coordinator_unreachable', words, failure === undefined ? {} : { cause: failure });
  }
}

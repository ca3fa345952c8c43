// Blobs of a repository: the coordinator says whether the repository holds one, this host or its peers give the bytes.

import type { ByteRange } from '../../shared/oci/byte-range.ts';
import type { Digest } from '../../shared/oci/digest.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { CounterMetric, Metrics } from '../../shared/runtime/metrics.ts';
import type { BlobReader } from './blob-reader.ts';
import type { BlobStore } from './blob-store.ts';
import type { BlobMount, BlobRemoval, Blobs } from './content.ts';
import type { KnownIndex } from './known-index.ts';
import type { SwarmSource } from './swarm-source.ts';

export class NodeBlobs implements Blobs {
  readonly #link: CoordinatorLink;
  readonly #known: KnownIndex;
  readonly #store: BlobStore;
  readonly #swarm: SwarmSource;
  readonly #onUse: (digest: Digest) => void;
  readonly #readBytes: CounterMetric;

  /** @param deps.onUse is told of every blob that a client reads from this disk. */
  constructor(deps: {
    readonly link: CoordinatorLink;
    readonly known: KnownIndex;
    readonly store: BlobStore;
    readonly swarm: SwarmSource;
    readonly metrics: Metrics;
    readonly onUse: (digest: Digest) => void;
  }) {
    this.#link = deps.link;
    this.#known = deps.known;
    this.#store = deps.store;
    this.#swarm = deps.swarm;
    this.#onUse = deps.onUse;
    this.#readBytes = deps.metrics.counter({
      name: 'shoal_content_read_bytes_total',
      help: 'Bytes of blobs read for clients: from this disk, or while they arrive from peers.',
      labels: ['source'],
    });
  }

  /**
   * Presence is per repository, also when this host has the bytes for another one's sake.
   * @throws {AppError} `coordinator_unreachable` when nobody can say.
   */
  async stat(
    repository: string,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number } | undefined> {
    let answer;
    try {
      answer = await this.#link.call('blob.stat', { repository, digest }, signal);
    } catch (error) {
      if (!isAppError(error, 'coordinator_unreachable', 'timed_out')) throw error;
      const sizeBytes = this.#known.blobSize(repository, digest);
      if (sizeBytes === undefined) throw error;
      return { sizeBytes };
    }
    if (answer.sizeBytes === undefined) {
      this.#known.forgetBlob(repository, digest);
      return undefined;
    }
    this.#known.rememberBlob(repository, digest, answer.sizeBytes);
    return { sizeBytes: answer.sizeBytes };
  }

  /** @throws {AppError} `blob_unavailable` when the repository holds it but no host that has it can be reached. */
  async open(
    repository: string,
    digest: Digest,
    ranges: (sizeBytes: number) => readonly ByteRange[] | undefined,
    signal: AbortSignal,
  ): Promise<BlobReader | undefined> {
    const blob = await this.stat(repository, digest, signal);
    if (blob === undefined) return undefined;
    const local = await this.#store.open(digest);
    if (local !== undefined) {
      this.#onUse(digest);
      return this.#counted(local, 'disk');
    }
    const wanted = ranges(blob.sizeBytes);
    if (wanted?.length === 0) return readerOfNothing(blob.sizeBytes);
    const { sizeBytes } = blob;
    return this.#counted(await this.#swarm.open({ digest, sizeBytes, repository, ranges: wanted }, signal), 'peer');
  }

  async remove(removal: BlobRemoval, signal: AbortSignal): Promise<void> {
    await this.#link.call('blob.remove', removal, signal);
    this.#known.forgetBlob(removal.repository, removal.digest);
  }

  async mount(mount: BlobMount, signal: AbortSignal): Promise<boolean> {
    const { from, ...rest } = mount;
    const params = from === undefined ? rest : { ...rest, from };
    const { isMounted } = await this.#link.call('blob.mount', params, signal);
    return isMounted;
  }

  #counted(reader: BlobReader, source: 'disk' | 'peer'): BlobReader {
    const labels = { source };
    return {
      sizeBytes: reader.sizeBytes,
      read: async (target, position, signal) => {
        const bytes = await reader.read(target, position, signal);
        this.#readBytes.add(bytes, labels);
        return bytes;
      },
      lend: async (position, maxBytes, signal) => {
        const lent = await reader.lend?.(position, maxBytes, signal);
        if (lent !== undefined) this.#readBytes.add(lent.bytes.byteLength, labels);
        return lent;
      },
      [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
    };
  }
}

/** For an answer that has a size and no bytes: no download begins for it. */
function readerOfNothing(sizeBytes: number): BlobReader {
  return { sizeBytes, read: async () => 0, [Symbol.asyncDispose]: async () => undefined };
}

// Taking over images of another registry: what is here is found out first, so that a second run does only what the first left.

import { algorithmOf, type Digest } from '../../shared/oci/digest.ts';
import { parseManifest } from '../../shared/oci/manifest.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Requester } from '../../shared/protocol/requester.ts';
import type { AdoptionMode, AdoptionWay, FileAdopter, UploadChunk, UploadId } from './blob-store.ts';
import type { ManifestPush, Manifests, Uploads } from './content.ts';
import type { DigestLocks } from './digest-locks.ts';
import { recordBlob, type RecordDeps } from './record-blob.ts';

interface NodeImportsDeps extends RecordDeps {
  readonly link: CoordinatorLink;
  readonly log: Logger;
  readonly locks: DigestLocks;
  readonly files: FileAdopter;
  readonly uploads: Pick<Uploads, 'begin' | 'cancel' | 'finish'>;
  readonly manifests: Pick<Manifests, 'push'>;
}

/** A blob of a repository. */
interface RepositoryBlob {
  readonly repository: string;
  readonly digest: Digest;
}

export class NodeImports {
  readonly #deps: NodeImportsDeps;

  constructor(deps: NodeImportsDeps) {
    this.#deps = deps;
  }

  /** Makes the repository hold a blob that the fleet has. @returns false when its bytes are still to come. */
  async hold(blob: RepositoryBlob, signal: AbortSignal): Promise<boolean> {
    const { link } = this.#deps;
    const { sizeBytes } = await link.call('blob.stat', blob, signal);
    if (sizeBytes !== undefined) return true;
    return (await link.call('blob.mount', blob, signal)).isMounted;
  }

  /** @throws {AppError} as `FileAdopter.adopt`, and `coordinator_unreachable` */
  async adoptFile(
    file: RepositoryBlob & { readonly path: string; readonly mode: AdoptionMode },
    signal: AbortSignal,
  ): Promise<{ readonly sizeBytes: number; readonly way: AdoptionWay }> {
    const { repository, digest } = file;
    return this.#deps.locks.share(digest, async () => {
      const blob = await this.#deps.files.adopt(file, signal);
      await recordBlob(this.#deps, { repository, blob }, signal);
      return { sizeBytes: blob.sizeBytes, way: blob.way };
    });
  }

  /** Takes a blob that arrives. @throws {AppError} as an upload */
  async receive({ repository, digest }: RepositoryBlob, chunk: UploadChunk, signal: AbortSignal): Promise<void> {
    const { uploads } = this.#deps;
    const id = await uploads.begin(repository, { algorithm: algorithmOf(digest) });
    try {
      await uploads.finish({ repository, id, digest, chunk }, signal);
    } catch (error) {
      await this.#cancel(repository, id);
      throw error;
    }
  }

  /** Nobody comes back to a session that failed; one that ended by itself is gone already. */
  async #cancel(repository: string, id: UploadId): Promise<void> {
    try {
      await this.#deps.uploads.cancel(repository, id);
    } catch (err) {
      if (isAppError(err, 'upload_unknown')) return;
      this.#deps.log.warn(
        { repository, err },
        'what came of a blob could not be thrown away; it goes when unfinished uploads expire',
      );
    }
  }

  /** What the repository has: whether the manifest is there with all that it names, and where these tags point. */
  async state(
    manifest: RepositoryBlob & { readonly tags: readonly string[] },
    signal: AbortSignal,
  ): Promise<{ readonly isPresent: boolean; readonly tags: Readonly<Record<string, Digest>> }> {
    const { repository, digest } = manifest;
    const { link } = this.#deps;
    const found = await link.call('manifest.resolve', { repository, reference: { digest } }, signal);
    const tags: [string, Digest][] = [];
    for (const tag of manifest.tags) {
      const tagged = await link.call('manifest.resolve', { repository, reference: { tag } }, signal);
      if (tagged.found) tags.push([tag, tagged.digest]);
    }
    return { isPresent: found.found && isWhole(found), tags: Object.fromEntries(tags) };
  }

  /** The audit log tells of it, and of no blob: a manifest comes when all that it names is here. @throws {AppError} as a push of a manifest */
  async push(push: ManifestPush & { readonly by: Requester }, signal: AbortSignal): Promise<void> {
    await this.#deps.manifests.push({ ...push, isImported: true }, signal);
  }
}

function isWhole(found: {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly blobs: readonly { readonly digest: Digest }[];
}): boolean {
  const held = new Set<string>(found.blobs.map(({ digest }) => digest));
  return parseManifest(found.bytes, found.mediaType).blobs.every(({ digest }) => held.has(digest));
}

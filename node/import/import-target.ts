// What an import writes to: the node on this host (node/admin/admin-client.ts), or a count of what would come (image-count.ts).

import type { Digest } from '../../shared/oci/digest.ts';
import type { AdoptionWay } from '../content/blob-store.ts';

export interface RepositoryDigest {
  readonly repository: string;
  readonly digest: Digest;
}

export interface ImportedManifest extends RepositoryDigest {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** At most `MAX_TAGS_AT_ONCE`. */
  readonly tags: readonly string[];
  /** `new` fails with `precondition_failed` when one of the tags is there. */
  readonly tagging: 'new' | 'any';
}

/** Tags in one call; a manifest with more takes several, as the coordinator takes no more at once. */
export const MAX_TAGS_AT_ONCE = 100;

export interface ImportTarget {
  /** Whether the repository has a manifest with all that it names, and where these tags of it point. */
  state(
    manifest: RepositoryDigest & { readonly tags: readonly string[] },
    signal: AbortSignal,
  ): Promise<{ readonly isPresent: boolean; readonly tags: Readonly<Record<string, Digest>> }>;
  /** Makes the repository hold a blob whose bytes are there. @returns false when they are not. */
  hold(blob: RepositoryDigest, signal: AbortSignal): Promise<boolean>;
  /** @param file.path from the root. */
  adoptFile(
    file: RepositoryDigest & { readonly path: string; readonly sizeBytes: number },
    signal: AbortSignal,
  ): Promise<AdoptionWay>;
  /** @param open starts the bytes; not called when nobody wants them. */
  receive(
    blob: RepositoryDigest & { readonly sizeBytes: number },
    open: () => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;
  /** @throws {AppError} as `manifest.put` of the coordinator */
  push(manifest: ImportedManifest, signal: AbortSignal): Promise<void>;
}

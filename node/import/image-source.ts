// What an import reads images from. Implemented by a folder that a registry left (registry-folder.ts) and by a registry
// that runs (registry-server.ts).

import type { Digest } from '../../shared/oci/digest.ts';
import type { AdoptionWay } from '../content/blob-store.ts';
import type { ImportTarget } from './import-target.ts';

/** A blob that a repository of the source holds. */
export interface SourceBlob {
  readonly sizeBytes: number;
  /** Hands its bytes to the target. @throws {AppError} what the target throws, and what is wrong with the source. */
  bring(target: ImportTarget, signal: AbortSignal): Promise<AdoptionWay>;
}

/** Told of what is wrong with the source where it does not keep the rest from coming over. */
export type OnProblem = (what: string) => void;

/**
 * What is asked of it and is not there, or not what it says, is an AppError: `manifest_unknown`, `blob_unknown`,
 * `digest_mismatch`, `manifest_too_large`. One that is not there any more at all ends the import.
 */
export interface ImageSource {
  repositories(onProblem: OnProblem, signal: AbortSignal): AsyncIterable<string>;
  tags(
    repository: string,
    onProblem: OnProblem,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly tag: string; readonly digest: Digest }>;
  /** Manifests of a repository that can be listed without a tag, tagged ones among them. */
  revisions(repository: string, onProblem: OnProblem, signal: AbortSignal): AsyncIterable<Digest>;
  /** Bytes that hash to the digest. `mediaType` is absent where only the bytes themselves say it. */
  manifest(
    repository: string,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<{ readonly bytes: Uint8Array; readonly mediaType?: string | undefined }>;
  /** A blob, if this repository holds it: what is elsewhere in the source does not count. @param sizeBytes as its manifest says. */
  blob(
    repository: string,
    blob: { readonly digest: Digest; readonly sizeBytes: number },
    signal: AbortSignal,
  ): Promise<SourceBlob>;
}

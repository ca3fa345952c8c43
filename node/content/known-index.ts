// What this node last heard from the coordinator, kept for the time when the coordinator is away.
// Implemented in node/store. It is memory, not authority: whenever there is a session, the coordinator is asked.

import type { Digest } from '../../shared/oci/digest.ts';
import type { ManifestReference, PulledManifest } from './content.ts';

export interface KnownIndex {
  /** The last known answer for a tag or digest of a repository. */
  manifest(repository: string, reference: ManifestReference): Promise<PulledManifest | undefined>;
  /** The size of a blob that this node was given leave to serve in this repository. */
  blobSize(repository: string, digest: Digest): number | undefined;
  /** Keeps an answer. Cheap when nothing changed; written to disk soon after, not before it returns. */
  rememberManifest(repository: string, reference: ManifestReference, manifest: PulledManifest): void;
  rememberBlob(repository: string, digest: Digest, sizeBytes: number): void;
  forgetManifest(repository: string, reference: ManifestReference): void;
  forgetBlob(repository: string, digest: Digest): void;
}

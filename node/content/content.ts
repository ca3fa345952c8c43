// The use cases of a node as the registry API sees them: no HTTP above these names, no files or peers in them.

import type { ByteRange } from '../../shared/oci/byte-range.ts';
import type { Digest } from '../../shared/oci/digest.ts';
import type { Precondition } from '../../shared/protocol/coordinator-methods.ts';
import type { ReferrerDescriptor } from '../../shared/protocol/referrer-shape.ts';
import type { Requester } from '../../shared/protocol/requester.ts';
import type { BlobReader } from './blob-reader.ts';
import type { UploadChunk, UploadId, UploadOptions, UploadStore } from './blob-store.ts';

export type ManifestReference = { readonly tag: string } | { readonly digest: Digest };

export interface PulledManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** Set when the answer is the last known one because the coordinator is away: text for a `Warning: 299` header. */
  readonly warning?: string;
  /** Of a tag that is a copy of an upstream's: when it was last compared with that, if somebody remembers. */
  readonly checkedAgeMs?: number | undefined;
}

export interface ManifestPush {
  readonly repository: string;
  /** What the manifest is stored under: the digest of the URL, or the sha256 of the bytes when pushed by tag. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly tags: readonly string[];
  readonly precondition?: Precondition;
  /** Here and below: on whose behalf; absent for what the node does of its own accord, of which nobody is told. */
  readonly by?: Requester;
  /** It comes from another registry, by command. */
  readonly isImported?: true;
}

export interface ManifestRemoval {
  readonly repository: string;
  readonly reference: ManifestReference;
  readonly by?: Requester;
}

export interface BlobRemoval {
  readonly repository: string;
  readonly digest: Digest;
  readonly by?: Requester;
}

export interface BlobMount {
  readonly repository: string;
  readonly digest: Digest;
  /** Undefined for any repository. */
  readonly from?: string | undefined;
  readonly by?: Requester;
}

export interface UploadFinish {
  readonly repository: string;
  /** Of the session. */
  readonly id: string;
  readonly digest: Digest;
  /** The last bytes, when they come with the request. */
  readonly chunk?: UploadChunk | undefined;
  readonly by?: Requester;
}

/** Some of what refers to a manifest, in order of digest. */
export interface ReferrerPage {
  readonly descriptors: readonly ReferrerDescriptor[];
  readonly hasMore: boolean;
  /** Whether the repository holds the subject itself. */
  readonly hasSubject: boolean;
  /** Of a copy of an upstream's repository: when that was last asked, if somebody remembers. */
  readonly checkedAgeMs?: number | undefined;
  /** Set when it cannot be asked: text for a `Warning: 299` header. */
  readonly warning?: string | undefined;
}

/** Manifests and tags. Failures are AppErrors; `repository_unknown` and `manifest_unknown` when not there. */
export interface Manifests {
  /** @param client.signal is made when it is first read; that takes a fifth of the time of an answer from memory, so only who waits reads it. */
  pull(
    repository: string,
    reference: ManifestReference,
    client: { readonly signal: AbortSignal },
  ): Promise<PulledManifest>;
  /** Durable when it resolves. @returns the subject, for `OCI-Subject`. */
  push(push: ManifestPush, signal: AbortSignal): Promise<{ readonly subject?: string | undefined }>;
  remove(removal: ManifestRemoval, signal: AbortSignal): Promise<void>;
  tags(
    repository: string,
    page: { readonly last?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<{ readonly tags: readonly string[]; readonly hasMore: boolean }>;
  /** @param page.containing only those with this text in their name. */
  repositories(
    page: { readonly containing?: string; readonly last?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<{ readonly repositories: readonly string[]; readonly hasMore: boolean }>;
  referrers(
    query: {
      readonly repository: string;
      readonly subject: string;
      readonly artifactTypes: readonly string[];
      readonly last?: string | undefined;
      readonly limit: number;
      readonly maxBytes: number;
    },
    signal: AbortSignal,
  ): Promise<ReferrerPage>;
}

/** Blobs of a repository. */
export interface Blobs {
  /** @returns undefined when the repository does not hold it. Never starts a download. */
  stat(repository: string, digest: Digest, signal: AbortSignal): Promise<{ readonly sizeBytes: number } | undefined>;
  /**
   * Opens for reading, from here or from peers; undefined as `stat`. The caller closes the reader.
   * @param ranges says what will be read once the size is known; undefined for all of it. Nothing else need be fetched.
   */
  open(
    repository: string,
    digest: Digest,
    ranges: (sizeBytes: number) => readonly ByteRange[] | undefined,
    signal: AbortSignal,
  ): Promise<BlobReader | undefined>;
  /** @throws {AppError} `blob_unknown` */
  remove(removal: BlobRemoval, signal: AbortSignal): Promise<void>;
  /** @returns false when it cannot be mounted; never an error for a blob that is not there. */
  mount(mount: BlobMount, signal: AbortSignal): Promise<boolean>;
}

/** Upload sessions; errors as in blob-store.ts. A finished upload is announced and recorded at the coordinator. */
export interface Uploads extends Pick<UploadStore, 'owner' | 'offset' | 'append' | 'cancel'> {
  begin(repository: string, options?: UploadOptions): Promise<UploadId>;
  finish(finish: UploadFinish, signal: AbortSignal): Promise<void>;
}

export interface Content {
  readonly manifests: Manifests;
  readonly blobs: Blobs;
  readonly uploads: Uploads;
}

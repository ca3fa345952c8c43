// Every limit of the registry API, with the reason for its default and what happens when it is reached.

import type { LayerUrlOptions } from './layer-urls.ts';
import type { LargerPage } from './page-query.ts';
import type { SiteOptions } from './registry-site.ts';

export interface RegistryOptions extends SiteOptions, LayerUrlOptions {
  /** Connections at once; the next ones are closed when accepted. Far above what one host's clients open. */
  readonly maxConnections: number;
  /** Without a byte of a request's body for this long: 408, and the connection is closed. A long upload that moves is fine. */
  readonly bodyIdleTimeoutMs: number;
  /** A client that takes nothing of a blob for this long is cut off, because its buffers are missed by others. */
  readonly responseStallTimeoutMs: number;
  /** After an early error, at most this much of the rest of a body is read and thrown away; then the connection is closed. */
  readonly maxDiscardBytes: number;
  /** Bodies of manifest pushes in memory at once, also while they wait for copies; the next push waits. */
  readonly manifestMemoryBytes: number;
  /** Buffers of 1 MiB for all blob responses together; a response that finds none waits for its first one, oldest first. */
  readonly blobBufferCount: number;
  /** A manifest that is not here whole this long after its first byte is given up with 408: its memory is missed by others. */
  readonly manifestBodyTimeoutMs: number;
  /** Repositories in one answer; the rest follows through its `Link` header. */
  readonly maxRepositories: number;
  /** What becomes of a wish for more of them. */
  readonly largerCatalogPages: LargerPage;
  /** Tags in one answer; the rest follows through its `Link` header. */
  readonly maxTags: number;
  /** Also count under the names of the reference registry. */
  readonly referenceMetrics: boolean;
  /** Nothing may be pushed or deleted; 403 for those who try. */
  readonly readOnly: boolean;
  /** What may be deleted; 405 for the rest. */
  readonly deletion: { readonly blobs: boolean; readonly manifests: boolean; readonly tags: boolean };
}

/** What is read and thrown away of a body after an early error, so that a client reads the answer; then the connection is closed. */
const MAX_DISCARD_BYTES = 256 * 1024 * 1024;
/** Bodies of manifest pushes in memory at once, the next push waits: 32 of the largest, thousands of the usual ones. */
const MAX_MANIFEST_MEMORY_BYTES = 128 * 1024 * 1024;

export const DEFAULT_REGISTRY_OPTIONS: RegistryOptions = {
  maxConnections: 4096,
  bodyIdleTimeoutMs: 60_000,
  responseStallTimeoutMs: 300_000,
  maxDiscardBytes: MAX_DISCARD_BYTES,
  manifestMemoryBytes: MAX_MANIFEST_MEMORY_BYTES,
  blobBufferCount: 64,
  manifestBodyTimeoutMs: 30_000,
  maxRepositories: 1000,
  largerCatalogPages: 'cut',
  maxTags: 1000,
  referenceMetrics: false,
  layerUrls: 'any',
  allowedLayerUrls: [],
  deniedLayerUrls: [],
  readOnly: false,
  prefix: '',
  urls: 'relative',
  trustedProxies: [],
  headers: {},
  deletion: { blobs: true, manifests: true, tags: true },
};

/** Request line and headers together, beyond 431. Twice Node's default: tokens and a hundred `tag=` parameters get long. */
export const MAX_HEADER_BYTES = 32 * 1024;

/** An idle connection is closed after so long: a little longer than load balancers keep theirs, so that they end them. */
export const KEEP_ALIVE_MS = 72_000;

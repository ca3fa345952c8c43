// Which image a blob is pulled for: the manifests that clients of this host asked for lately, and what they name.

import type { Digest } from '../../shared/oci/digest.ts';
import { parseManifest, type Descriptor, type ParsedManifest } from '../../shared/oci/manifest.ts';
import type { PulledImage } from '../../shared/protocol/pull-report.ts';

/** Manifests that are remembered; who asked for one longer ago gets reports of single blobs. A busy host's images of a day. */
const MAX_MANIFESTS = 128;
/** Bytes of these manifests; beyond it the one that was asked for longest ago is forgotten. */
const MAX_MANIFEST_BYTES_KEPT = 8 * 1024 * 1024;

/** A manifest as a client got it. */
export interface ResolvedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

interface Resolved {
  readonly repository: string;
  readonly manifest: ResolvedManifest;
  /** The tag that it was last asked for by. */
  tag: string | undefined;
  /** Parsed when a blob is first looked for: most manifests are only asked for. */
  named: Pick<ParsedManifest, 'blobs' | 'children'> | undefined;
}

export class ResolvedImages {
  /** The one asked for last is the last. */
  readonly #resolved = new Map<string, Resolved>();
  #bytes = 0;

  /** A client got a manifest. Runs for each one, so it takes no look inside. */
  note(
    repository: string,
    reference: { readonly tag: string } | { readonly digest: Digest },
    manifest: ResolvedManifest,
  ): void {
    const key = `${repository}@${manifest.digest}`;
    const known = this.#resolved.get(key);
    const tag = 'tag' in reference ? reference.tag : known?.tag;
    if (known !== undefined) {
      known.tag = tag;
      this.#resolved.delete(key);
      this.#resolved.set(key, known);
      return;
    }
    this.#resolved.set(key, { repository, manifest, tag, named: undefined });
    this.#bytes += manifest.bytes.byteLength;
    for (const [oldest, each] of this.#resolved) {
      if (this.#resolved.size <= MAX_MANIFESTS && this.#bytes <= MAX_MANIFEST_BYTES_KEPT) break;
      this.#resolved.delete(oldest);
      this.#bytes -= each.manifest.bytes.byteLength;
    }
  }

  /** The image asked for last that names a blob in this repository. */
  imageOf(repository: string, digest: Digest): PulledImage | undefined {
    for (const resolved of this.#newestFirst(repository)) {
      const { blobs } = namedBy(resolved);
      if (!blobs.some((blob) => blob.digest === digest)) continue;
      const tag = resolved.tag ?? this.#tagOfIndex(repository, resolved.manifest.digest);
      return {
        repository,
        ...(tag === undefined ? {} : { tag }),
        digest: resolved.manifest.digest,
        blobCount: blobs.length,
        sizeBytes: sizeOf(blobs),
      };
    }
    return undefined;
  }

  /** A platform's image is asked for by digest, after the index that names it was asked for by tag. */
  #tagOfIndex(repository: string, child: Digest): string | undefined {
    for (const resolved of this.#newestFirst(repository)) {
      if (resolved.tag !== undefined && namedBy(resolved).children.some(({ digest }) => digest === child))
        return resolved.tag;
    }
    return undefined;
  }

  #newestFirst(repository: string): Resolved[] {
    return [...this.#resolved.values()].filter((each) => each.repository === repository).toReversed();
  }
}

function namedBy(resolved: Resolved): Pick<ParsedManifest, 'blobs' | 'children'> {
  resolved.named ??= parse(resolved.manifest);
  return resolved.named;
}

/** A manifest that an older version accepted and this one does not names nothing. */
function parse({ bytes, mediaType }: ResolvedManifest): Pick<ParsedManifest, 'blobs' | 'children'> {
  try {
    return parseManifest(bytes, mediaType);
  } catch {
    return { blobs: [], children: [] }; // the pull works all the same; its report is one of single blobs
  }
}

function sizeOf(blobs: readonly Descriptor[]): number {
  let sizeBytes = 0;
  for (const blob of blobs) sizeBytes += blob.sizeBytes;
  return sizeBytes;
}

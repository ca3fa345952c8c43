// What upstreams last said of who refers to a manifest. Only remembered: after a start every list is asked for again. What a client pulled of it
// stays in any case, as a manifest of the copy with its subject, so that nothing is lost that could be served without the upstream.

import type { Digest } from '../../shared/oci/digest.ts';
import type { ReferrerDescriptor } from '../../shared/protocol/referrer-shape.ts';
import type { Referrer } from '../database/manifest-table.ts';

/** Memory for all lists, by the estimates below: the one asked for longest ago goes first, and is asked for again. About fifty thousand that have an entry each. */
const MAX_BYTES = 48 * 1024 * 1024;
/** What a list takes beside its entries: names, digests, places in maps. */
const BYTES_PER_LIST = 500;
/** What an entry takes beside its annotations: a digest, two media types, an object. */
const BYTES_PER_REFERRER = 450;

export interface ReferrerList {
  /** In order of digest, each once. */
  readonly referrers: readonly Referrer[];
  /** When the upstream said so. */
  readonly atMs: number;
}

interface Kept extends ReferrerList {
  readonly sizeBytes: number;
}

/** Names of copies of repositories, and digests of subjects, throughout. */
export class ListedReferrers {
  readonly #lists = new Map<string, Kept>();
  #sizeBytes = 0;

  /** What the upstream says now replaces what it said before. */
  keep(
    repository: string,
    subject: string,
    { descriptors, atMs }: { readonly descriptors: readonly ReferrerDescriptor[]; readonly atMs: number },
  ): void {
    const key = `${repository}@${subject}`;
    const byDigest = new Map(descriptors.map((descriptor) => [descriptor.digest, toRow(descriptor)]));
    const referrers = [...byDigest.values()].toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
    const sizeBytes = sizeOf(referrers);
    this.#forget(key);
    for (const oldest of this.#lists.keys()) {
      if (this.#sizeBytes + sizeBytes <= MAX_BYTES) break;
      this.#forget(oldest);
    }
    this.#lists.set(key, { referrers, atMs, sizeBytes });
    this.#sizeBytes += sizeBytes;
  }

  find(repository: string, subject: string): ReferrerList | undefined {
    return this.#lists.get(`${repository}@${subject}`);
  }

  /** The upstream gave a manifest that refers to `subject`: a list without it is older than that, and no more what the upstream has. */
  seen(repository: string, subject: string, digest: Digest): void {
    const list = this.find(repository, subject);
    const isListed = list?.referrers.some((referrer) => referrer.digest === digest);
    if (isListed === false) this.#forget(`${repository}@${subject}`);
  }

  #forget(key: string): void {
    this.#sizeBytes -= this.#lists.get(key)?.sizeBytes ?? 0;
    this.#lists.delete(key);
  }
}

function toRow({ digest, mediaType, sizeBytes, artifactType, annotations }: ReferrerDescriptor): Referrer {
  return {
    digest,
    mediaType,
    sizeBytes,
    artifactType: artifactType ?? null,
    annotations: annotations === undefined ? null : JSON.stringify(annotations),
  };
}

function sizeOf(referrers: readonly Referrer[]): number {
  let sizeBytes = BYTES_PER_LIST;
  for (const { mediaType, artifactType, annotations } of referrers)
    sizeBytes += BYTES_PER_REFERRER + mediaType.length + (artifactType?.length ?? 0) + (annotations?.length ?? 0);
  return sizeBytes;
}

// What an import has done so far, and what is wrong with what it reads.

import type { AdoptionWay } from '../content/blob-store.ts';

/** Problems kept for the result, the rest is counted: each is told when it is met. */
const MAX_KEPT_PROBLEMS = 1_000;

/** `mounted`: the fleet had the bytes, from another repository or an earlier run. */
export type BlobWay = AdoptionWay | 'mounted';

export interface ImportCounts {
  readonly repositories: number;
  /** Manifests that were brought, and that were here already. */
  readonly manifests: { readonly brought: number; readonly present: number };
  /** Tags that were set, that pointed there already, and that point elsewhere here and were left so. */
  readonly tags: { readonly set: number; readonly present: number; readonly kept: number };
  /** Blobs by how they came. */
  readonly blobs: Readonly<Record<BlobWay, number>>;
  /** Of blobs that were brought. */
  readonly bytes: number;
  readonly problems: { readonly count: number; readonly named: readonly string[] };
}

export class ImportReport {
  readonly #say: (problem: string) => void;
  readonly #named: string[] = [];
  readonly #blobs: Record<BlobWay, number> = { mounted: 0, present: 0, cloned: 0, linked: 0, copied: 0 };
  readonly #manifests = { brought: 0, present: 0 };
  readonly #tags = { set: 0, present: 0, kept: 0 };
  #problems = 0;
  #repositories = 0;
  #bytes = 0;
  #at = '';

  /** @param say is told of each problem at once. */
  constructor(say: (problem: string) => void) {
    this.#say = say;
  }

  /** The repository that is being worked on. */
  get at(): string {
    return this.#at;
  }

  counts(): ImportCounts {
    return {
      repositories: this.#repositories,
      manifests: { ...this.#manifests },
      tags: { ...this.#tags },
      blobs: { ...this.#blobs },
      bytes: this.#bytes,
      problems: { count: this.#problems, named: [...this.#named] },
    };
  }

  beginRepository(name: string): void {
    this.#repositories += 1;
    this.#at = name;
  }

  manifest(how: 'brought' | 'present'): void {
    this.#manifests[how] += 1;
  }

  tags(how: 'set' | 'present' | 'kept', count: number): void {
    this.#tags[how] += count;
  }

  blob(way: BlobWay, sizeBytes: number): void {
    this.#blobs[way] += 1;
    this.#bytes += sizeBytes;
  }

  problem(what: string): void {
    this.#problems += 1;
    if (this.#named.length < MAX_KEPT_PROBLEMS) this.#named.push(what);
    this.#say(what);
  }
}

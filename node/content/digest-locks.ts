// Keeps the removal of a blob's file apart from pushes of the same blob.
//
// A push that finds the file here already relies on it until the coordinator has recorded this host's copy. A removal has
// asked the coordinator for leave before. The two must not overlap: pushes share the lock of a digest, a removal has it alone.

import type { Digest } from '../../shared/oci/digest.ts';

interface Entry {
  /** Pushes that hold it; resolved each when it ends. */
  readonly sharers: Set<Promise<unknown>>;
  /** The removal that holds it or waits for the sharers. */
  owner: Promise<unknown> | undefined;
}

/** Holders are as many as the uploads and removals that run, which have limits of their own. */
export class DigestLocks {
  readonly #entries = new Map<Digest, Entry>();

  /** Runs `work` beside others that share the digest, never beside a removal. */
  async share<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
    for (;;) {
      const owner = this.#entries.get(digest)?.owner;
      if (owner === undefined) break;
      await owner;
    }
    const entry = this.#entry(digest);
    const running = work();
    const settled = running.then(
      () => undefined,
      () => undefined, // whoever called has the failure
    );
    entry.sharers.add(settled);
    try {
      return await running;
    } finally {
      entry.sharers.delete(settled);
      this.#drop(digest, entry);
    }
  }

  /** Runs `work` when nobody shares the digest; whoever comes meanwhile waits for its end. */
  async own<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
    for (;;) {
      const owner = this.#entries.get(digest)?.owner;
      if (owner === undefined) break;
      await owner;
    }
    const entry = this.#entry(digest);
    const running = Promise.all(entry.sharers).then(work);
    entry.owner = running.then(
      () => undefined,
      () => undefined, // whoever called has the failure
    );
    try {
      return await running;
    } finally {
      entry.owner = undefined;
      this.#drop(digest, entry);
    }
  }

  #entry(digest: Digest): Entry {
    const entry = this.#entries.get(digest) ?? { sharers: new Set(), owner: undefined };
    this.#entries.set(digest, entry);
    return entry;
  }

  #drop(digest: Digest, entry: Entry): void {
    if (entry.owner === undefined && entry.sharers.size === 0 && this.#entries.get(digest) === entry)
      this.#entries.delete(digest);
  }
}

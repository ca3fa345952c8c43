// When tags were last compared with their upstreams. Only remembered: after a start every tag is compared again.

import type { Digest } from '../../shared/oci/digest.ts';

/** Tags remembered, the one compared longest ago goes first: its next pull compares it again. */
const MAX_CHECKS = 100_000;

interface Check {
  readonly digest: Digest;
  readonly atMs: number;
}

export class TagChecks {
  readonly #checks = new Map<string, Check>();

  checked(repository: string, tag: string, check: Check): void {
    const key = `${repository}:${tag}`;
    this.#checks.delete(key); // the newest stands last
    this.#checks.set(key, check);
    const [oldest] = this.#checks.keys();
    if (this.#checks.size > MAX_CHECKS && oldest !== undefined) this.#checks.delete(oldest);
  }

  /** How long ago; undefined when it was not, or when it pointed elsewhere then. */
  ageMs(repository: string, tag: string, at: { readonly digest: Digest; readonly nowMs: number }): number | undefined {
    const check = this.#checks.get(`${repository}:${tag}`);
    if (check?.digest !== at.digest) return undefined;
    return Math.max(0, Math.round(at.nowMs - check.atMs));
  }
}

// Hosts of a simulated fleet that stand still for a moment, as busy machines do: nothing is done there meanwhile, and then all of it at
// once. What was under way to such a host comes all the same, and waits at its door.

import type { Standstill } from './fleet-scenario.ts';

export class Standstills {
  /** What waits at each host that stands still, in the order in which it came. */
  readonly #waiting = new Map<number, Array<() => void>>();

  /**
   * @param deps.after does something so many milliseconds from now.
   * @param deps.goesOn a host looks at its timers, which is the first that it does when it goes on.
   */
  constructor(
    deps: { readonly after: (ms: number, work: () => void) => void; readonly goesOn: (host: number) => void },
    standstills: readonly Standstill[],
  ) {
    for (const { host, atMs, forMs } of standstills) {
      deps.after(atMs, () => {
        if (this.#waiting.has(host)) return;
        this.#waiting.set(host, []);
        deps.after(forMs, () => {
          const waiting = this.#waiting.get(host) ?? [];
          this.#waiting.delete(host);
          deps.goesOn(host);
          for (const work of waiting) work();
        });
      });
    }
  }

  /** Keeps what a host would do now until it goes on. @returns false when it does not stand still. */
  holds(host: number, work: () => void): boolean {
    if (this.#waiting.size === 0) return false;
    return (this.#waiting.get(host)?.push(work) ?? 0) > 0;
  }
}

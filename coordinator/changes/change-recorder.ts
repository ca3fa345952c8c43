// Hands every change of a repository to those who keep account of it, within the transaction that makes it.

import type { Requester } from '../../shared/protocol/requester.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Occasion, RecordChanges, RecordedChange } from './registry-change.ts';

/** Who keeps account. */
export interface ChangeKeeper {
  /** Part of a transaction. */
  add(changes: readonly RecordedChange[]): void;
}

export class ChangeRecorder {
  readonly #clock: Clock;
  readonly #keepers: readonly ChangeKeeper[];

  constructor(deps: { readonly clock: Clock; readonly keepers: readonly ChangeKeeper[] }) {
    this.#clock = deps.clock;
    this.#keepers = deps.keepers;
  }

  /** For one call of a node. @param by undefined for what the node does of its own accord: nobody did it, so it is not recorded. */
  for(nodeId: string, by: Requester | undefined): RecordChanges {
    if (by === undefined) return () => undefined;
    return (changes) => {
      const occasion: Occasion = { by, nodeId, atMs: this.#clock.wallMs() };
      this.record(changes.map((change) => ({ ...change, occasion })));
    };
  }

  /** Part of the caller's transaction. */
  record(changes: readonly RecordedChange[]): void {
    for (const keeper of this.#keepers) keeper.add(changes);
  }
}

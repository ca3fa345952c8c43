// Nodes that were removed from the fleet, as the coordinator tells: with each session, and when it happens.

import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';

/** Listens until it is disposed. A fleet removes few nodes: what is told with a session is bounded by the coordinator. */
export class RemovedNodes implements AsyncDisposable {
  readonly #nodeIds = new Set<string>();
  readonly #unlisten: () => void;

  constructor(deps: { readonly link: Pick<CoordinatorLink, 'listen'> }) {
    this.#unlisten = deps.link.listen({
      onEvent: (event) => {
        if (event.type !== 'roster.removed') return;
        for (const nodeId of event.nodeIds) this.#nodeIds.add(nodeId);
      },
    });
  }

  has(nodeId: string): boolean {
    return this.#nodeIds.has(nodeId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unlisten();
  }
}

// Who listens to a link to the coordinator, whatever carries it.

import type { Logger } from '../runtime/log.ts';
import type { LinkListener } from './coordinator-methods.ts';

export class LinkListeners {
  readonly #log: Logger;
  readonly #listeners = new Set<LinkListener>();

  constructor(deps: { readonly log: Logger }) {
    this.#log = deps.log;
  }

  /** @returns a function that removes the listener. */
  add(listener: LinkListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells every listener; one listener's bug must not keep the news from the others. */
  tell(tellOne: (listener: LinkListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        tellOne(listener);
      } catch (err) {
        this.#log.error({ err }, 'a listener of the coordinator link failed');
      }
    }
  }
}

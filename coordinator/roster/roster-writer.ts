// Writes down when nodes were last seen and what they said of themselves, many in one transaction: after a restart of the
// coordinator ten thousand nodes say hello within seconds, and a disk flush for each would be most of the wait.

import type { FleetDatabase } from '../database/fleet-database.ts';

/** What a node said of itself, and when. */
export interface Sighting {
  readonly nodeId: string;
  readonly swarmAddress: string;
  readonly version: string;
  readonly isOrigin: boolean;
  readonly zone?: string | undefined;
  readonly rack?: string | undefined;
  readonly atMs: number;
}

export class RosterWriter {
  readonly #database: FleetDatabase;
  readonly #pending = new Map<string, Sighting>();

  constructor(deps: { readonly database: FleetDatabase }) {
    this.#database = deps.database;
  }

  /** Remembers a sighting until the next `flush`. Losing it in a crash loses a time of day; the node says the rest again. */
  seen(sighting: Sighting): void {
    this.#pending.set(sighting.nodeId, sighting);
  }

  flush(): void {
    if (this.#pending.size === 0) return;
    const sightings = [...this.#pending.values()];
    this.#pending.clear();
    this.#database.change('roster', () => {
      for (const sighting of sightings) this.#database.nodes.setHello(sighting);
    });
  }
}

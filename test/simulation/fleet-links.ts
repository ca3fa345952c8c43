// Who is told of whom, by the directory of the product: the coordinator of a simulated fleet with one blob.

import { Directory } from '../../coordinator/directory/directory.ts';
import type { NeighbourChange } from '../../coordinator/directory/neighbour-changes.ts';
import { digestOf } from '../../shared/oci/digest.ts';

/** Two hosts that are to be connected. */
export type Pair = readonly [number, number];

const BLOB = digestOf(Buffer.from('the blob of a simulated fleet'));

/** Every method gives the pairs that hear of each other by it. */
export class FleetLinks {
  readonly #directory: Directory;

  /** @param options.seeders the first so many hosts hold the blob whole; `isOrigin` says what they are. */
  constructor(options: {
    readonly hosts: number;
    readonly seeders: number;
    readonly isOrigin: boolean;
    readonly seed: number;
  }) {
    this.#directory = new Directory({ seed: options.seed, graceMs: 1 });
    for (let host = 0; host < options.hosts; host += 1) {
      const isSeeder = host < options.seeders;
      this.#directory.setNode(name(host), { isOrigin: isSeeder && options.isOrigin });
      this.#directory.connect(name(host));
      if (isSeeder) this.#directory.addHolding(name(host), BLOB);
    }
  }

  /** Hosts that start at one moment: nobody has dialled before all have joined. */
  joinTogether(hosts: readonly number[]): Pair[] {
    for (const host of hosts) this.#directory.join(name(host), BLOB);
    return hosts.flatMap((host) => this.#neighboursOf(host));
  }

  join(host: number): Pair[] {
    const answer = this.#directory.join(name(host), BLOB);
    return [...this.#neighboursOf(host), ...pairsOf(answer?.changes ?? [])];
  }

  complete(host: number): Pair[] {
    return pairsOf(this.#directory.addHolding(name(host), BLOB));
  }

  /** A session ended for longer than the grace. */
  lose(host: number): Pair[] {
    const changes = this.#directory.disconnect(name(host), 0);
    return pairsOf([...changes, ...this.#directory.expire(1)]);
  }

  /** A host is back; one that did not have the blob goes on downloading. */
  return(host: number, how: { readonly isWhole: boolean }): Pair[] {
    const pairs = pairsOf(this.#directory.connect(name(host)));
    return how.isWhole ? pairs : [...pairs, ...this.join(host)];
  }

  #neighboursOf(host: number): Pair[] {
    const neighbours = this.#directory.join(name(host), BLOB)?.neighbours ?? [];
    return neighbours.map((neighbour) => [host, numberOf(neighbour.nodeId)]);
  }
}

/** Links that the directory takes back are kept by the product while they are open, so only new ones matter. */
function pairsOf(changes: readonly NeighbourChange[]): Pair[] {
  return changes.flatMap(({ nodeId, added }) => added.map((other): Pair => [numberOf(nodeId), numberOf(other.nodeId)]));
}

function name(host: number): string {
  return `host-${host}`;
}

function numberOf(nodeId: string): number {
  return Number(nodeId.slice('host-'.length));
}

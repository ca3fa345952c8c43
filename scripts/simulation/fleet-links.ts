// Who is told of whom, by the directory of the product: the coordinator of a simulated fleet.

import { Directory } from '../../coordinator/directory/directory.ts';
import type { NamedNeighbour, NeighbourChange } from '../../coordinator/directory/neighbour-changes.ts';
import type { Digest } from '../../shared/oci/digest.ts';
import type { PieceShare } from '../../shared/pieces/piece-share.ts';
import type { Standing } from '../../node/swarm/scheduler/neighbour-limits.ts';
import type { Zones } from './zones.ts';

/** Two hosts that are to be connected for a blob, since `left` was told of `right`. */
export interface Pair {
  readonly left: number;
  readonly right: number;
  readonly blob: number;
  /** `right` was taken back: `left` is to ask nothing of it any more. */
  readonly isOver: boolean;
}

const PREFIX = 'host-';

/** Every method gives the pairs that hear of each other by it. */
export class FleetLinks {
  readonly #directory: Directory;
  readonly #digests: readonly Digest[];
  /** By who asks, of whom and for which blob. */
  readonly #shares = new Map<string, PieceShare>();
  readonly #takenBack = new Set<string>();

  /** @param options.holders the first so many hosts hold every blob; `isOrigin` says what they are. */
  constructor(
    digests: readonly Digest[],
    options: {
      readonly hosts: number;
      readonly holders: number;
      readonly isOrigin: boolean;
      /** The first so many after the holders say that their links are slow. */
      readonly declaredSlow: number;
      readonly seed: number;
      readonly zones: Zones;
    },
  ) {
    this.#digests = digests;
    this.#directory = new Directory({ seed: options.seed, graceMs: 1 });
    for (let host = 0; host < options.hosts; host += 1) {
      const isHolder = host < options.holders;
      const zone = options.zones.count === 1 ? '' : `zone-${options.zones.of(host)}`;
      const hasSlowLink = !isHolder && host < options.holders + options.declaredSlow;
      this.#directory.setNode(name(host), { isOrigin: isHolder && options.isOrigin, zone, hasSlowLink });
      this.#directory.connect(name(host));
      if (isHolder) for (const digest of digests) this.#directory.addHolding(name(host), digest);
    }
  }

  /** What `asker` was told of a host. */
  standingOf(asker: number, other: number, blob: number): Standing {
    const link = `${asker} ${other} ${blob}`;
    const share = this.#shares.get(link);
    return { named: share === undefined ? undefined : { share }, isTakenBack: this.#takenBack.has(link) };
  }

  /** A host says that classes of pieces come into its zone much later than others. */
  complain(
    host: number,
    blob: number,
    complaint: { readonly classes: readonly number[]; readonly nowMs: number },
  ): Pair[] {
    const digest = this.#digests[blob];
    return digest === undefined ? [] : this.#pairsOf(this.#directory.complain(name(host), digest, complaint));
  }

  /** A host says that it gets much less than its neighbours. */
  fallBehind(host: number, nowMs: number): Pair[] {
    return this.#pairsOf(this.#directory.fallBehind(name(host), nowMs));
  }

  /** Hosts that start at one moment: nobody has dialled before all have joined. */
  joinTogether(hosts: readonly number[]): Pair[] {
    const pairs: Pair[] = [];
    for (const [blob, digest] of this.#digests.entries()) {
      for (const host of hosts) this.#directory.join(name(host), digest);
      for (const host of hosts) pairs.push(...this.#neighboursOf(host, blob));
    }
    return pairs;
  }

  /** @param blobs what it lacks. */
  join(host: number, blobs: readonly number[]): Pair[] {
    const pairs: Pair[] = [];
    for (const blob of blobs) {
      const digest = this.#digests[blob];
      if (digest === undefined) continue;
      const answer = this.#directory.join(name(host), digest);
      pairs.push(...this.#neighboursOf(host, blob), ...this.#pairsOf(answer?.changes ?? []));
    }
    return pairs;
  }

  complete(host: number, blob: number): Pair[] {
    const digest = this.#digests[blob];
    return digest === undefined ? [] : this.#pairsOf(this.#directory.addHolding(name(host), digest));
  }

  /** A session ended for longer than the grace. */
  lose(host: number): Pair[] {
    const changes = this.#directory.disconnect(name(host), 0);
    return this.#pairsOf([...changes, ...this.#directory.expire(1)]);
  }

  /** A host is back and goes on with what it lacks. */
  return(host: number, blobs: readonly number[]): Pair[] {
    return [...this.#pairsOf(this.#directory.connect(name(host))), ...this.join(host, blobs)];
  }

  #neighboursOf(host: number, blob: number): Pair[] {
    const digest = this.#digests[blob];
    const neighbours = digest === undefined ? [] : (this.#directory.join(name(host), digest)?.neighbours ?? []);
    return neighbours.map((neighbour) => this.#pair(host, neighbour, blob));
  }

  #pairsOf(changes: readonly NeighbourChange[]): Pair[] {
    return changes.flatMap(({ nodeId, digest, added, removed }) => {
      const blob = this.#digests.indexOf(digest);
      const left = numberOf(nodeId);
      const over = removed.map((other): Pair => {
        const right = numberOf(other);
        this.#shares.delete(`${left} ${right} ${blob}`);
        this.#takenBack.add(`${left} ${right} ${blob}`);
        return { left, right, blob, isOver: true };
      });
      return [...over, ...added.map((other) => this.#pair(left, other, blob))];
    });
  }

  #pair(left: number, { nodeId, share }: NamedNeighbour, blob: number): Pair {
    const right = numberOf(nodeId);
    if (share !== undefined) this.#shares.set(`${left} ${right} ${blob}`, share);
    this.#takenBack.delete(`${left} ${right} ${blob}`);
    return { left, right, blob, isOver: false };
  }
}

function name(host: number): string {
  return `${PREFIX}${host}`;
}

function numberOf(nodeId: string): number {
  return Number(nodeId.slice(PREFIX.length));
}

// Peers that this node knew lately, kept over a restart. Implemented in node/store, used by node/swarm.

import type { Peer } from '../../shared/protocol/peer-shape.ts';
import type { Rendezvous } from '../../shared/protocol/rendezvous.ts';

/** It is memory, not authority: whoever is dialled has to prove who it is. */
export interface PeerMemory {
  /** The latest first. None when nothing was kept or it cannot be read. */
  load(): Promise<readonly Peer[]>;
  /** Replaces what was kept, at once or not at all; not flushed. */
  save(peers: readonly Peer[]): Promise<void>;
}

/** Where the DHT of the fleet is, kept over a restart. */
export interface RendezvousMemory {
  /** Undefined when hyperswarm was off, nothing was kept or it cannot be read. */
  load(): Promise<Rendezvous | undefined>;
  /** Replaces what was kept, at once or not at all; not flushed. Undefined: hyperswarm is off. */
  save(rendezvous: Rendezvous | undefined): Promise<void>;
}

// Peers that this node knew lately, kept over a restart. Implemented in node/store, used by node/swarm.

import type { Peer } from '../../shared/protocol/coordinator-methods.ts';

/** It is memory, not authority: whoever is dialled has to prove who it is. */
export interface PeerMemory {
  /** The latest first. None when nothing was kept or it cannot be read. */
  load(): Promise<readonly Peer[]>;
  /** Replaces what was kept, at once or not at all; not flushed. */
  save(peers: readonly Peer[]): Promise<void>;
}

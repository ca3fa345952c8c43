// The sessions that are open, one per node, and where peers dial each node.

import type { NamedNeighbour, NeighbourChange } from '../directory/neighbour-changes.ts';
import type { CoordinatorEvent, NamedPeer, Params } from '../../shared/protocol/coordinator-methods.ts';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import type { Session } from './session.ts';

export class SessionTable {
  readonly #sessions = new Map<string, Session>();
  readonly #peers = new Map<string, Peer>();

  readonly #reports = new Map<string, Params<'node.report'>>();

  get count(): number {
    return this.#sessions.size;
  }

  all(): Iterable<Session> {
    return this.#sessions.values();
  }

  get(nodeId: string): Session | undefined {
    return this.#sessions.get(nodeId);
  }

  /** Makes `session` the one of its node. An older one is closed: a node that lost its link may come back before we notice. */
  set(session: Session): void {
    const older = this.#sessions.get(session.nodeId);
    this.#sessions.set(session.nodeId, session);
    if (older !== session) older?.close('the node opened another session');
  }

  /** @returns false when it was not the session of its node any more. */
  remove(session: Session): boolean {
    return this.#sessions.get(session.nodeId) === session && this.#sessions.delete(session.nodeId);
  }

  /** Takes up where others may dial a node; a key that it said before stays. */
  setPeer(peer: Peer): void {
    this.#peers.set(peer.nodeId, { ...this.#peers.get(peer.nodeId), ...peer });
  }

  /** The key by which hyperswarm finds a node. */
  setNoiseKey(nodeId: string, noiseKey: string): void {
    const peer = this.#peers.get(nodeId);
    if (peer !== undefined) this.#peers.set(nodeId, { ...peer, noiseKey });
  }

  /** The last word of a node about itself; kept when its session ends, since people look at it then. */
  setReport(nodeId: string, report: Params<'node.report'>): void {
    this.#reports.set(nodeId, report);
  }

  report(nodeId: string): Params<'node.report'> | undefined {
    return this.#reports.get(nodeId);
  }

  /** Forgets a node that left the fleet. */
  forgetNode(nodeId: string): void {
    this.#peers.delete(nodeId);
    this.#reports.delete(nodeId);
  }

  /** Nodes as others may dial them; those whose address was never heard are left out. */
  peers(named: Iterable<NamedNeighbour>): NamedPeer[] {
    const peers: NamedPeer[] = [];
    for (const { nodeId, share } of named) {
      const peer = this.#peers.get(nodeId);
      if (peer !== undefined) peers.push(share === undefined ? peer : { ...peer, share });
    }
    return peers;
  }

  /** Sends an event to a node, if it has a session. */
  send(nodeId: string, event: CoordinatorEvent): void {
    this.#sessions.get(nodeId)?.notify(event);
  }

  /** Tells members of swarms how their neighbours changed. */
  tell(changes: readonly NeighbourChange[]): void {
    for (const { nodeId, digest, added, removed } of changes) {
      const session = this.#sessions.get(nodeId);
      session?.notify({ type: 'swarm.neighbours', digest, added: this.peers(added), removed: [...removed] });
    }
  }
}

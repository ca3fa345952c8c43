// Who of the fleet takes part in hyperswarm, and which of the nodes are named to all as a way into the DHT, beside the
// coordinator's own. Pure.

import type { Rendezvous } from '../../shared/protocol/rendezvous.ts';

/** Nodes that are named beside the coordinator's own DHT nodes: with three, one may be replaced while another is down. */
export const MAX_STABLE_NODES = 5;

interface Member {
  readonly noiseKey: string;
  /** Where it serves the DHT; undefined when it does not. */
  readonly udpAddress: string | undefined;
  readonly sinceMs: number;
  isConnected: boolean;
}

export class RendezvousDesk {
  readonly #place: Rendezvous;
  readonly #members = new Map<string, Member>();
  readonly #keys = new Map<string, string>();
  /** What those who joined were told last, in an order of its own. */
  #toldList = '';

  /** @param place whose `bootstrap` are the coordinator's own DHT nodes. */
  constructor(place: Rendezvous) {
    this.#place = place;
  }

  /** Takes a node in, or what is new about it. @returns what it needs, and whether the list of bootstrap addresses changed. */
  join(
    nodeId: string,
    { noiseKey, udpAddress }: { readonly noiseKey: string; readonly udpAddress: string | undefined },
    nowMs: number,
  ): { readonly rendezvous: Rendezvous; readonly isListChanged: boolean } {
    const known = this.#members.get(nodeId);
    this.#forgetKey(nodeId);
    const sinceMs = known !== undefined && known.udpAddress === udpAddress ? known.sinceMs : nowMs;
    this.#members.set(nodeId, { noiseKey, udpAddress, sinceMs, isConnected: true });
    // A key is one member's: who comes later with the same gets no word in it.
    if (!this.#keys.has(noiseKey)) this.#keys.set(noiseKey, nodeId);
    const rendezvous = this.describe();
    const list = [...rendezvous.bootstrap].sort().join();
    const isListChanged = list !== this.#toldList;
    this.#toldList = list;
    return { rendezvous, isListChanged };
  }

  /** What a node needs to take part. */
  describe(): Rendezvous {
    return { ...this.#place, bootstrap: this.bootstrap() };
  }

  /** Its session ended: it may be there all the same, and gives way to others only when there are enough. */
  left(nodeId: string): void {
    const member = this.#members.get(nodeId);
    if (member !== undefined) member.isConnected = false;
  }

  /** It is not of the fleet any more. */
  remove(nodeId: string): void {
    this.#forgetKey(nodeId);
    this.#members.delete(nodeId);
  }

  /** True for the key of a member that joined since the coordinator started. */
  isMember(noiseKey: string): boolean {
    return this.#keys.has(noiseKey);
  }

  /** Nodes that have a session and want to hear when the list changes. */
  connected(): string[] {
    return [...this.#members].filter(([, { isConnected }]) => isConnected).map(([nodeId]) => nodeId);
  }

  /** The coordinator's own addresses, then those of nodes that are there the longest. */
  bootstrap(): string[] {
    const stable: Array<{ readonly member: Member; readonly address: string }> = [];
    for (const member of this.#members.values()) {
      if (member.udpAddress !== undefined) stable.push({ member, address: member.udpAddress });
    }
    stable.sort(
      (one, other) =>
        Number(other.member.isConnected) - Number(one.member.isConnected) || one.member.sinceMs - other.member.sinceMs,
    );
    const addresses = stable.slice(0, MAX_STABLE_NODES).map(({ address }) => address);
    return [...new Set([...this.#place.bootstrap, ...addresses])];
  }

  #forgetKey(nodeId: string): void {
    const key = this.#members.get(nodeId)?.noiseKey;
    if (key !== undefined && this.#keys.get(key) === nodeId) this.#keys.delete(key);
  }
}

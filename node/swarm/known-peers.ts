// Whom this node may ask when the coordinator is away: neighbours that it was given and nodes that it was connected to,
// the latest first.

import type { NamedPeer } from '../../shared/protocol/coordinator-methods.ts';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { PeerMemory } from '../content/peer-memory.ts';

/** Peers remembered; the one heard of longest ago is forgotten first. Origins and neighbours of some dozen pulls. */
const MAX_KNOWN_PEERS = 256;
/** How long after a change the list is written, together with all that changed in the meantime. */
const SAVE_AFTER_MS = 1000;

interface KnownPeersDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly memory: PeerMemory;
}

/** Disposing it writes what is not written yet. */
export class KnownPeers implements AsyncDisposable {
  readonly #deps: KnownPeersDeps;
  /** The latest last. */
  readonly #peers = new Map<string, Peer>();
  #save: Scheduled | undefined;
  #saving: Promise<void> = Promise.resolve();

  private constructor(deps: KnownPeersDeps) {
    this.#deps = deps;
  }

  static async open(deps: KnownPeersDeps): Promise<KnownPeers> {
    const known = new KnownPeers(deps);
    for (const peer of [...(await deps.memory.load())].reverse()) known.#put(peer);
    return known;
  }

  /** The latest first. */
  list(): Peer[] {
    return [...this.#peers.values()].reverse();
  }

  /** The coordinator named these. */
  note(peers: readonly NamedPeer[]): void {
    let isNews = false;
    for (const named of peers) {
      // What it was named for is of one blob and one time.
      const { share: _share, ...peer } = named;
      const known = this.#peers.get(peer.nodeId);
      const merged = { ...known, ...peer };
      if (known?.address !== merged.address || known.noiseKey !== merged.noiseKey) isNews = true;
      if (known?.zone !== merged.zone) isNews = true;
      this.#put(merged);
    }
    if (isNews) this.#saveSoon();
  }

  /** A node is connected and says where it may be dialled, and where it stands. */
  noteConnected({
    nodeId,
    address,
    zone,
  }: Omit<Peer, 'isOrigin' | 'zone'> & { readonly zone: string | undefined }): void {
    const peer = { nodeId, address, isOrigin: this.#peers.get(nodeId)?.isOrigin ?? false };
    this.note([zone === undefined ? peer : { ...peer, zone }]);
  }

  /** A node proved that it has this hyperswarm key, and says where it may be dialled. */
  noteProven(peer: { readonly nodeId: string; readonly noiseKey: string; readonly address: string | undefined }): void {
    const { nodeId, noiseKey } = peer;
    const known = this.#peers.get(nodeId);
    const address = peer.address ?? known?.address;
    if (address !== undefined) this.note([{ nodeId, address, noiseKey, isOrigin: known?.isOrigin ?? false }]);
  }

  /** True when it is the hyperswarm key of a peer that we know. */
  hasKey(noiseKey: string): boolean {
    for (const peer of this.#peers.values()) if (peer.noiseKey === noiseKey) return true;
    return false;
  }

  /** Forgets nodes that are no longer in the fleet. @returns those that were known. */
  forget(nodeIds: readonly string[]): readonly Peer[] {
    const forgotten = nodeIds.flatMap((nodeId) => this.#peers.get(nodeId) ?? []);
    for (const { nodeId } of forgotten) this.#peers.delete(nodeId);
    if (forgotten.length > 0) this.#saveSoon();
    return forgotten;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#save !== undefined) {
      this.#save.cancel();
      this.#saveNow();
    }
    await this.#saving;
  }

  #put(peer: Peer): void {
    this.#peers.delete(peer.nodeId);
    this.#peers.set(peer.nodeId, peer);
    for (const oldest of this.#peers.keys()) {
      if (this.#peers.size <= MAX_KNOWN_PEERS) return;
      this.#peers.delete(oldest);
    }
  }

  #saveSoon(): void {
    this.#save ??= this.#deps.clock.schedule(SAVE_AFTER_MS, () => this.#saveNow());
  }

  #saveNow(): void {
    this.#save = undefined;
    const { memory, log } = this.#deps;
    this.#saving = this.#saving
      .then(() => memory.save(this.list()))
      .catch((error: unknown) => log.warn({ err: error }, 'known peers could not be written'));
  }
}

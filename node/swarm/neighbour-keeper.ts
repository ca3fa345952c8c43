// Keeps one download in touch with the neighbours that the coordinator named: dials them, opens the blob there, tries again
// later what failed, and asks anew who has it when nobody is left.

import type { CoordinatorLink, NamedPeer } from '../../shared/protocol/coordinator-methods.ts';
import type { Digest } from '../../shared/oci/digest.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { PeerConnection } from './peer-connection.ts';
import type { PeerReports } from './peer-reports.ts';
import { isFinalRefusal, type Peers } from './peers.ts';
import type { Standing } from './scheduler/neighbour-limits.ts';

/** How often the keeper checks its neighbours; it also does so at once when something changed. */
const TICK_MS = 250;
/** With no neighbour connected for this long, the coordinator is asked again who has the blob. */
const ALONE_MS = 2000;
/** The wait before a neighbour that did not have the blob is asked again; it doubles each time, up to `MAX_REFUSED_MS`. */
const REFUSED_MS = 500;
/** The longest wait before a neighbour that did not have the blob is asked again. */
const MAX_REFUSED_MS = 15_000;
/** Failed dials in a row after which the coordinator is told. */
const UNREACHABLE_AFTER = 3;
/** Neighbours of one blob; further ones are passed over. The coordinator names twenty at most. */
const MAX_NEIGHBOURS = 64;

interface Known {
  peer: NamedPeer;
  /** The coordinator withdrew this neighbour while a channel to it was open or being opened. */
  isWithdrawn: boolean;
  state: 'idle' | 'connecting' | 'open';
  retryAtMs: number;
  nextWaitMs: number;
  failedDials: number;
}

/** The answer to asking once more who has the blob. */
export interface Relocation {
  readonly neighbours: readonly NamedPeer[];
  /** True when these are all neighbours, as the coordinator names them: any other is no longer one. */
  readonly areAll: boolean;
}

export interface NeighbourKeeperDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly link: Pick<CoordinatorLink, 'isConnected'>;
  readonly reports: Pick<PeerReports, 'report'>;
  readonly peers: Pick<Peers, 'backoffLeftMs' | 'connect' | 'get' | 'isRefused'>;
  /** Asks once more who has the blob, when none of the neighbours so far is of use. */
  readonly locateAgain: () => Promise<Relocation>;
  /** Uses a neighbour that is connected. */
  readonly use: (connection: PeerConnection) => void;
  /** Called when what `standingOf` returns has changed for at least one neighbour. */
  readonly renamed: () => void;
}

export class NeighbourKeeper {
  readonly #deps: NeighbourKeeperDeps;
  readonly #digest: Digest;
  readonly #known = new Map<string, Known>();
  readonly #stop = new AbortController();
  #timer: Scheduled | undefined;
  #lastOpenMs: number;
  #isLocating = false;
  #isLocateWanted = false;

  constructor(deps: NeighbourKeeperDeps, options: { readonly digest: Digest }) {
    this.#deps = deps;
    this.#digest = options.digest;
    this.#lastOpenMs = deps.clock.nowMs();
  }

  /** Neighbours whose channel is open or being opened. */
  get openCount(): number {
    let count = 0;
    for (const known of this.#known.values()) if (known.state === 'open') count += 1;
    return count;
  }

  /** What the coordinator said of a node. */
  standingOf(nodeId: string): Standing {
    const known = this.#known.get(nodeId);
    const isTakenBack = known?.isWithdrawn ?? false;
    return { named: isTakenBack ? undefined : known?.peer, isTakenBack };
  }

  start(neighbours: readonly NamedPeer[]): void {
    this.add(neighbours);
    this.#tick();
  }

  add(neighbours: readonly NamedPeer[]): void {
    for (const peer of neighbours) {
      const known = this.#known.get(peer.nodeId);
      if (known !== undefined) {
        if (known.peer.address !== peer.address) known.retryAtMs = 0;
        known.peer = peer;
        known.isWithdrawn = false;
      } else if (this.#known.size < MAX_NEIGHBOURS) {
        const fresh = { retryAtMs: 0, nextWaitMs: REFUSED_MS, failedDials: 0 };
        this.#known.set(peer.nodeId, { peer, isWithdrawn: false, state: 'idle', ...fresh });
      }
    }
    this.#deps.renamed();
    this.#useIdle();
  }

  /** Neighbours that the coordinator took back. Open channels stay; what is asked there says scheduler/neighbour-limits.ts. */
  remove(nodeIds: readonly string[]): void {
    for (const nodeId of nodeIds) {
      const known = this.#known.get(nodeId);
      if (known !== undefined && known.state !== 'idle') known.isWithdrawn = true;
      else this.#known.delete(nodeId);
    }
    this.#deps.renamed();
  }

  /** The channel to a neighbour ended. @param why `refused`: it does not have the blob, so leave it alone for a while. */
  closed(nodeId: string, why: 'refused' | 'lost'): void {
    const known = this.#known.get(nodeId);
    if (known === undefined || known.state === 'idle') return;
    if (known.isWithdrawn) {
      this.#known.delete(nodeId);
      return;
    }
    known.state = 'idle';
    known.retryAtMs = this.#deps.clock.nowMs() + (why === 'refused' ? known.nextWaitMs : 0);
    if (why === 'refused') known.nextWaitMs = Math.min(MAX_REFUSED_MS, known.nextWaitMs * 2);
  }

  /** Asks who has it again, for example because the session is new and the coordinator forgot us. */
  async relocate(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#isLocateWanted = true;
    if (this.#isLocating) return;
    this.#isLocating = true;
    try {
      while (this.#isLocateWanted) {
        this.#isLocateWanted = false;
        const { neighbours, areAll } = await this.#deps.locateAgain();
        if (this.#stop.signal.aborted) return;
        const named = new Set(neighbours.map(({ nodeId }) => nodeId));
        if (areAll) this.remove([...this.#known.keys()].filter((nodeId) => !named.has(nodeId)));
        this.add(neighbours);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted)
        this.#deps.log.debug({ digest: this.#digest, err: error }, 'locating again failed');
    } finally {
      this.#isLocating = false;
    }
  }

  stop(): void {
    this.#stop.abort();
    this.#timer?.cancel();
  }

  #tick(): void {
    if (this.#stop.signal.aborted) return;
    const nowMs = this.#deps.clock.nowMs();
    if (this.openCount > 0) this.#lastOpenMs = nowMs;
    if (nowMs - this.#lastOpenMs > ALONE_MS) {
      this.#lastOpenMs = nowMs;
      void this.relocate();
    }
    this.#useIdle();
    this.#timer = this.#deps.clock.schedule(TICK_MS, () => this.#tick());
  }

  /** Those that are connected come first: to begin a dial takes milliseconds, and on a host that never did half a hundred. */
  #useIdle(): void {
    const nowMs = this.#deps.clock.nowMs();
    const apart: Known[] = [];
    for (const [nodeId, known] of this.#known) {
      if (this.#deps.peers.isRefused(nodeId, this.#digest)) this.#known.delete(nodeId);
      else if (known.state === 'idle' && known.retryAtMs <= nowMs) {
        const connection = this.#deps.peers.get(nodeId);
        if (connection === undefined) apart.push(known);
        else this.#use(known, connection);
      }
    }
    for (const known of apart) void this.#dial(known);
  }

  #use(known: Known, connection: PeerConnection): void {
    known.state = 'open';
    known.failedDials = 0;
    this.#deps.use(connection);
  }

  async #dial(known: Known): Promise<void> {
    const { peers, clock } = this.#deps;
    known.state = 'connecting';
    try {
      const connection = await peers.connect(known.peer, this.#stop.signal);
      if (!this.#stop.signal.aborted) this.#use(known, connection);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      if (known.isWithdrawn) {
        if (this.#known.get(known.peer.nodeId) === known) this.#known.delete(known.peer.nodeId);
        return;
      }
      known.state = 'idle';
      known.retryAtMs = clock.nowMs() + Math.max(TICK_MS, peers.backoffLeftMs(known.peer));
      known.failedDials += 1;
      this.#note(known, error);
    }
  }

  #note(known: Known, error: unknown): void {
    const { nodeId } = known.peer;
    this.#deps.log.debug({ peer: nodeId, digest: this.#digest, err: error }, 'a neighbour cannot be reached');
    if (isFinalRefusal(error)) known.retryAtMs += MAX_REFUSED_MS;
    if (known.failedDials !== UNREACHABLE_AFTER || !this.#deps.link.isConnected) return;
    this.#deps.reports.report({ nodeId, digest: this.#digest, reason: 'unreachable' });
  }
}

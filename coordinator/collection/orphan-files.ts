// Files of blobs that no record names: a host pulled one and lost its power before it said so, a push ended before its blob was
// recorded, or the index was put back from an older copy. Nobody can ask for such a file, and nothing else would ever delete it.
//
//   announced, and no record ─▶ (delay) ─▶ the host is told to remove it ─▶ it asks for leave, deletes, and says so
//
// The leave is given only while there is still no record (release-copy.ts), and a push of the same bytes on that host goes before.

import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorEvent, LaterOrder } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { FairPlaces } from './fair-places.ts';

/**
 * Files remembered, of all hosts together; of more each host that has them gets as many. A host with files that are not remembered says all
 * again when those that are remembered are gone.
 */
const MAX_FILES = 100_000;
/** Files that a host is told to remove at a time, the rest follows as it says that they are gone: its queue of events is bounded. */
const MAX_ORDERS_PER_NODE = 200;
/** A host is told to say again what it holds when so many more of its files could be remembered: each time costs a whole inventory. */
const MIN_ROOM = 1_000;

interface OrphanFile {
  readonly noticedMs: number;
  /** When the host was last told to remove it. */
  sentMs: number | undefined;
}

export interface OrphanFilesDeps {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly sessions: {
    all(): Iterable<{ readonly nodeId: string; carriesOut(order: LaterOrder): boolean }>;
    send(nodeId: string, event: CoordinatorEvent): void;
  };
}

export class OrphanFiles {
  readonly #deps: OrphanFilesDeps;
  readonly #delayMs: number;
  readonly #retryMs: number;
  readonly #files = new FairPlaces<Digest, OrphanFile>(MAX_FILES);
  /** Nodes that hold more such files than are remembered. */
  readonly #cut = new Set<string>();

  /** @param options.delayMs how long a file stays. @param options.retryMs after it, an order that was not carried out is sent again. */
  constructor(deps: OrphanFilesDeps, options: { readonly delayMs: number; readonly retryMs: number }) {
    this.#deps = deps;
    this.#delayMs = options.delayMs;
    this.#retryMs = options.retryMs;
    deps.metrics.gaugeOf(
      {
        name: 'shoal_collection_orphan_files',
        help: 'Files on hosts of blobs that no record names; they are deleted after collection.deleteDelayMs.',
      },
      () => this.#files.count,
    );
  }

  /** A host says that it holds a blob that no record names. */
  noticed(nodeId: string, digest: Digest): void {
    // Whoever has as many as anybody may have need not be looked at for each of its millions.
    if (this.#files.count === MAX_FILES && this.#cut.has(nodeId)) return;
    const file = { noticedMs: this.#deps.clock.nowMs(), sentMs: undefined };
    const { isIn, loser } = this.#files.add(nodeId, digest, file);
    if (!isIn) this.#cut.add(nodeId);
    if (loser !== undefined) this.#cut.add(loser);
  }

  /** The file is gone, or a record names its blob now. */
  settled(nodeId: string, digest: Digest): void {
    this.#files.remove(nodeId, digest);
  }

  /** The node left the fleet. */
  forgetNode(nodeId: string): void {
    this.#files.removeHost(nodeId);
    this.#cut.delete(nodeId);
  }

  /** Tells hosts with a session which of their files to remove. */
  sendDue(): void {
    if (this.#files.count > 0) {
      const nowMs = this.#deps.clock.nowMs();
      for (const { nodeId } of this.#deps.sessions.all()) this.#sendTo(nodeId, nowMs);
    }
    if (this.#cut.size > 0) this.#hearRest();
  }

  /** One host at a time says again what it holds, so that not all of them do at once. Older ones do with their next session. */
  #hearRest(): void {
    if (this.#files.available < MIN_ROOM) return;
    for (const session of this.#deps.sessions.all()) {
      const { nodeId } = session;
      const isDone = this.#cut.has(nodeId) && this.#files.of(nodeId).size === 0;
      if (!isDone || !session.carriesOut('order.announce')) continue;
      this.#cut.delete(nodeId);
      this.#deps.sessions.send(nodeId, { type: 'order.announce' });
      return;
    }
  }

  #sendTo(nodeId: string, nowMs: number): void {
    let orders = 0;
    for (const [digest, file] of this.#files.of(nodeId)) {
      if (nowMs - file.noticedMs < this.#delayMs || orders === MAX_ORDERS_PER_NODE) return; // the rest came later
      orders += 1;
      if (file.sentMs !== undefined && nowMs - file.sentMs < this.#retryMs) continue;
      file.sentMs = nowMs;
      this.#deps.sessions.send(nodeId, { type: 'order.remove', digest });
    }
  }
}

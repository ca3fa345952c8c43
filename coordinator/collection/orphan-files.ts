// Files of blobs that no record names: a host pulled one and lost its power before it said so, a push ended before its blob was
// recorded, or the index was put back from an older copy. Nobody can ask for such a file, and nothing else would ever delete it.
//
//   announced, and no record ─▶ (delay) ─▶ the host is told to remove it ─▶ it asks for leave, deletes, and says so
//
// The leave is given only while there is still no record (release-copy.ts), and a push of the same bytes on that host goes before.

import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorEvent } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { HostShares } from '../cache/host-shares.ts';

/**
 * Files remembered, of all hosts together, of which one host gets an eighth once half are taken. A host with more says all again, in a new session,
 * when those are gone.
 */
const MAX_FILES = 100_000;
/** Files that a host is told to remove at a time, the rest follows as it says that they are gone: its queue of events is bounded. */
const MAX_ORDERS_PER_NODE = 200;

/** A host is asked to say again what it holds when so many more of its files could be remembered: each time costs a session and a snapshot. */
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
    all(): Iterable<{ readonly nodeId: string; close(reason: string): void }>;
    send(nodeId: string, event: CoordinatorEvent): void;
  };
}

export class OrphanFiles {
  readonly #deps: OrphanFilesDeps;
  readonly #delayMs: number;
  readonly #retryMs: number;
  /** Per node, in the order they were noticed. */
  readonly #files = new Map<string, Map<Digest, OrphanFile>>();
  /** What each node takes of the limit. */
  readonly #shares = new HostShares(MAX_FILES);
  /** Nodes that hold more such files than are remembered. */
  readonly #cut = new Set<string>();
  #count = 0;

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
      () => this.#count,
    );
  }

  /** A host says that it holds a blob that no record names. */
  noticed(nodeId: string, digest: Digest): void {
    const files = this.#files.get(nodeId) ?? new Map<Digest, OrphanFile>();
    if (files.has(digest)) return;
    if (!this.#shares.hasRoom(nodeId, 1)) {
      this.#cut.add(nodeId);
      return;
    }
    this.#shares.take(nodeId, 1);
    files.set(digest, { noticedMs: this.#deps.clock.nowMs(), sentMs: undefined });
    this.#files.set(nodeId, files);
    this.#count += 1;
  }

  /** The file is gone, or a record names its blob now. */
  settled(nodeId: string, digest: Digest): void {
    const files = this.#files.get(nodeId);
    if (files?.delete(digest) !== true) return;
    this.#count -= 1;
    this.#shares.giveBack(nodeId, 1);
    if (files.size === 0) this.#files.delete(nodeId);
  }

  /** The node left the fleet. */
  forgetNode(nodeId: string): void {
    const count = this.#files.get(nodeId)?.size ?? 0;
    this.#count -= count;
    this.#shares.giveBack(nodeId, count);
    this.#cut.delete(nodeId);
    this.#files.delete(nodeId);
  }

  /** Tells hosts with a session which of their files to remove. */
  sendDue(): void {
    if (this.#count > 0) {
      const nowMs = this.#deps.clock.nowMs();
      for (const { nodeId } of this.#deps.sessions.all()) this.#sendTo(nodeId, nowMs);
    }
    if (this.#cut.size > 0) this.#hearRest();
  }

  /** One host at a time says again what it holds, so that not all of them open new sessions at once. */
  #hearRest(): void {
    for (const session of this.#deps.sessions.all()) {
      const { nodeId } = session;
      if (!this.#cut.has(nodeId) || this.#files.has(nodeId) || !this.#shares.hasRoom(nodeId, MIN_ROOM)) continue;
      this.#cut.delete(nodeId);
      session.close('more of its files are to be looked at: it says again what it holds');
      return;
    }
  }

  #sendTo(nodeId: string, nowMs: number): void {
    let orders = 0;
    for (const [digest, file] of this.#files.get(nodeId) ?? []) {
      if (nowMs - file.noticedMs < this.#delayMs || orders === MAX_ORDERS_PER_NODE) return; // the rest came later
      orders += 1;
      if (file.sentMs !== undefined && nowMs - file.sentMs < this.#retryMs) continue;
      file.sentMs = nowMs;
      this.#deps.sessions.send(nodeId, { type: 'order.remove', digest });
    }
  }
}

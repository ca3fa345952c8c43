// Tells nodes which files nobody needs any more. A node asks for leave, deletes, and says so; one that is away is told when it
// comes back, for the record of what it holds stays until then.

import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorEvent } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

/** Files that a node is told to remove at a time, the rest follows as it says that they are gone: its queue of events is bounded. */
const MAX_ORDERS_PER_NODE = 200;

interface SentOrder {
  /** When the removal that the order belongs to began. */
  readonly sinceMs: number;
  readonly sentMs: number;
}

export interface RemovalOrdersDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly sessions: {
    all(): Iterable<{ readonly nodeId: string }>;
    send(nodeId: string, event: CoordinatorEvent): void;
  };
}

export class RemovalOrders {
  readonly #deps: RemovalOrdersDeps;
  readonly #retryMs: number;
  /** Per node, the orders under way. */
  readonly #sent = new Map<string, Map<Digest, SentOrder>>();

  /** @param options.retryMs after this time an order that was not carried out is sent again. */
  constructor(deps: RemovalOrdersDeps, options: { readonly retryMs: number }) {
    this.#deps = deps;
    this.#retryMs = options.retryMs;
  }

  /** Sends what nodes with a session still have to remove, and forgets blobs that are gone everywhere. */
  sendAll(): void {
    const { database, sessions } = this.#deps;
    const connected = new Set<string>();
    database.change('collect', () => database.removals.deleteGone());
    if (database.removals.totals().blobs === 0) {
      this.#sent.clear();
      return;
    }
    for (const { nodeId } of sessions.all()) {
      connected.add(nodeId);
      this.#sendTo(nodeId);
    }
    for (const nodeId of this.#sent.keys()) if (!connected.has(nodeId)) this.#sent.delete(nodeId);
  }

  #sendTo(nodeId: string): void {
    const { clock, database, sessions } = this.#deps;
    const row = database.nodes.find(nodeId);
    if (row === undefined) return;
    const pending = database.removals.pendingOn(row.node, MAX_ORDERS_PER_NODE);
    const before = this.#sent.get(nodeId);
    const sent = new Map<Digest, SentOrder>();
    const nowMs = clock.nowMs();
    for (const { digest, sinceMs } of pending) {
      const last = before?.get(digest);
      // Of an earlier removal the order says nothing: the blob was pushed again in between, and the node refused.
      const isFresh = last !== undefined && last.sinceMs === sinceMs && nowMs - last.sentMs < this.#retryMs;
      sent.set(digest, isFresh ? last : { sinceMs, sentMs: nowMs });
      if (!isFresh) sessions.send(nodeId, { type: 'order.remove', digest });
    }
    this.#sent.set(nodeId, sent);
  }
}

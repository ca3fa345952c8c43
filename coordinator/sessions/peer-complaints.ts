// Complaints of nodes about each other: counted by reason, and per node what concerns wrong bytes.

import type { Params } from '../../shared/protocol/coordinator-methods.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { CounterMetric, Metrics } from '../../shared/runtime/metrics.ts';

export class PeerComplaints {
  readonly #log: Logger;
  readonly #reports: CounterMetric;
  readonly #badPieces = new Map<string, number>();

  constructor(deps: { readonly log: Logger; readonly metrics: Metrics }) {
    this.#log = deps.log;
    this.#reports = deps.metrics.counter({
      name: 'shoal_peers_reported_total',
      help: 'Complaints of nodes about peers.',
      labels: ['reason'],
    });
  }

  /** @param reporter who says it. The caller has checked that the accused is of the roster, which bounds this table. */
  add(reporter: string, { nodeId, digest, reason }: Params<'peer.report'>): void {
    this.#reports.add(1, { reason });
    if (reason !== 'bad_piece') return;
    this.#badPieces.set(nodeId, (this.#badPieces.get(nodeId) ?? 0) + 1);
    this.#log.warn({ node: nodeId, reporter, digest }, 'a node sent a wrong piece');
  }

  /** Wrong pieces of a node since this process started. */
  badPieces(nodeId: string): number {
    return this.#badPieces.get(nodeId) ?? 0;
  }
}

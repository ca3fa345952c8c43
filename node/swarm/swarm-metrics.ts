// The figures of the swarm. Labels are transports, own or other zone, and outcomes, never peers or digests.

import type { Metrics } from '../../shared/runtime/metrics.ts';
import type { TransportName } from './transport.ts';

/** What is told apart in the bytes of a connection. */
interface CountedConnection {
  readonly transport: TransportName;
  readonly isToOtherZone: boolean;
}

/** What the parts of the swarm count. */
export interface SwarmMetrics {
  received(connection: CountedConnection, bytes: number): void;
  sent(connection: CountedConnection, bytes: number): void;
  piece(result: 'verified' | 'bad'): void;
  stalled(): void;
  /** @param result `left`: nobody waited for it any more. */
  downloadEnded(result: 'adopted' | 'failed' | 'left'): void;
}

/** Values that are read when somebody asks. */
export interface SwarmGauges {
  readonly downloads: () => number;
  readonly peers: () => number;
  readonly hyperswarmPeers: () => number;
  readonly queuedUploads: () => number;
  /** Parts of pieces that a cap holds back, to send or to ask for. */
  readonly capped: () => number;
}

/** Makes each metric once. */
export function swarmMetrics(metrics: Metrics, gauges: SwarmGauges): SwarmMetrics {
  const received = metrics.counter({
    name: 'shoal_swarm_received_bytes_total',
    help: 'Payload received from peers, of the own zone or another.',
    labels: ['transport', 'zone'],
  });
  const sent = metrics.counter({
    name: 'shoal_swarm_sent_bytes_total',
    help: 'Payload sent to peers, of the own zone or another.',
    labels: ['transport', 'zone'],
  });
  const pieces = metrics.counter({
    name: 'shoal_swarm_pieces_total',
    help: 'Pieces from peers by what their hash said.',
    labels: ['result'],
  });
  const stalls = metrics.counter({
    name: 'shoal_swarm_stalls_total',
    help: 'Peers that were silent past their deadline.',
  });
  const ended = metrics.counter({
    name: 'shoal_swarm_ended_downloads_total',
    help: 'Downloads that ended.',
    labels: ['result'],
  });
  metrics.gaugeOf({ name: 'shoal_swarm_downloads', help: 'Downloads that run or wait.' }, gauges.downloads);
  metrics.gaugeOf({ name: 'shoal_swarm_peers', help: 'Open peer connections.' }, gauges.peers);
  metrics.gaugeOf(
    { name: 'shoal_swarm_hyperswarm_peers', help: 'Open peer connections over hyperswarm.' },
    gauges.hyperswarmPeers,
  );
  metrics.gaugeOf({ name: 'shoal_swarm_queued_uploads', help: 'Pieces that peers wait for.' }, gauges.queuedUploads);
  metrics.gaugeOf(
    { name: 'shoal_swarm_capped', help: 'Parts that wait to be sent or asked for because of a cap on rates.' },
    gauges.capped,
  );
  return {
    received: (connection, bytes) => received.add(bytes, labelsOf(connection)),
    sent: (connection, bytes) => sent.add(bytes, labelsOf(connection)),
    piece: (result) => pieces.add(1, { result }),
    stalled: () => stalls.add(),
    downloadEnded: (result) => ended.add(1, { result }),
  };
}

function labelsOf({ transport, isToOtherZone }: CountedConnection): { transport: string; zone: string } {
  return { transport, zone: isToOtherZone ? 'other' : 'own' };
}

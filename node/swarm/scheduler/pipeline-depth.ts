// How many pieces to keep asked of each neighbour, by bytes and not by count.

/** The rule divides the link among this many neighbours; more only add slack. */
const USUAL_NEIGHBOURS = 8;
/** Pieces asked of a neighbour at a time, at least: one arrives while the next is asked for. */
const MIN_DEPTH = 2;
/** And at most: more asked of one is less to choose from when others could give it. The next waits for an answer. */
const MAX_DEPTH = 8;
/** Below this a round trip measures the event loop, not the network. */
const MIN_ROUND_TRIP_MS = 1;

/**
 * Twice the bandwidth-delay product, shared among the neighbours: `2·B·RTT / (n·P)`, between 2 and 8 pieces. Deeper
 * pipelines cost 10 to 15 % because pieces then wait at one neighbour while another is idle; shallower ones leave the
 * link idle for small pieces and long round trips. With few neighbours at least as many bytes stay asked in all.
 */
export function pipelineDepth(link: {
  readonly bytesPerSecond: number;
  readonly roundTripMs: number;
  readonly neighbours: number;
  readonly pieceBytes: number;
}): number {
  const roundTripMs = Math.max(MIN_ROUND_TRIP_MS, link.roundTripMs);
  const neighbours = Math.min(USUAL_NEIGHBOURS, Math.max(1, link.neighbours));
  const wantedBytes = (2 * link.bytesPerSecond * roundTripMs) / 1000;
  return Math.min(MAX_DEPTH, Math.max(MIN_DEPTH, Math.ceil(wantedBytes / (neighbours * link.pieceBytes))));
}

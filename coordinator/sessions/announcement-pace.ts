// How far announcements are spread over time. A release ends everywhere in one moment, and ten thousand messages that come in
// one millisecond stand before whatever else is asked: a resolve behind them took 4.7 s. Nothing waits for the word of a node that is
// no origin: while the coordinator does not know that it has a blob whole it counts as one that downloads, and gives all the same.

/** Announcements of nodes that are no origins in a second, of all together; they take a quarter of a core. */
const ANNOUNCEMENTS_PER_SECOND = 500;
/** Longer no node keeps its news to itself, however large the fleet: 15,000 nodes. */
const MAX_SPREAD_MS = 30_000;

/** Milliseconds out of which a node is to draw how long it gathers news. @param sessionCount nodes that are connected. */
export function announcementSpreadMs(node: { readonly isOrigin: boolean }, sessionCount: number): number {
  if (node.isOrigin) return 0;
  return Math.min(MAX_SPREAD_MS, Math.round((sessionCount * 1000) / ANNOUNCEMENTS_PER_SECOND));
}

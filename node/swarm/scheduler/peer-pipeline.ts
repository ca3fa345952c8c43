// What is asked of one peer, over all blobs that come from it.

/**
 * Shared by the downloads that use one connection. Two layers that each kept a pipeline of their own would have twice as much
 * waiting at each peer, and a piece that waits at one peer is a piece that others cannot be asked for.
 */
export class PeerPipeline {
  /** Pieces asked by number that have not come. */
  askedCount = 0;
}

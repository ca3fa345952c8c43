// How long what seems unreachable is left alone. Given to everything that writes into the review queue.

export interface ReviewTimes {
  /** How long a pushed or mounted blob may wait for its manifest, and an untagged manifest for its index or its tag. */
  readonly pushGraceMs: number;
  /** How long a blob stays after its manifest was deleted. */
  readonly deleteDelayMs: number;
}

// How long what seems unreachable is left alone. Given to everything that writes into the review queue.

export interface ReviewTimes {
  /** A blob that was pushed or mounted waits so long for its manifest; a manifest without a tag for its index or its tag. */
  readonly pushGraceMs: number;
  /** After its manifest was deleted a blob stays for so long. */
  readonly deleteDelayMs: number;
}

// Which piece numbers may be asked for over a link between two zones. The pieces of a blob fall into classes by the rest of
// their number; over all links into a zone each class belongs to exactly one, so that one copy crosses and no more.

/** The pieces whose number has one of these rests when divided by `of`. No classes: none at all. */
export interface PieceShare {
  readonly of: number;
  /** Below `of`, ascending, none twice. */
  readonly classes: readonly number[];
}

/** No piece at all: the share at a node of another zone that the coordinator did not name, or no longer names. */
export const NO_SHARE: PieceShare = { of: 1, classes: [] };

/** @param share undefined stands for every piece. */
export function isInShare(share: PieceShare | undefined, pieceIndex: number): boolean {
  return share === undefined || share.classes.includes(pieceIndex % share.of);
}

/** True when both shares have the same `of` and the same classes; `undefined` stands for every piece. */
export function isSameShare(one: PieceShare | undefined, other: PieceShare | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  if (one.of !== other.of || one.classes.length !== other.classes.length) return false;
  return one.classes.every((pieceClass, at) => pieceClass === other.classes[at]);
}

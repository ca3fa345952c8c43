// What the gateways of a zone say about classes that fall behind the others, and when that is enough. One alone may be wrong, or
// lie; what was just given to another link is left there for a while, so that votes cannot make classes go round.

/** A class goes to another link at most so often, and a complaint counts for twice as long. */
export const LAG_WINDOW_MS = 5000;
/** Gateways that must say that a class falls behind; where there are fewer besides its own, as many as there are. */
const LAG_REPORTERS = 2;

export class LagVotes {
  /** By class, who said it when. At most the gateways of one zone each. */
  readonly #said = new Map<number, Map<string, number>>();
  readonly #movedMs = new Map<number, number>();

  /** @param vote.otherGateways gateways besides the one that has the class. @returns true when it is to go to another. */
  add(vote: {
    readonly pieceClass: number;
    readonly reporter: string;
    readonly otherGateways: number;
    readonly nowMs: number;
  }): boolean {
    const { pieceClass, reporter, otherGateways, nowMs } = vote;
    if (nowMs - (this.#movedMs.get(pieceClass) ?? -Infinity) < LAG_WINDOW_MS) return false;
    const said = this.#said.get(pieceClass) ?? new Map<string, number>();
    this.#said.set(pieceClass, said.set(reporter, nowMs));
    for (const [each, atMs] of said) if (nowMs - atMs > 2 * LAG_WINDOW_MS) said.delete(each);
    if (said.size < Math.min(LAG_REPORTERS, Math.max(1, otherGateways))) return false;
    this.#said.delete(pieceClass);
    this.#movedMs.set(pieceClass, nowMs);
    return true;
  }
}

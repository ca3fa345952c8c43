// How a node that has a blob whole gives it out: every piece once, lowest first, before it gives any piece twice. Nodes keep a credit
// open ("send me anything"); credits are served in the order they came, so a slow node, whose credits come late, gets
// few of the pieces that only it would have. This takes a third off the time of a fleet against plain serving.
//
// Who comes while others have pieces already gets the first piece of the blob first, whoever has that: a client there waits for it,
// and would wait until a neighbour is reached that has it and is free. All who come later cost one piece each.

import { PieceSet } from './piece-set.ts';

/** After the first pass a piece is given again while at most so many nodes of ours have it: one holder may be dying. */
const MAX_HOLDERS = 4;
/** Copies of the blob given out by credit at most; lost pieces are then asked for by number. */
const MAX_COPIES = 1.3;
/** Nodes up to which two credits each are of use, since fewer leave the link idle between credits; above it is one. */
const FEW_NODES = 16;

export interface HandOutOptions {
  readonly pieceCount: number;
  /** Default `MAX_HOLDERS`. */
  readonly maxHolders?: number;
  /** Default `MAX_COPIES`. */
  readonly maxCopies?: number;
  /** Default `FEW_NODES`. */
  readonly fewNodes?: number;
}

/**
 * Pieces that a node sends by its own choice at a time, over all blobs. A member gets pieces of eight neighbours besides, so that each
 * place is a ninth of its link: eight of them leave a ninth of an uplink of that size idle, and everybody waits for what comes
 * through it. More than ten delay the first copy of each piece.
 */
export const HAND_OUT_PLACES = 10;

/** Bytes kept on the way to a lone node, which has nobody else to get pieces from; further pieces wait for its next credit. */
const LONE_NODE_BYTES = 8 * 1024 * 1024;

/** Credits a node may keep open. @param nodeCount nodes that download this blob from us now. */
export function creditLimit(swarm: {
  readonly nodeCount: number;
  readonly pieceBytes: number;
  readonly fewNodes?: number;
}): number {
  if (swarm.nodeCount <= 1) return Math.max(2, Math.ceil(LONE_NODE_BYTES / swarm.pieceBytes));
  return swarm.nodeCount <= (swarm.fewNodes ?? FEW_NODES) ? 2 : 1;
}

/** Above the number of holders that a scarce piece has. */
const RANK_STEP = 1024;

interface HandOutNode {
  readonly has: PieceSet;
  /** Given to it and not announced by it yet. */
  readonly onTheWay: PieceSet;
  /** Given to it and not taken: it may be slow, or have them from elsewhere. They are not for it while others ask. */
  readonly notTaken: PieceSet;
  openCredits: number;
  /** It came when others had pieces already, and nothing was given to it yet. */
  isNewcomer: boolean;
}

/** One blob's hand-out among the nodes linked to this one. Lives while any of them downloads it. */
export class PieceHandOut {
  readonly #maxHolders: number;
  readonly #maxGiven: number;
  readonly #nodes = new Map<number, HandOutNode>();
  readonly #queue: number[] = [];
  readonly #unsent: PieceSet;
  readonly #holderCounts: Uint16Array;
  /** Nodes that each piece is on the way to. */
  readonly #onTheWayCounts: Uint16Array;
  /** Pieces with at most `maxHolders` holders. */
  readonly #scarce: PieceSet;
  #givenCount = 0;
  /** Some node told that it has a piece. */
  #isUnderWay = false;

  constructor(options: HandOutOptions) {
    this.#maxHolders = options.maxHolders ?? MAX_HOLDERS;
    this.#maxGiven = Math.floor(options.pieceCount * (options.maxCopies ?? MAX_COPIES));
    this.#unsent = PieceSet.full(options.pieceCount);
    this.#scarce = PieceSet.full(options.pieceCount);
    this.#holderCounts = new Uint16Array(options.pieceCount);
    this.#onTheWayCounts = new Uint16Array(options.pieceCount);
  }

  /** Every piece was given once. */
  get isPassOver(): boolean {
    return this.#unsent.count === 0;
  }

  /** Nodes that are here and not complete. */
  get nodeCount(): number {
    let count = 0;
    for (const node of this.#nodes.values()) if (!node.has.isComplete) count += 1;
    return count;
  }

  get givenCount(): number {
    return this.#givenCount;
  }

  nodeJoined(id: number): void {
    const { length } = this.#unsent;
    const none = (): PieceSet => new PieceSet(length);
    const isNewcomer = this.#isUnderWay;
    this.#nodes.set(id, { has: none(), onTheWay: none(), notTaken: none(), openCredits: 0, isNewcomer });
  }

  nodeLeft(id: number): void {
    const node = this.#nodes.get(id);
    if (node === undefined) return;
    this.#nodes.delete(id);
    for (let piece = node.has.next(0); piece >= 0; piece = node.has.next(piece + 1)) this.#holderLost(piece);
    const { onTheWay } = node;
    for (let piece = onTheWay.next(0); piece >= 0; piece = onTheWay.next(piece + 1)) this.#arrived(node, piece);
    for (let at = this.#queue.indexOf(id); at >= 0; at = this.#queue.indexOf(id)) this.#queue.splice(at, 1);
  }

  nodeHas(id: number, piece: number): void {
    const node = this.#nodes.get(id);
    if (node === undefined || !node.has.add(piece)) return;
    this.#arrived(node, piece);
    this.#isUnderWay = true;
    const count = (this.#holderCounts[piece] ?? 0) + 1;
    this.#holderCounts[piece] = count;
    if (count > this.#maxHolders) {
      this.#scarce.remove(piece);
      // So many have it from elsewhere that it needs no first copy from here.
      this.#unsent.remove(piece);
    }
  }

  /** A node asks for any piece. @returns false when it has more credits open than any node may. */
  creditAsked(id: number, limit: number): boolean {
    const node = this.#nodes.get(id);
    if (node === undefined || node.openCredits >= limit) return false;
    node.openCredits += 1;
    this.#queue.push(id);
    return true;
  }

  /** A piece that was given did not go out, so that it must be given again: to another, if any asks. */
  giveFailed(id: number, piece: number): void {
    this.refused(id, piece);
    if ((this.#holderCounts[piece] ?? 0) === 0) this.#unsent.add(piece);
  }

  /** A node does not take a piece that went out to it: after the first pass it may get it again. It may as well have it and not say so. */
  refused(id: number, piece: number): void {
    const node = this.#nodes.get(id);
    this.#arrived(node, piece);
    node?.notTaken.add(piece);
  }

  /**
   * The next piece to send and to whom; undefined while no open credit can be served.
   * @param mayServe which nodes; left out for all.
   */
  next(
    mayServe: (node: number) => boolean = () => true,
  ): { readonly node: number; readonly pieceIndex: number } | undefined {
    for (let at = 0; at < this.#queue.length; at += 1) {
      const id = this.#queue[at];
      const node = id === undefined ? undefined : this.#nodes.get(id);
      if (id === undefined || node === undefined || !mayServe(id)) continue;
      const isNotFor = (piece: number): boolean =>
        node.has.has(piece) || (node.notTaken.has(piece) && this.#isAskedByAnother(piece, id));
      const pieceIndex = this.#pieceFor(node, isNotFor);
      if (pieceIndex < 0) continue;
      this.#queue.splice(at, 1);
      node.openCredits -= 1;
      node.isNewcomer = false;
      if (node.onTheWay.add(pieceIndex)) this.#onTheWayCounts[pieceIndex] = this.#onTheWayCount(pieceIndex) + 1;
      this.#unsent.remove(pieceIndex);
      this.#givenCount += 1;
      return { node: id, pieceIndex };
    }
    return undefined;
  }

  /** @param isNotFor pieces that this node is not to get. */
  #pieceFor(node: HandOutNode, isNotFor: (piece: number) => boolean): number {
    if (node.isNewcomer && node.has.count === 0 && this.#givenCount < this.#maxGiven && !isNotFor(0)) return 0;
    for (let piece = this.#unsent.next(0); piece >= 0; piece = this.#unsent.next(piece + 1)) {
      if (!isNotFor(piece)) return piece;
    }
    if (!this.isPassOver || this.#givenCount >= this.#maxGiven) return -1;
    return this.#scarcestFor((piece) => isNotFor(piece) || node.onTheWay.has(piece));
  }

  /**
   * What fewest nodes have or are about to have, of those what fewest have, then the lowest: pieces that were lost with their first
   * holders go to one node each, and not all of them to everybody who asks.
   */
  #scarcestFor(isNotFor: (piece: number) => boolean): number {
    let best = -1;
    let bestRank = Infinity;
    for (let piece = this.#scarce.next(0); piece >= 0; piece = this.#scarce.next(piece + 1)) {
      const holders = this.#holderCounts[piece] ?? 0;
      const rank = (holders + this.#onTheWayCount(piece)) * RANK_STEP + holders;
      if (rank >= bestRank || isNotFor(piece)) continue;
      best = piece;
      bestRank = rank;
    }
    return best;
  }

  /** Some other node that asks has no objection to a piece. */
  #isAskedByAnother(piece: number, id: number): boolean {
    return this.#queue.some((other) => {
      const node = other === id ? undefined : this.#nodes.get(other);
      return node !== undefined && ![node.has, node.onTheWay, node.notTaken].some((pieces) => pieces.has(piece));
    });
  }

  #onTheWayCount(piece: number): number {
    return this.#onTheWayCounts[piece] ?? 0;
  }

  /** A piece is not on the way to a node any more. */
  #arrived(node: HandOutNode | undefined, piece: number): void {
    if (node?.onTheWay.remove(piece) === true) this.#onTheWayCounts[piece] = this.#onTheWayCount(piece) - 1;
  }

  #holderLost(piece: number): void {
    const count = (this.#holderCounts[piece] ?? 1) - 1;
    this.#holderCounts[piece] = count;
    if (count <= this.#maxHolders) this.#scarce.add(piece);
  }
}

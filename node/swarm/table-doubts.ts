// The piece tables that one download no longer trusts. A node of the fleet may have told the coordinator a wrong one: then every honest
// holder seems to send wrong pieces, or all pieces fit the table and the whole blob has another digest.
//
//   suspect     several holders "sent wrong pieces", and more of those who have the blob say that it is cut otherwise
//   disproved   the whole that it makes up has another digest

import { isSameTable, type PieceTable } from '../../shared/pieces/piece-table.ts';

/** The piece table that one node gave for a blob. */
export interface TableOpinion {
  readonly peer: { readonly isOrigin: boolean };
  readonly table: PieceTable;
}

/** Tables remembered per download; a download that met more wrong ones takes what the coordinator says. */
const MAX_DOUBTS = 16;

export class TableDoubts {
  readonly #doubted: Array<{ readonly table: PieceTable; readonly isDisproved: boolean }> = [];
  /** The suspected table that is used all the same, since nobody within reach gave another. */
  #accepted: PieceTable | undefined;

  suspect(table: PieceTable): void {
    this.#add(table, false);
  }

  disprove(table: PieceTable): void {
    this.#add(table, true);
  }

  /** Uses a suspected table to the end, since nobody gave another. */
  accept(table: PieceTable): void {
    this.#accepted = table;
  }

  has(table: PieceTable): boolean {
    if (this.isDisproved(table)) return true;
    if (this.#accepted !== undefined && isSameTable(this.#accepted, table)) return false;
    return this.#doubted.some((each) => isSameTable(each.table, table));
  }

  isDisproved(table: PieceTable): boolean {
    return this.#doubted.some((each) => each.isDisproved && isSameTable(each.table, table));
  }

  /** True when those who have the blob know better: an origin says otherwise, or more nodes do than agree. */
  isOutvoted(table: PieceTable, opinions: readonly TableOpinion[]): boolean {
    if (this.#accepted !== undefined && isSameTable(this.#accepted, table)) return false;
    const agreeing = opinions.filter((each) => isSameTable(each.table, table));
    const others = opinions.filter((each) => !isSameTable(each.table, table) && !this.isDisproved(each.table));
    const hasOrigin = (some: readonly TableOpinion[]): boolean => some.some(({ peer }) => peer.isOrigin);
    if (hasOrigin(others) !== hasOrigin(agreeing)) return hasOrigin(others);
    return others.length > agreeing.length;
  }

  #add(table: PieceTable, isDisproved: boolean): void {
    if (this.#doubted.length < MAX_DOUBTS) this.#doubted.push({ table, isDisproved });
  }
}

// Tells the coordinator the hashes of the pieces of a blob that this host fetches, as they come.

import type { Digest } from '../../shared/oci/digest.ts';
import type { ProvisionalTable } from '../../shared/pieces/provisional-table.ts';
import { MAX_TOLD_PIECES } from '../../shared/protocol/cache-methods.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';

/** How often a host with nothing new to say reminds the coordinator, which gives its turn to another after three times that. */
export const REMIND_MS = 5_000;
/** A smaller blob is over before anybody could read it along; the others wait until it is whole. */
const MIN_SHARED_BYTES = 512 * 1024;
/** Unless it takes so long: then the others hear of it, and know that it comes. */
const SMALL_SHARED_AFTER_MS = 5_000;

export class PieceTeller {
  readonly #deps: { readonly clock: Clock; readonly link: CoordinatorLink };
  readonly #about: { readonly digest: Digest; readonly fetchId: string; readonly repository: string };
  readonly #begunMs: number;
  #toldMs = Number.NEGATIVE_INFINITY;
  #toldPieces = 0;
  /** It wants no more at the moment: another has the turn, or there is no room for more hashes. */
  #isRefused = false;

  constructor(
    deps: { readonly clock: Clock; readonly link: CoordinatorLink },
    about: { readonly digest: Digest; readonly fetchId: string; readonly repository: string },
  ) {
    this.#deps = deps;
    this.#begunMs = deps.clock.nowMs();
    this.#about = about;
  }

  /** The coordinator knows the first pieces already. */
  skip(pieces: number): void {
    this.#toldPieces = pieces;
  }

  /** Whether the others are to hear of the pieces of a blob of this size, and not only that it is fetched. */
  isWorthTelling(sizeBytes: number): boolean {
    return sizeBytes >= MIN_SHARED_BYTES || this.#deps.clock.nowMs() - this.#begunMs >= SMALL_SHARED_AFTER_MS;
  }

  /** Says that this host still fetches, when it is time to. */
  async remind(signal: AbortSignal): Promise<void> {
    const { clock, link } = this.#deps;
    if (!this.#isDue) return;
    await link.call('cache.lease', { digest: this.#about.digest }, signal);
    this.#toldMs = clock.nowMs();
  }

  /** Says what is new, as much as a message takes. @returns true when there is more. */
  async tell(table: ProvisionalTable, signal: AbortSignal): Promise<boolean> {
    const hasNews = !this.#isRefused && table.knownPieces !== this.#toldPieces;
    return (hasNews || this.#isDue) && this.#offer(table, signal);
  }

  /** Says all that is left. */
  async tellRest(table: ProvisionalTable, signal: AbortSignal): Promise<void> {
    while (await this.#offer(table, signal)); // each says as much as a message takes
  }

  async #offer(table: ProvisionalTable, signal: AbortSignal): Promise<boolean> {
    const { clock, link } = this.#deps;
    const firstPiece = this.#toldPieces;
    const hashes = table.hashes(firstPiece, MAX_TOLD_PIECES).slice();
    const offer = { ...this.#about, sizeBytes: table.sizeBytes, firstPiece, hashes };
    const { knownPieces } = await link.call('cache.offer', offer, signal);
    this.#toldMs = clock.nowMs();
    this.#isRefused = knownPieces === firstPiece && hashes.byteLength > 0;
    this.#toldPieces = Math.min(knownPieces, table.knownPieces);
    return !this.#isRefused && this.#toldPieces < table.knownPieces;
  }

  get #isDue(): boolean {
    return this.#deps.clock.nowMs() - this.#toldMs >= REMIND_MS;
  }
}

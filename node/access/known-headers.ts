// `Authorization` headers that logged in a moment ago. A client sends the same one with each of its requests; taking it apart and
// hashing it each time costs as much as a tenth of a manifest request.
//
// A header is compared as it is: looking it up tells by its time whether the seeded hash of a guess meets that of a header that
// is here, which no guesser can bring about a step at a time.

import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { Account, Accounts } from './accounts.ts';

/** How long a header is known, and kept: passwords are in the clear in it, so they stay for less long than hashes do. */
const KNOW_MS = 10_000;
/** Headers known, the oldest goes first: the clients of one host that are busy at a time. */
const MAX_HEADERS = 256;
/** Longest header that is kept; a longer one is looked at anew each time. A name and a password of the greatest length that count fit. */
const MAX_HEADER_CHARS = 1024;

/** Dispose it to forget them all. */
export class KnownHeaders implements Disposable {
  readonly #deps: { readonly accounts: Pick<Accounts, 'findAtOnce'>; readonly clock: Clock };
  readonly #headers = new Map<string, { readonly account: Account; readonly untilMs: number }>();
  #forgetting: Scheduled | undefined;
  #isClosed = false;

  constructor(deps: { readonly accounts: Pick<Accounts, 'findAtOnce'>; readonly clock: Clock }) {
    this.#deps = deps;
  }

  /** How many are kept. */
  get size(): number {
    return this.#headers.size;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#forgetting?.cancel();
    this.#headers.clear();
  }

  /** The account that a header logged in; undefined when it has to be looked at, for whatever reason. */
  accountOf(header: string | undefined): Account | undefined {
    const known = header === undefined ? undefined : this.#headers.get(header);
    if (known === undefined || known.untilMs <= this.#deps.clock.nowMs()) return undefined;
    const { account } = known;
    return this.#deps.accounts.findAtOnce(account.name)?.version === account.version ? account : undefined;
  }

  /** After its password was found right. */
  remember(header: string, account: Account): void {
    if (header.length > MAX_HEADER_CHARS || this.#isClosed) return;
    this.#headers.delete(header);
    this.#forgetOld();
    const [oldest] = this.#headers.keys();
    if (this.#headers.size >= MAX_HEADERS && oldest !== undefined) this.#headers.delete(oldest);
    this.#headers.set(header, { account, untilMs: this.#deps.clock.nowMs() + KNOW_MS });
    this.#forgetLater();
  }

  /** In the order of their time: those that ran out are the first. */
  #forgetOld(): void {
    const nowMs = this.#deps.clock.nowMs();
    for (const [header, { untilMs }] of this.#headers) {
      if (untilMs > nowMs) return;
      this.#headers.delete(header);
    }
  }

  #forgetLater(): void {
    const [first] = this.#headers.values();
    if (first === undefined || this.#forgetting !== undefined) return;
    this.#forgetting = this.#deps.clock.schedule(first.untilMs - this.#deps.clock.nowMs(), () => {
      this.#forgetting = undefined;
      this.#forgetOld();
      this.#forgetLater();
    });
  }
}

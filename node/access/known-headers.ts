// `Authorization` headers that logged in a moment ago. A client sends the same one with each of its requests, and what it says
// need not be taken apart each time.
//
// Kept is a salted hash of each, so that no password stays in memory, and so that looking one up tells by its time nothing of another.

import { hash, randomBytes } from 'node:crypto';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Account, Accounts } from './accounts.ts';

/** How long a header is known without a look at the name and the password in it. */
const KNOW_MS = 10_000;
/** Headers known, the oldest goes first: the clients of one host that are busy at a time. */
const MAX_HEADERS = 256;
/** Longest header that is kept; a longer one is looked at anew each time. A name and a password of the greatest length that count fit. */
const MAX_HEADER_CHARS = 1024;

export class KnownHeaders {
  readonly #deps: { readonly accounts: Pick<Accounts, 'findAtOnce'>; readonly clock: Clock };
  /** Of this process: what is kept is worth nothing elsewhere. */
  readonly #salt = randomBytes(16).toString('base64');
  /** By the hash of the header. */
  readonly #headers = new Map<string, { readonly account: Account; readonly untilMs: number }>();

  constructor(deps: { readonly accounts: Pick<Accounts, 'findAtOnce'>; readonly clock: Clock }) {
    this.#deps = deps;
  }

  /** The account that a header logged in; undefined when it has to be looked at, for whatever reason. */
  accountOf(header: string | undefined): Account | undefined {
    if (header === undefined || this.#headers.size === 0 || header.length > MAX_HEADER_CHARS) return undefined;
    const known = this.#headers.get(this.#keyOf(header));
    if (known === undefined || known.untilMs <= this.#deps.clock.nowMs()) return undefined;
    const { account } = known;
    return this.#deps.accounts.findAtOnce(account.name)?.version === account.version ? account : undefined;
  }

  /** After its password was found right. */
  remember(header: string, account: Account): void {
    if (header.length > MAX_HEADER_CHARS) return;
    const nowMs = this.#deps.clock.nowMs();
    const key = this.#keyOf(header);
    this.#headers.delete(key);
    // In the order of their time: those that ran out are the first.
    for (const [oldest, { untilMs }] of this.#headers) {
      if (untilMs > nowMs && this.#headers.size < MAX_HEADERS) break;
      this.#headers.delete(oldest);
    }
    this.#headers.set(key, { account, untilMs: nowMs + KNOW_MS });
  }

  #keyOf(header: string): string {
    return hash('sha256', `${this.#salt}${header}`, 'base64');
  }
}

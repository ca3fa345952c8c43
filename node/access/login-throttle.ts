// Slows down who guesses passwords. Pure but for what it remembers.
//
// Per client address and user: five wrong passwords cost nothing, each further one doubles the wait, from a second to a minute.
// Of an IPv6 address its network of 64 bits counts, since whoever has one has all of its addresses (RFC 6177).
// So a fleet behind one address is not locked out by one host with an old password, and nobody can lock out somebody else.

import { isIPv6 } from 'node:net';

interface Failures {
  readonly count: number;
  readonly untilMs: number;
  readonly lastMs: number;
}

export interface Attempt {
  readonly user: string;
  readonly clientAddress: string;
}

/** Wrong passwords that cost nothing: people mistype. */
const FREE_FAILURES = 5;
/** The wait after the first failure too many; it doubles with each. */
const FIRST_WAIT_MS = 1000;
/** The longest wait: somebody who mistyped is not locked out for an evening, and a guesser gets 1,440 tries a day. */
const MAX_WAIT_MS = 60_000;
/** Failures are forgotten after so long without another. */
const FORGET_MS = 15 * 60_000;
/** Pairs remembered; the one that failed longest ago goes first. */
const MAX_PAIRS = 10_000;
/** Parts of an IPv6 address, 16 bits each, that count as one guesser: the smallest network that is given to anybody. */
const NETWORK_GROUPS = 4;

export class LoginThrottle {
  readonly #failures = new Map<string, Failures>();

  /** Milliseconds until the next password may come; 0: now. */
  waitMs(attempt: Attempt, nowMs: number): number {
    const failures = this.#failures.get(keyOf(attempt));
    return failures === undefined ? 0 : Math.max(0, failures.untilMs - nowMs);
  }

  failed(attempt: Attempt, nowMs: number): void {
    const key = keyOf(attempt);
    const before = this.#failures.get(key);
    const count = before === undefined || nowMs - before.lastMs > FORGET_MS ? 1 : before.count + 1;
    const waits = Math.max(0, count - FREE_FAILURES);
    const waitMs = waits === 0 ? 0 : Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (waits - 1));
    this.#failures.delete(key);
    this.#failures.set(key, { count, untilMs: nowMs + waitMs, lastMs: nowMs });
    const oldest = this.#failures.size > MAX_PAIRS ? this.#failures.keys().next().value : undefined;
    if (oldest !== undefined) this.#failures.delete(oldest);
  }

  succeeded(attempt: Attempt): void {
    this.#failures.delete(keyOf(attempt));
  }
}

function keyOf({ user, clientAddress }: Attempt): string {
  return `${networkOf(clientAddress)} ${user}`;
}

/** An IPv4 address stays itself, however it is written. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail = ''] = address.replace(/%.*$/, '').split('::');
  const first = groupsOf(head);
  const last = groupsOf(tail);
  const groups = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => '0'), ...last];
  return groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

function groupsOf(half: string): string[] {
  return half === '' ? [] : half.split(':');
}

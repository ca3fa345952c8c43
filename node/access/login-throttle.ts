// Slows down who guesses passwords. Pure but for what it remembers.
//
// Per client address and user: five wrong passwords cost nothing, each further one doubles the wait, from a second to a minute.
// Of an IPv6 address its network of 64 bits counts, since whoever has one has all of its addresses (RFC 6177).
// So a fleet behind one address is not locked out by one host with an old password, and nobody can lock out somebody else.
//
// Where a proxy is believed, whoever reaches us past it can claim a new address with each guess. So wrong passwords for a user count
// for whoever connected, too: a hundred cost nothing there, unless somebody logs in rightly in between.

import { isIPv6 } from 'node:net';

interface Failures {
  readonly count: number;
  readonly untilMs: number;
  readonly lastMs: number;
}

export interface Attempt {
  readonly user: string;
  readonly clientAddress: string;
  /** Who connected: the same, or a proxy by whose word it comes from there. */
  readonly peerAddress: string;
}

/** Wrong passwords that cost nothing: people mistype. */
const FREE_FAILURES = 5;
/** Wrong passwords for one user that cost nothing when they come through one proxy, from whatever addresses: some hosts that nobody gave the new password yet. */
const FREE_FAILURES_OF_PROXY = 100;
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
    const untilMs = countsOf(attempt).map(({ key }) => this.#failures.get(key)?.untilMs ?? 0);
    return Math.max(0, ...untilMs.map((until) => until - nowMs));
  }

  failed(attempt: Attempt, nowMs: number): void {
    for (const count of countsOf(attempt)) this.#count(count, nowMs);
  }

  #count({ key, free }: Count, nowMs: number): void {
    const before = this.#failures.get(key);
    const count = before === undefined || nowMs - before.lastMs > FORGET_MS ? 1 : before.count + 1;
    const waits = Math.max(0, count - free);
    const waitMs = waits === 0 ? 0 : Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (waits - 1));
    this.#failures.delete(key);
    this.#failures.set(key, { count, untilMs: nowMs + waitMs, lastMs: nowMs });
    const oldest = this.#failures.size > MAX_PAIRS ? this.#failures.keys().next().value : undefined;
    if (oldest !== undefined) this.#failures.delete(oldest);
  }

  succeeded(attempt: Attempt): void {
    for (const { key } of countsOf(attempt)) this.#failures.delete(key);
  }
}

/** What a failure is counted for. */
interface Count {
  readonly key: string;
  /** So many cost nothing. */
  readonly free: number;
}

function countsOf({ user, clientAddress, peerAddress }: Attempt): readonly Count[] {
  const [client, peer] = [networkOf(clientAddress), networkOf(peerAddress)];
  const own = { key: `${client} ${user}`, free: FREE_FAILURES };
  // No address has a blank in it, so that no user's name makes one key look like the other.
  return client === peer ? [own] : [own, { key: `through ${peer} ${user}`, free: FREE_FAILURES_OF_PROXY }];
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

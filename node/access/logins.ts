// Logins: a password that was right a moment ago is not computed again, one that is guessed at is slowed down.

import { hash, randomBytes } from 'node:crypto';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { CounterMetric, Metrics } from '../../shared/runtime/metrics.ts';
import type { Account, Accounts } from './accounts.ts';
import { KnownHeaders } from './known-headers.ts';
import { type Attempt, LoginThrottle } from './login-throttle.ts';

/** How long a right password is remembered; a changed one counts at once, since the account's version is asked for. */
const REMEMBER_MS = 5 * 60_000;
/** Logins remembered, the oldest goes first. */
const MAX_REMEMBERED = 10_000;

const REMEMBERED = { result: 'remembered' };

/** A name and a password as they came. */
interface Login {
  readonly user: string;
  readonly password: string;
}

/** Where they came from. Asked for by a login that is not remembered: finding it out costs more than remembering does. */
export type LoginSource = Pick<Attempt, 'clientAddress' | 'peerAddress'>;

interface Remembered {
  readonly version: string;
  readonly untilMs: number;
}

/** The metric of logins; there also where nobody logs in, so that a page of metrics does not depend on settings. */
export function loginCounter(metrics: Metrics): CounterMetric {
  return metrics.counter({
    name: 'shoal_access_logins_total',
    help: 'Passwords that came, by result: right (computed), remembered, wrong, slowed.',
    labels: ['result'],
  });
}

/** Dispose it to forget what came in the clear. */
export class Logins implements Disposable {
  readonly #accounts: Accounts;
  readonly #clock: Clock;
  readonly #headers: KnownHeaders;
  readonly #throttle: LoginThrottle;
  readonly #results: CounterMetric;
  /** Of this process: what is remembered is worth nothing elsewhere. */
  readonly #salt = randomBytes(32).toString('base64');
  readonly #remembered = new Map<string, Remembered>();
  readonly #running = new Map<string, Promise<Account | undefined>>();

  constructor(deps: { readonly accounts: Accounts; readonly clock: Clock; readonly results: CounterMetric }) {
    this.#accounts = deps.accounts;
    this.#clock = deps.clock;
    this.#headers = new KnownHeaders(deps);
    this.#throttle = new LoginThrottle();
    this.#results = deps.results;
  }

  [Symbol.dispose](): void {
    this.#headers[Symbol.dispose]();
  }

  /** Whose header it is, told without waiting; undefined for one that did not log in a moment ago. */
  recognise(header: string | undefined): Account | undefined {
    const account = this.#headers.accountOf(header);
    if (account !== undefined) this.#results.add(1, REMEMBERED);
    return account;
  }

  /** As `verify`, for a name and a password that came in an `Authorization` header, which is recognised from then on. */
  async verifyHeader(header: string, login: Login, source: LoginSource): Promise<Account | undefined> {
    const account = await this.verify(login, source);
    if (account !== undefined) this.#headers.remember(header, account);
    return account;
  }

  /**
   * @returns undefined for a wrong name or password.
   * @throws {AppError} `too_many_requests` after too many wrong ones.
   */
  async verify({ user, password }: Login, source: LoginSource): Promise<Account | undefined> {
    // In one go: an object for each hash would double the work of the garbage collector.
    const key = hash('sha256', `${this.#salt}${user.length}:${user}:${password}`, 'base64');
    const known = this.#remembered.get(key);
    if (known !== undefined && known.untilMs > this.#clock.nowMs()) {
      const account = await this.#accounts.find(user);
      if (account?.version === known.version) {
        this.#results.add(1, REMEMBERED);
        return account;
      }
    }
    const { clientAddress, peerAddress } = source;
    const attempt: Attempt = { user, clientAddress, peerAddress };
    if (!this.#running.has(key)) this.#admit(attempt);
    const account = await this.#compute(key, { user, password });
    this.#results.add(1, { result: account === undefined ? 'wrong' : 'right' });
    if (account !== undefined) this.#throttle.succeeded(attempt);
    return account;
  }

  /** Counts the attempt as a failure until it has succeeded, or many guesses at once would all be free. */
  #admit(attempt: Attempt): void {
    const nowMs = this.#clock.nowMs();
    const waitMs = this.#throttle.waitMs(attempt, nowMs);
    if (waitMs > 0) {
      this.#results.add(1, { result: 'slowed' });
      throw new AppError('too_many_requests', 'too many wrong passwords; wait a moment before the next', {
        detail: { retryAfterSeconds: Math.ceil(waitMs / 1000) },
      });
    }
    this.#throttle.failed(attempt, nowMs);
  }

  /** The same password that comes many times at once is computed once. */
  #compute(key: string, { user, password }: Login): Promise<Account | undefined> {
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const started = this.#accounts
      .verify(user, password)
      .then((account) => {
        if (account !== undefined) this.#remember(key, account);
        return account;
      })
      .finally(() => this.#running.delete(key));
    this.#running.set(key, started);
    return started;
  }

  #remember(key: string, { version }: Account): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, { version, untilMs: this.#clock.nowMs() + REMEMBER_MS });
    const oldest = this.#remembered.size > MAX_REMEMBERED ? this.#remembered.keys().next().value : undefined;
    if (oldest !== undefined) this.#remembered.delete(oldest);
  }
}

// Logins: a password that was right a moment ago is not computed again, one that is guessed at is slowed down.

import { hash, randomBytes } from 'node:crypto';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { CounterMetric, Metrics } from '../../shared/runtime/metrics.ts';
import type { Account, Accounts } from './accounts.ts';
import { type Attempt, LoginThrottle } from './login-throttle.ts';

/** How long a right password is remembered; a changed one counts at once, since the account's version is asked for. */
const REMEMBER_MS = 5 * 60_000;
/** Logins remembered, the oldest goes first. */
const MAX_REMEMBERED = 10_000;

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

export class Logins {
  readonly #accounts: Accounts;
  readonly #clock: Clock;
  readonly #throttle: LoginThrottle;
  readonly #results: CounterMetric;
  /** Of this process: what is remembered is worth nothing elsewhere. */
  readonly #salt = randomBytes(32).toString('base64');
  readonly #remembered = new Map<string, Remembered>();
  readonly #running = new Map<string, Promise<Account | undefined>>();

  constructor(deps: { readonly accounts: Accounts; readonly clock: Clock; readonly results: CounterMetric }) {
    this.#accounts = deps.accounts;
    this.#clock = deps.clock;
    this.#throttle = new LoginThrottle();
    this.#results = deps.results;
  }

  /**
   * @param clientAddress where it comes from.
   * @returns undefined for a wrong name or password.
   * @throws {AppError} `too_many_requests` after too many wrong ones.
   */
  async verify(login: {
    readonly user: string;
    readonly password: string;
    readonly clientAddress: string;
  }): Promise<Account | undefined> {
    const { user, password } = login;
    // In one go: an object for each hash would double the work of the garbage collector.
    const key = hash('sha256', `${this.#salt}${user.length}:${user}:${password}`, 'base64');
    const known = this.#remembered.get(key);
    if (known !== undefined && known.untilMs > this.#clock.nowMs()) {
      const account = await this.#accounts.find(user);
      if (account?.version === known.version) {
        this.#results.add(1, { result: 'remembered' });
        return account;
      }
    }
    if (!this.#running.has(key)) this.#admit({ user, clientAddress: login.clientAddress });
    const account = await this.#compute(key, login);
    this.#results.add(1, { result: account === undefined ? 'wrong' : 'right' });
    if (account !== undefined) this.#throttle.succeeded({ user, clientAddress: login.clientAddress });
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
  #compute(
    key: string,
    { user, password }: { readonly user: string; readonly password: string },
  ): Promise<Account | undefined> {
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

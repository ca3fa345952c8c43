import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { Account, Accounts } from '../../../node/access/accounts.ts';
import { BasicPolicy } from '../../../node/access/basic-policy.ts';
import { KnownHeaders } from '../../../node/access/known-headers.ts';
import { loginCounter, Logins } from '../../../node/access/logins.ts';
import { parseGrant, Rights } from '../../../node/access/rights.ts';
import type { AccessNeed, Asker } from '../../../node/registry/access.ts';
import { type AppError, isAppError } from '../../../shared/runtime/errors.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Passwords in memory; counts how often one was computed. */
class MemoryAccounts implements Accounts {
  readonly passwords = new Map([['alice', 'secret']]);
  computed = 0;
  /** Whether telling how an account is now takes a look. */
  isLookDue = false;

  async verify(user: string, password: string): Promise<Account | undefined> {
    this.computed += 1;
    return this.passwords.get(user) === password ? this.#account(user) : undefined;
  }

  async find(user: string): Promise<Account | undefined> {
    return this.#account(user);
  }

  findAtOnce(user: string): Account | undefined {
    return this.isLookDue ? undefined : this.#account(user);
  }

  #account(name: string): Account | undefined {
    const password = this.passwords.get(name);
    return password === undefined ? undefined : { name, version: `of ${password}` };
  }
}

const PULL: readonly AccessNeed[] = [{ type: 'repository', repository: 'app', allOf: ['pull'] }];
const basic = (user: string, password: string): Asker => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  baseUrl: undefined,
  clientAddress: '192.0.2.1',
  peerAddress: '192.0.2.1',
});

let clock: FakeClock;
let accounts: MemoryAccounts;
let policy: BasicPolicy;
beforeEach(() => {
  clock = new FakeClock();
  accounts = new MemoryAccounts();
  const logins = new Logins({ accounts, clock, results: loginCounter(new Metrics()) });
  policy = new BasicPolicy({ logins, rights: new Rights([parseGrant('alice pull **')]) }, { realm: 'here' });
});

test('A header that logged in a moment ago is answered at once, without a promise', async () => {
  const first = policy.authorize(basic('alice', 'secret'), PULL);
  assert.ok(first instanceof Promise);
  assert.equal(await first, 'alice');

  assert.equal(policy.authorize(basic('alice', 'secret'), PULL), 'alice');
  assert.equal(accounts.computed, 1);
});

test('A header that is known gives no right that its user does not have', async () => {
  await policy.authorize(basic('alice', 'secret'), PULL);

  const push: readonly AccessNeed[] = [{ type: 'repository', repository: 'app', allOf: ['pull', 'push'] }];
  assert.throws(() => void policy.authorize(basic('alice', 'secret'), push), refused('access_denied'));
});

test('A known header counts no more from the moment its password is another or its user is gone', async () => {
  await policy.authorize(basic('alice', 'secret'), PULL);

  accounts.passwords.set('alice', 'changed');
  await assert.rejects(async () => policy.authorize(basic('alice', 'secret'), PULL), refused('credentials_required'));
  assert.equal(await policy.authorize(basic('alice', 'changed'), PULL), 'alice');

  accounts.passwords.delete('alice');
  await assert.rejects(async () => policy.authorize(basic('alice', 'changed'), PULL), refused('credentials_required'));
});

test('A known header is looked at anew when its account may be another one by now, and after ten seconds', async () => {
  await policy.authorize(basic('alice', 'secret'), PULL);

  accounts.isLookDue = true;
  assert.ok(policy.authorize(basic('alice', 'secret'), PULL) instanceof Promise);
  accounts.isLookDue = false;
  await clock.advance(10_000);
  const later = policy.authorize(basic('alice', 'secret'), PULL);
  assert.ok(later instanceof Promise);
  assert.equal(await later, 'alice');
  assert.equal(accounts.computed, 1); // its hash is remembered for longer
});

test('Headers are out of memory ten seconds after they came, and when the node closes, whether anybody logs in again or not', async () => {
  const headers = new KnownHeaders({ accounts, clock });
  const account = { name: 'alice', version: 'of secret' };
  headers.remember('Basic one', account);
  await clock.advance(6000);
  headers.remember('Basic two', account);
  await clock.advance(3999);
  assert.equal(headers.size, 2);
  await clock.advance(1);
  assert.equal(headers.size, 1);
  await clock.advance(6000);
  assert.equal(headers.size, 0);
  assert.equal(clock.pendingCount, 0, 'nothing is looked at while there is nothing');

  headers.remember('Basic three', account);
  headers[Symbol.dispose]();
  headers.remember('Basic four', account); // one that was being computed
  assert.equal(headers.size, 0);
  assert.equal(clock.pendingCount, 0);
});

test('A wrong password is remembered by no header, and is slowed down however often its user logs in rightly', async () => {
  await policy.authorize(basic('alice', 'secret'), PULL);
  const guess = async (word: string): Promise<unknown> => policy.authorize(basic('alice', word), PULL);

  for (let count = 0; count < 6; count += 1)
    await assert.rejects(guess(`guess ${count}`), refused('credentials_required'));
  await assert.rejects(guess('one more'), refused('too_many_requests'));
  assert.equal(policy.authorize(basic('alice', 'secret'), PULL), 'alice'); // who is in stays in
});

test('Of many users only the last are known by their headers, and all can log in', async () => {
  for (let index = 0; index < 300; index += 1) accounts.passwords.set(`user${index}`, 'secret');
  const anybody = new Rights([parseGrant('authenticated pull **')]);
  const logins = new Logins({ accounts, clock, results: loginCounter(new Metrics()) });
  const open = new BasicPolicy({ logins, rights: anybody }, { realm: 'here' });
  const ask = (index: number): unknown => open.authorize(basic(`user${index}`, 'secret'), PULL);
  for (let index = 0; index < 300; index += 1) assert.equal(await ask(index), `user${index}`);

  assert.equal(ask(299), 'user299');
  assert.equal(ask(44), 'user44'); // the last 256
  const first = ask(43);
  assert.ok(first instanceof Promise);
  assert.equal(await first, 'user43');
});

function refused(code: AppError['code']): (error: unknown) => boolean {
  return (error) => isAppError(error, code);
}

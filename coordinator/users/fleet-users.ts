// The users and robots of the fleet and their rights: made, changed and taken away, each in one transaction.

import { MAX_ACCOUNTS } from '../../shared/access/access-policy.ts';
import {
  checkedGlob,
  EVERYBODY,
  GRANTED_ACTIONS,
  isAccountName,
  MAX_GRANTS,
  parseActions,
  type GrantedAction,
} from '../../shared/access/grant.ts';
import { hashRobotSecret, makeRobotSecret } from '../../shared/access/robot-secret.ts';
import type {
  Account,
  FleetUserList,
  NewRobot,
  NewUser,
  Right,
  RightChange,
  RobotSecret,
} from '../../shared/protocol/users-api.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { nearest } from '../../shared/runtime/nearest.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { AccountChange, Administrator } from '../changes/account-change.ts';
import type { AccountRow } from '../database/account-table.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { GrantRow } from '../database/grant-table.ts';

/** Robots that ran out are still listed for so long, so that people find out why something stopped. */
const KEEP_EXPIRED_MS = 30 * 24 * 60 * 60 * 1000;

type Kind = AccountRow['kind'];

export interface FleetUsersDeps {
  /** Keeps who did it, in the same transaction. */
  readonly audit: Pick<AuditLog, 'addAccountChanges'>;
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly log: Logger;
  /** Is told after each change, so that nodes hear of it. */
  readonly onChange: () => void;
}

export class FleetUsers {
  readonly #deps: FleetUsersDeps;

  constructor(deps: FleetUsersDeps) {
    this.#deps = deps;
  }

  list(): FleetUserList {
    const { database } = this.#deps;
    return database.read('users', () => ({
      accounts: database.accounts.all().map((row) => this.#describe(row)),
      anonymous: this.#rightsOf('anonymous'),
      authenticated: this.#rightsOf('authenticated'),
    }));
  }

  /** @throws {AppError} `message_invalid` for a name or a right that cannot be, `precondition_failed` when the name is taken. */
  addUser({ name, passwordHash, right }: NewUser, by: Administrator): void {
    this.#change(by, added('user', name, right), () => {
      this.#insert({ name, kind: 'user', secretHash: passwordHash, expiresMs: null }, right);
    });
    this.#deps.log.info({ user: name }, 'made a user');
  }

  /** What was given out for the old one counts no more. @throws {AppError} `message_invalid` when there is no such user. */
  setPassword(name: string, passwordHash: string, by: Administrator): void {
    this.#change(by, [{ action: 'password', kind: 'user', account: name }], () => {
      this.#require(name, 'user');
      this.#deps.database.accounts.setSecret(name, passwordHash);
    });
    this.#deps.log.info({ user: name }, 'changed the password of a user');
  }

  /** Makes a robot; its secret is in the answer and nowhere else. @throws {AppError} as `addUser` */
  addRobot({ name, ttlMs, right }: NewRobot, by: Administrator): RobotSecret {
    const secret = makeRobotSecret();
    const expiresMs = this.#deps.clock.wallMs() + ttlMs;
    this.#change(by, added('robot', name, right), () => {
      this.#insert({ name, kind: 'robot', secretHash: hashRobotSecret(secret), expiresMs }, right);
    });
    this.#deps.log.info({ robot: name, expires: new Date(expiresMs).toISOString() }, 'made a robot');
    return { name, secret, expiresAtMs: expiresMs };
  }

  /** Takes somebody away, with the rights. @throws {AppError} `message_invalid` when there is no such user or robot. */
  remove(name: string, kind: Kind, by: Administrator): void {
    this.#change(by, [{ action: 'remove', kind, account: name }], () => {
      this.#require(name, kind);
      this.#drop(name);
    });
    this.#deps.log.info({ [kind]: name }, kind === 'user' ? 'removed a user' : 'removed a robot');
  }

  /** @returns the rights of `who` from now on. @throws {AppError} `message_invalid` for whom or what there is not. */
  changeRight({ change, who, right }: RightChange, by: Administrator): Right[] {
    const told: AccountChange = { action: change, kind: 'right', account: who, right };
    const rights = this.#change(by, [told], () => {
      if (!EVERYBODY.some((name) => name === who)) this.#require(who, undefined);
      if (change === 'grant') this.#grant(who, right);
      else this.#revoke(who, right);
      return this.#rightsOf(who);
    });
    const { actions, repositories } = right;
    this.#deps.log.info({ who, actions, repositories }, change === 'grant' ? 'gave a right' : 'took a right');
    return rights;
  }

  /** @param told what the audit log says of it. */
  #change<T>(by: Administrator, told: readonly AccountChange[], run: () => T): T {
    const { audit, database } = this.#deps;
    const result = database.change('users', () => {
      const changed = run();
      audit.addAccountChanges(told, by);
      return changed;
    });
    this.#deps.onChange();
    return result;
  }

  #insert(account: Omit<AccountRow, 'createdMs'>, right: Right | undefined): void {
    const { clock, database } = this.#deps;
    const { name } = account;
    if (!isAccountName(name)) {
      throw new AppError(
        'message_invalid',
        `"${name.slice(0, 80)}" cannot be a name: letters, digits, dots, dashes, underscores and @, 64 at most, and none of ${EVERYBODY.join(', ')}`,
      );
    }
    const nowMs = clock.wallMs();
    for (const expired of database.accounts.expiredBefore(nowMs - KEEP_EXPIRED_MS)) this.#drop(expired);
    const taken = database.accounts.find(name);
    if (taken !== undefined) throw new AppError('precondition_failed', `there is a ${taken.kind} ${name} already`);
    if (database.accounts.count() >= MAX_ACCOUNTS)
      throw new AppError('too_many_requests', `a fleet has at most ${MAX_ACCOUNTS} users and robots`);
    database.accounts.insert({ ...account, createdMs: nowMs });
    if (right !== undefined) this.#grant(name, right);
  }

  #drop(name: string): void {
    this.#deps.database.accounts.remove(name);
    this.#deps.database.grants.removeAll(name);
  }

  #grant(who: string, right: Right): void {
    const { grants } = this.#deps.database;
    const repositories = glob(right.repositories);
    const before = grants.find(who, repositories);
    if (before === undefined && grants.count() >= MAX_GRANTS)
      throw new AppError('too_many_requests', `a fleet has at most ${MAX_GRANTS} rights`);
    const had = before === undefined ? [] : actionsOf(before);
    grants.set({ who, repositories, actions: ordered([...had, ...right.actions]).join(',') });
  }

  #revoke(who: string, right: Right): void {
    const { grants } = this.#deps.database;
    const repositories = glob(right.repositories);
    const before = grants.find(who, repositories);
    if (before === undefined) return;
    const left = actionsOf(before).filter((action) => !right.actions.includes(action));
    if (left.length === 0) grants.remove(who, repositories);
    else grants.set({ who, repositories, actions: left.join(',') });
  }

  /** @throws {AppError} `message_invalid` with the name that may have been meant. */
  #require(name: string, kind: Kind | undefined): void {
    const { accounts } = this.#deps.database;
    const row = accounts.find(name);
    if (row !== undefined && (kind === undefined || row.kind === kind)) return;
    const what = kind ?? 'user or robot';
    if (row !== undefined)
      throw new AppError('message_invalid', `${name} is a ${row.kind}; the command for it is \`shoal ${row.kind}\``);
    const names = accounts.all().filter((each) => kind === undefined || each.kind === kind);
    const meant = nearest(
      name,
      names.map((each) => each.name),
    );
    const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
    throw new AppError('message_invalid', `there is no ${what} ${name.slice(0, 80)}${hint}`);
  }

  #rightsOf(who: string): Right[] {
    return this.#deps.database.grants.of(who).map(rightOf);
  }

  #describe(row: AccountRow): Account {
    const { name, kind, createdMs, expiresMs } = row;
    const expiry = expiresMs === null ? {} : { expiresAtMs: expiresMs };
    return { name, kind, createdAtMs: createdMs, ...expiry, rights: this.#rightsOf(name) };
  }
}

function added(kind: Kind, account: string, right: Right | undefined): AccountChange[] {
  const made: AccountChange = { action: 'add', kind, account };
  return right === undefined ? [made] : [made, { action: 'grant', kind: 'right', account, right }];
}

function rightOf(row: GrantRow): Right {
  return { actions: actionsOf(row), repositories: row.repositories };
}

function actionsOf({ actions }: GrantRow): GrantedAction[] {
  return [...parseActions(actions)];
}

function ordered(actions: readonly GrantedAction[]): readonly GrantedAction[] {
  return GRANTED_ACTIONS.filter((action) => actions.includes(action));
}

function glob(text: string): string {
  try {
    return checkedGlob(text);
  } catch (error) {
    if (isAppError(error, 'config_invalid')) throw new AppError('message_invalid', error.message);
    throw error;
  }
}

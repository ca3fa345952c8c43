// Logins of the users and robots of the fleet.

import { isRobotSecretOf, looksLikeRobotSecret } from '../../shared/access/robot-secret.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { AccessNeed, Action, Subject } from '../registry/access.ts';
import type { Account, Accounts } from './accounts.ts';
import type { FleetPolicy, KnownAccount } from './fleet-policy.ts';
import { DUMMY_HASH } from './password-hash.ts';
import type { RightsOfAll } from './rights.ts';

/** Of no robot. */
const NO_SECRET_HASH = '0'.repeat(64);

export interface FleetAccountsDeps {
  readonly bcrypt: { compare(password: string, hash: string): Promise<boolean> };
  readonly clock: Clock;
  readonly policy: Pick<FleetPolicy, 'current'>;
}

export class FleetAccounts implements Accounts {
  readonly #deps: FleetAccountsDeps;

  constructor(deps: FleetAccountsDeps) {
    this.#deps = deps;
  }

  /**
   * What the password looks like decides how it is compared, not whose it is: so the time tells nothing of the name.
   * @throws {AppError} `access_denied` while nobody knows the users of the fleet.
   */
  async verify(user: string, password: string): Promise<Account | undefined> {
    const account = this.#find(user);
    if (looksLikeRobotSecret(password)) {
      const hash = account?.kind === 'robot' ? account.secretHash : NO_SECRET_HASH;
      return isRobotSecretOf(password, hash) && account !== undefined ? accountOf(account) : undefined;
    }
    const hash = account?.kind === 'user' ? account.passwordHash : DUMMY_HASH;
    const isRight = await this.#deps.bcrypt.compare(password, hash);
    if (!isRight || account?.kind !== 'user') return undefined;
    // It may have been removed, or got another password, while this one was computed.
    const now = await this.find(user);
    return now?.version === account.version ? now : undefined;
  }

  async find(user: string): Promise<Account | undefined> {
    return this.findAtOnce(user);
  }

  findAtOnce(user: string): Account | undefined {
    const account = this.#find(user);
    return account === undefined ? undefined : accountOf(account);
  }

  #find(user: string): KnownAccount | undefined {
    const { clock, policy } = this.#deps;
    const account = policy.current.accounts.get(user);
    const isOver = account?.kind === 'robot' && account.expiresAtMs <= clock.wallMs();
    return isOver ? undefined : account;
  }
}

function accountOf({ name, version }: KnownAccount): Account {
  return { name, version };
}

/** The rights of the fleet as of now. @throws {AppError} `access_denied` while nobody knows them. */
export class FleetRights implements RightsOfAll {
  readonly #policy: Pick<FleetPolicy, 'current'>;

  constructor(deps: { readonly policy: Pick<FleetPolicy, 'current'> }) {
    this.#policy = deps.policy;
  }

  allows(subject: Subject, need: AccessNeed): boolean {
    return this.#policy.current.rights.allows(subject, need);
  }

  actionsIn(subject: Subject, repository: string): readonly Action[] {
    return this.#policy.current.rights.actionsIn(subject, repository);
  }
}

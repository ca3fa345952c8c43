// Who may do what where. Pure: everything not granted is refused.

import { checkedGlob, parseActions, type Grant } from '../../shared/access/grant.ts';
import { matchesGlob } from '../../shared/access/repository-glob.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { AccessNeed, Action, Subject } from '../registry/access.ts';

/** Decides what somebody may do. */
export interface RightsOfAll {
  /** Whether somebody may do what a request needs. `base` needs a login, unless anybody may do something without one; `login` always does. */
  allows(subject: Subject, need: AccessNeed): boolean;
  /** The actions in a repository that somebody has; `admin` stands for all. */
  actionsIn(subject: Subject, repository: string): readonly Action[];
}

/**
 * One line of a settings file: `WHO ACTIONS REPOSITORIES`, as in `ci pull,push team/**`.
 * @throws {AppError} `config_invalid` saying what is wrong.
 */
export function parseGrant(text: string): Grant {
  const [who = '', actionText = '', repositories = '', ...rest] = text.trim().split(/\s+/);
  try {
    if (who === '' || repositories === '' || rest.length > 0)
      throw new AppError('config_invalid', 'three words are needed');
    return { who, actions: parseActions(actionText), repositories: checkedGlob(repositories) };
  } catch (error) {
    if (!isAppError(error, 'config_invalid')) throw error;
    throw new AppError(
      'config_invalid',
      `access.grants: "${text.slice(0, 200)}": ${error.message}; write WHO ACTIONS REPOSITORIES, as in "ci pull,push team/**"`,
    );
  }
}

/** The rights that grants give. */
export class Rights implements RightsOfAll {
  /** All that counts for somebody, for those whom a grant names: looked up with every request. */
  readonly #grantsOf = new Map<string, readonly Grant[]>();
  readonly #ofAnonymous: readonly Grant[];
  /** Of whoever has a login and no grant by name. */
  readonly #ofAuthenticated: readonly Grant[];

  constructor(grants: readonly Grant[]) {
    const byWho = new Map<string, Grant[]>();
    for (const grant of grants) {
      const own = byWho.get(grant.who) ?? [];
      own.push(grant);
      byWho.set(grant.who, own);
    }
    this.#ofAnonymous = byWho.get('anonymous') ?? [];
    this.#ofAuthenticated = [...this.#ofAnonymous, ...(byWho.get('authenticated') ?? [])];
    for (const [who, own] of byWho) this.#grantsOf.set(who, [...this.#ofAuthenticated, ...own]);
  }

  allows(subject: Subject, need: AccessNeed): boolean {
    switch (need.type) {
      case 'base':
        return subject !== undefined || this.hasAnonymous;
      case 'login':
        return subject !== undefined;
      case 'catalog':
        return this.#of(subject).some(({ actions, repositories }) => repositories === '**' && actions.has('admin'));
      case 'repository': {
        const has = (action: Action): boolean => this.#mayDo(subject, action, need.repository);
        return 'allOf' in need ? need.allOf.every(has) : need.anyOf.some(has);
      }
      default: {
        const never: never = need;
        return never;
      }
    }
  }

  actionsIn(subject: Subject, repository: string): readonly Action[] {
    return (['pull', 'push', 'delete'] as const).filter((action) => this.#mayDo(subject, action, repository));
  }

  /** Whether anything is granted to those who have not logged in. */
  get hasAnonymous(): boolean {
    return this.#ofAnonymous.length > 0;
  }

  #mayDo(subject: Subject, action: Action, repository: string): boolean {
    return this.#of(subject).some(
      ({ actions, repositories }) =>
        (actions.has(action) || actions.has('admin')) && matchesGlob(repositories, repository),
    );
  }

  #of(subject: Subject): readonly Grant[] {
    if (subject === undefined) return this.#ofAnonymous;
    return this.#grantsOf.get(subject) ?? this.#ofAuthenticated;
  }
}

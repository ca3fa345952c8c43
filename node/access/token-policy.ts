// Access by tokens that this node gives out itself, and by a password with a request for those who have no use for tokens.
// Everybody may do without either what is granted to `anonymous`.

import type { AccessNeed, AccessPolicy, Asker, Subject } from '../registry/access.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Accounts } from './accounts.ts';
import { bearerRefusal, type TokenFault } from './challenge.ts';
import { parseAuthorization } from './credentials.ts';
import type { Logins } from './logins.ts';
import type { OwnTokens } from './own-tokens.ts';
import type { RightsOfAll } from './rights.ts';
import { covers } from './token-claims.ts';

/** Where tokens are given out, below the address of the registry. */
const TOKEN_PATH = '/v2/auth';

export interface TokenPolicyDeps {
  readonly accounts: Accounts;
  readonly logins: Logins;
  readonly rights: RightsOfAll;
  readonly tokens: OwnTokens;
}

export class TokenPolicy implements AccessPolicy {
  readonly #deps: TokenPolicyDeps;

  constructor(deps: TokenPolicyDeps) {
    this.#deps = deps;
  }

  /** @throws {AppError} `credentials_required`, `access_denied`, `too_many_requests` */
  async authorize(asker: Asker, needs: readonly AccessNeed[]): Promise<Subject> {
    const known = this.#deps.logins.recognise(asker.authorization);
    if (known !== undefined) return this.#allowed(known.name, needs);
    const credentials = parseAuthorization(asker.authorization);
    if (credentials.type === 'none') return this.#anonymous(asker, needs);
    if (credentials.type === 'bearer') return this.#bearer(credentials.token, asker, needs);
    if (credentials.type === 'malformed') throw this.#refusal(asker, needs, 'invalid_token');
    const account = await this.#deps.logins.verifyHeader(asker.authorization ?? '', credentials, asker);
    if (account === undefined) throw this.#refusal(asker, needs);
    return this.#allowed(account.name, needs);
  }

  /** By a password. */
  #allowed(name: string, needs: readonly AccessNeed[]): Subject {
    if (needs.every((need) => this.#deps.rights.allows(name, need))) return name;
    throw new AppError('access_denied', 'this user may not do that here; ask who runs this registry for the right');
  }

  /** The bare /v2/ is refused even so: clients decide there, once, whether they send credentials at all. */
  #anonymous(asker: Asker, needs: readonly AccessNeed[]): Subject {
    const isAllowed = needs.every((need) => need.type !== 'base' && this.#deps.rights.allows(undefined, need));
    if (!isAllowed) throw this.#refusal(asker, needs);
    return undefined;
  }

  /** What a token says counts only while its account is what it was, and still has the right: revoking needs no waiting. */
  async #bearer(token: string, asker: Asker, needs: readonly AccessNeed[]): Promise<Subject> {
    const { accounts, rights, tokens } = this.#deps;
    const claims = await tokens.verifyAccess(token);
    if (claims === undefined) throw this.#refusal(asker, needs, 'invalid_token');
    const subject = claims.subject === '' ? undefined : claims.subject;
    if (subject !== undefined && (await accounts.find(subject))?.version !== claims.version)
      throw this.#refusal(asker, needs, 'invalid_token');
    const isAllowed = needs.every(
      (need) => need.type === 'base' || (covers(claims.access, need) && rights.allows(subject, need)),
    );
    if (!isAllowed) throw this.#refusal(asker, needs, 'insufficient_scope');
    return subject;
  }

  #refusal(asker: Asker, needs: readonly AccessNeed[], fault?: TokenFault): AppError {
    const at = { realm: `${asker.baseUrl ?? ''}${TOKEN_PATH}`, service: this.#deps.tokens.service };
    return bearerRefusal(at, needs, fault);
  }
}

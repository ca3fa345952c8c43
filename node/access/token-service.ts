// Gives out tokens: by GET as docker, podman, oras and crane ask, by POST as containerd does.

import { AppError } from '../../shared/runtime/errors.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { TokenFields, TokenSource } from '../registry/token-routes.ts';
import type { Account, Accounts } from './accounts.ts';
import { basicRefusal } from './challenge.ts';
import { MAX_USER_CHARS, parseAuthorization } from './credentials.ts';
import type { Logins, LoginSource } from './logins.ts';
import { ACCESS_TOKEN_SECONDS, type OwnTokens } from './own-tokens.ts';
import type { RightsOfAll } from './rights.ts';
import { formatScope, parseScopes, type Scope } from './scope.ts';

export interface TokenServiceDeps {
  readonly accounts: Accounts;
  readonly clock: Clock;
  readonly logins: Logins;
  readonly rights: RightsOfAll;
  readonly tokens: OwnTokens;
}

/** The JSON that clients read. Both names of the token, since they differ in which one they look for. */
export interface TokenAnswer {
  readonly token: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly issued_at: string;
  readonly scope?: string;
  readonly refresh_token?: string;
}

export class TokenService implements TokenSource {
  readonly #deps: TokenServiceDeps;

  constructor(deps: TokenServiceDeps) {
    this.#deps = deps;
  }

  /**
   * Without credentials: what everybody may do. What is asked for and not allowed is left out.
   * @throws {AppError} `message_invalid`, `credentials_required`, `too_many_requests`
   */
  async byGet(
    fields: TokenFields,
    asker: LoginSource & { readonly authorization: string | undefined },
  ): Promise<TokenAnswer> {
    this.#checkService(fields);
    const credentials = parseAuthorization(asker.authorization);
    if (credentials.type === 'none') return this.#answer(undefined, fields, { withScope: false });
    if (credentials.type !== 'basic') throw this.#refusal();
    const { user, password } = credentials;
    const account = await this.#login(user, password, asker);
    const refresh = fields.first('offline_token') === 'true' ? await this.#deps.tokens.signRefresh(account) : undefined;
    return this.#answer(account, fields, { withScope: false, refresh });
  }

  /** The OAuth 2 form. @throws {AppError} `message_invalid`, `credentials_required`, `too_many_requests` */
  async byPost(fields: TokenFields, asker: LoginSource): Promise<TokenAnswer> {
    this.#checkService(fields);
    switch (fields.first('grant_type')) {
      case 'password': {
        const { user, password } = { user: fields.first('username'), password: fields.first('password') };
        if (user === undefined || password === undefined) throw malformed('username and password are needed');
        const account = await this.#login(user, password, asker);
        const isOffline = fields.first('access_type') === 'offline';
        const refresh = isOffline ? await this.#deps.tokens.signRefresh(account) : undefined;
        return this.#answer(account, fields, { withScope: true, refresh });
      }
      case 'refresh_token': {
        const refresh = fields.first('refresh_token');
        if (refresh === undefined) throw malformed('refresh_token is needed');
        const given = await this.#deps.tokens.verifyRefresh(refresh);
        const account = given === undefined ? undefined : await this.#deps.accounts.find(given.name);
        if (account === undefined || account.version !== given?.version) throw this.#refusal();
        return this.#answer(account, fields, { withScope: true, refresh });
      }
      default:
        throw malformed('grant_type is neither password nor refresh_token');
    }
  }

  async #login(user: string, password: string, source: LoginSource): Promise<Account> {
    if (user.length > MAX_USER_CHARS) throw this.#refusal();
    const account = await this.#deps.logins.verify({ user, password }, source);
    if (account === undefined) throw this.#refusal();
    return account;
  }

  #checkService(fields: TokenFields): void {
    const { service } = this.#deps.tokens;
    if (fields.first('service') !== service) throw malformed(`service is not "${service}"`);
  }

  /** Clients know what to do with 401 here; the challenge only has to be there (RFC 9110, 11.6.1). */
  #refusal(): AppError {
    return basicRefusal(this.#deps.tokens.service);
  }

  async #answer(
    account: Account | undefined,
    fields: TokenFields,
    options: { readonly withScope: boolean; readonly refresh?: string | undefined },
  ): Promise<TokenAnswer> {
    const access = this.#granted(account, parseScopes(fields.all('scope')));
    const token = await this.#deps.tokens.signAccess(account, access);
    return {
      token,
      access_token: token,
      expires_in: ACCESS_TOKEN_SECONDS,
      issued_at: new Date(this.#deps.clock.wallMs()).toISOString(),
      ...(options.withScope ? { scope: access.map(formatScope).join(' ') } : {}),
      ...(options.refresh === undefined ? {} : { refresh_token: options.refresh }),
    };
  }

  #granted(account: Account | undefined, asked: readonly Scope[]): Scope[] {
    const { rights } = this.#deps;
    const granted: Scope[] = [];
    for (const { type, name, actions } of asked) {
      if (type === 'registry' && name === 'catalog' && rights.allows(account?.name, { type: 'catalog' }))
        granted.push({ type, name, actions: ['*'] });
      if (type !== 'repository') continue;
      const has = rights.actionsIn(account?.name, name);
      const given = has.filter((action) => actions.includes(action) || actions.includes('*'));
      if (given.length > 0) granted.push({ type, name, actions: given });
    }
    return granted;
  }
}

function malformed(message: string): AppError {
  return new AppError('message_invalid', message);
}

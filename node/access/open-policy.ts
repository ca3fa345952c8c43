// From settings to the policy that decides every request, with what it needs. Everything it opens closes with it.

import { AppError } from '../../shared/runtime/errors.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { CounterMetric, Metrics } from '../../shared/runtime/metrics.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { openAccess, type AccessPolicy } from '../registry/access.ts';
import type { TokenSource } from '../registry/token-routes.ts';
import { BasicPolicy } from './basic-policy.ts';
import { BcryptDesk } from './bcrypt-desk.ts';
import { ExternalPolicy } from './external-policy.ts';
import { ExternalTokens } from './external-tokens.ts';
import { HtpasswdFile } from './htpasswd-file.ts';
import { loginCounter, Logins } from './logins.ts';
import { OwnTokens } from './own-tokens.ts';
import { MAX_GRANTS, parseGrant, Rights } from './rights.ts';
import { SIGNING_ALGORITHMS } from './signing-algorithms.ts';
import { TokenPolicy } from './token-policy.ts';
import { TokenService } from './token-service.ts';

/** Settings of access; see node/config.ts. */
export interface AccessSettings {
  readonly scheme: 'open' | 'basic' | 'token' | 'external';
  readonly realm: string;
  readonly service: string;
  readonly htpasswd?: string | undefined;
  readonly grants: readonly string[];
  readonly tokenUrl?: string | undefined;
  readonly tokenPath?: string | undefined;
  readonly tokenIssuer?: string | undefined;
  readonly tokenCertificates?: string | undefined;
  readonly tokenKeys?: string | undefined;
  readonly tokenAlgorithms: readonly string[];
}

export interface OpenedAccess extends AsyncDisposable {
  readonly access: AccessPolicy;
  readonly tokens: TokenSource | undefined;
}

interface Deps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Without grants of the operator everybody with a login may do everything, and nobody else anything. */
const EVERYTHING = 'authenticated pull,push,delete,admin **';

/**
 * @param options.isLocal nobody on another host reaches the registry.
 * @param options.keyPath where the key that signs tokens is kept; `options.nodeId` is their issuer.
 * @throws {AppError} `config_invalid` naming the setting that is wrong.
 */
export async function openPolicy(
  deps: Deps,
  settings: AccessSettings,
  options: { readonly keyPath: string; readonly nodeId: string; readonly isLocal: boolean },
): Promise<OpenedAccess> {
  const results = loginCounter(deps.metrics);
  if (settings.scheme === 'open') {
    if (settings.htpasswd !== undefined || settings.grants.length > 0)
      throw new AppError(
        'config_invalid',
        'access.htpasswd and access.grants do nothing while access.scheme is open; set it to token or basic',
      );
    if (!options.isLocal)
      deps.log.warn(
        {},
        'other hosts may push and delete here without a login; set access.scheme and access.htpasswd, or listen on 127.0.0.1',
      );
    return { access: openAccess, tokens: undefined, [Symbol.asyncDispose]: async () => undefined };
  }
  if (settings.scheme === 'external') return openExternal(deps, settings);
  return openOwn({ ...deps, results }, settings, options);
}

async function openExternal(deps: Deps, settings: AccessSettings): Promise<OpenedAccess> {
  const { service, tokenUrl, tokenPath, tokenIssuer, tokenCertificates, tokenKeys, tokenAlgorithms } = settings;
  if ((tokenUrl === undefined && tokenPath === undefined) || tokenIssuer === undefined)
    throw new AppError('config_invalid', 'access.scheme external needs access.tokenUrl and access.tokenIssuer');
  const tokens = await ExternalTokens.open(deps, {
    issuer: tokenIssuer,
    service,
    rootCertBundle: tokenCertificates,
    jwks: tokenKeys,
    algorithms: tokenAlgorithms.length === 0 ? SIGNING_ALGORITHMS : tokenAlgorithms,
  });
  const access = new ExternalPolicy({ tokens }, { realm: tokenUrl ?? '', service, autoRedirectPath: tokenPath });
  return { access, tokens: undefined, [Symbol.asyncDispose]: async () => undefined };
}

async function openOwn(
  deps: Deps & { readonly results: CounterMetric },
  settings: AccessSettings,
  options: { readonly keyPath: string; readonly nodeId: string },
): Promise<OpenedAccess> {
  const { htpasswd, scheme, realm, service } = settings;
  if (htpasswd === undefined)
    throw new AppError(
      'config_invalid',
      `access.scheme ${scheme} needs access.htpasswd, the file with users and passwords`,
    );
  if (settings.grants.length > MAX_GRANTS)
    throw new AppError('config_invalid', `access.grants may have at most ${MAX_GRANTS} entries`);
  await using opening = new ResourceStack();
  const bcrypt = opening.use(new BcryptDesk(deps));
  const accounts = await HtpasswdFile.open({ ...deps, bcrypt }, htpasswd);
  const rights = new Rights((settings.grants.length === 0 ? [EVERYTHING] : settings.grants).map(parseGrant));
  if (scheme === 'basic' && rights.hasAnonymous)
    throw new AppError(
      'config_invalid',
      'rights of anonymous need access.scheme token: with basic, docker decides once that it needs no login and never sends one',
    );
  const logins = new Logins({ ...deps, accounts });
  if (scheme === 'basic') {
    const resources = opening.move();
    const access = new BasicPolicy({ logins, rights }, { realm });
    return { access, tokens: undefined, [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose]() };
  }
  const own = await OwnTokens.open(deps, { service, issuer: options.nodeId, keyPath: options.keyPath });
  const shared = { ...deps, accounts, logins, rights, tokens: own };
  const resources = opening.move();
  return {
    access: new TokenPolicy(shared),
    tokens: new TokenService(shared),
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}

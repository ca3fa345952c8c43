// From settings to the policy that decides every request, with what it needs. Everything it opens closes with it.

import { MAX_GRANTS } from '../../shared/access/grant.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { CounterMetric, Metrics } from '../../shared/runtime/metrics.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { openAccess, type AccessPolicy } from '../registry/access.ts';
import type { TokenSource } from '../registry/token-routes.ts';
import type { Accounts } from './accounts.ts';
import { BasicPolicy } from './basic-policy.ts';
import { BcryptDesk } from './bcrypt-desk.ts';
import { ExternalPolicy } from './external-policy.ts';
import { ExternalTokens } from './external-tokens.ts';
import { FleetAccounts, FleetRights } from './fleet-accounts.ts';
import { FleetPolicy } from './fleet-policy.ts';
import { HtpasswdFile } from './htpasswd-file.ts';
import { loginCounter, Logins } from './logins.ts';
import { OwnTokens } from './own-tokens.ts';
import { RemovedNodes } from './removed-nodes.ts';
import { parseGrant, Rights, type RightsOfAll } from './rights.ts';
import { SIGNING_ALGORITHMS } from './signing-algorithms.ts';
import { TokenPolicy } from './token-policy.ts';
import { TokenService } from './token-service.ts';
import { TokenSigners, type TokenSignersDeps } from './token-signers.ts';

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
  /** Why nobody is let in at the moment; undefined when all is well. */
  readonly problem: () => string | undefined;
}

/** What access needs of the node that it is for. */
export interface AccessDeps {
  readonly clock: Clock;
  readonly identity: TokenSignersDeps['identity'];
  readonly link: CoordinatorLink;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** Without grants of the operator everybody in the htpasswd file may do everything, and nobody else anything. */
const EVERYTHING = 'authenticated pull,push,delete,admin **';

/**
 * @param options.isLocal nobody on another host reaches the registry.
 * @param options.policyPath where the users of the fleet are kept, when they are the ones that count.
 * @throws {AppError} `config_invalid` naming the setting that is wrong.
 */
export async function openPolicy(
  deps: AccessDeps,
  settings: AccessSettings,
  options: { readonly policyPath: string; readonly isLocal: boolean },
): Promise<OpenedAccess> {
  const results = loginCounter(deps.metrics);
  const { scheme, htpasswd, grants } = settings;
  if (scheme === 'open') {
    if (htpasswd !== undefined || grants.length > 0)
      throw new AppError(
        'config_invalid',
        'access.htpasswd and access.grants do nothing while access.scheme is open; set it to token or basic',
      );
    if (!options.isLocal)
      deps.log.warn(
        {},
        'other hosts may push and delete here without a login; set access.scheme, or listen on 127.0.0.1',
      );
    return opened(openAccess, new ResourceStack());
  }
  if (scheme === 'external') return openExternal(deps, settings);
  await using opening = new ResourceStack();
  const bcrypt = opening.use(new BcryptDesk(deps));
  const users =
    htpasswd === undefined
      ? await fleetUsers({ ...deps, bcrypt, opening }, settings, options)
      : await fileUsers({ ...deps, bcrypt }, { htpasswd, scheme, grants });
  return openOwn({ ...deps, results, opening }, settings, users);
}

async function openExternal(deps: AccessDeps, settings: AccessSettings): Promise<OpenedAccess> {
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
  return opened(access, new ResourceStack());
}

/** Whose logins and rights count. */
interface Users {
  readonly accounts: Accounts;
  readonly rights: RightsOfAll;
  readonly isRemoved: (nodeId: string) => boolean;
  readonly problem: () => string | undefined;
}

type Bcrypt = Pick<BcryptDesk, 'compare'>;

/** Of a file on this host. */
async function fileUsers(
  deps: AccessDeps & { readonly bcrypt: Bcrypt },
  settings: { readonly htpasswd: string; readonly scheme: 'basic' | 'token'; readonly grants: readonly string[] },
): Promise<Users> {
  const { htpasswd, scheme, grants } = settings;
  if (grants.length > MAX_GRANTS)
    throw new AppError('config_invalid', `access.grants may have at most ${MAX_GRANTS} entries`);
  const accounts = await HtpasswdFile.open(deps, htpasswd);
  const rights = new Rights((grants.length === 0 ? [EVERYTHING] : grants).map(parseGrant));
  if (scheme === 'basic' && rights.hasAnonymous)
    throw new AppError(
      'config_invalid',
      'rights of anonymous need access.scheme token: with basic, docker decides once that it needs no login and never sends one',
    );
  return { accounts, rights, isRemoved: () => false, problem: () => undefined };
}

/** Of the fleet, kept at the coordinator. */
async function fleetUsers(
  deps: AccessDeps & { readonly bcrypt: Bcrypt; readonly opening: ResourceStack },
  { grants, scheme }: AccessSettings,
  options: { readonly policyPath: string },
): Promise<Users> {
  if (grants.length > 0)
    throw new AppError(
      'config_invalid',
      'access.grants go with access.htpasswd; the rights of the users of the fleet are given with `shoal user grant`',
    );
  const { identity, opening } = deps;
  const policy = opening.use(
    await FleetPolicy.open(deps, {
      path: options.policyPath,
      ca: identity.tls().ca,
      fleetId: identity.fleetId,
      anonymous: scheme === 'token' ? 'granted' : 'refused', // as with a file: see there
    }),
  );
  return {
    accounts: new FleetAccounts({ ...deps, policy }),
    rights: new FleetRights({ policy }),
    isRemoved: (nodeId) => policy.current.removedNodes.has(nodeId),
    problem: () => policy.problem,
  };
}

function openOwn(
  deps: AccessDeps & { readonly results: CounterMetric; readonly opening: ResourceStack },
  settings: Pick<AccessSettings, 'scheme' | 'realm' | 'service'>,
  users: Users,
): OpenedAccess {
  const { scheme, realm, service } = settings;
  const { opening, identity } = deps;
  const logins = new Logins({ ...deps, ...users });
  opening.defer(() => logins[Symbol.dispose]());
  if (scheme === 'basic') return opened(new BasicPolicy({ ...users, logins }, { realm }), opening.move(), { users });
  const removed = opening.use(new RemovedNodes(deps));
  const isRemoved = (nodeId: string): boolean => removed.has(nodeId) || users.isRemoved(nodeId);
  const tokens = new OwnTokens({ ...deps, signers: new TokenSigners({ identity, isRemoved }) }, { service });
  const shared = { ...deps, ...users, logins, tokens };
  return opened(new TokenPolicy(shared), opening.move(), { users, tokens: new TokenService(shared) });
}

/** Nothing is looked at while nobody knows the users: a refusal must not count as a wrong password. */
function opened(
  access: AccessPolicy,
  resources: AsyncDisposable,
  parts: { readonly users?: Users; readonly tokens?: TokenSource } = {},
): OpenedAccess {
  const problem = parts.users?.problem ?? ((): undefined => undefined);
  const refuse = (): void => {
    const text = problem();
    if (text !== undefined) throw new AppError('access_denied', text);
  };
  const { tokens } = parts;
  return {
    access: {
      authorize: (asker, needs) => {
        refuse();
        return access.authorize(asker, needs);
      },
    },
    tokens: tokens && {
      byGet: async (fields, asker) => {
        refuse();
        return tokens.byGet(fields, asker);
      },
      byPost: async (fields, asker) => {
        refuse();
        return tokens.byPost(fields, asker);
      },
    },
    problem,
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}

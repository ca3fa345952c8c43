// Where the access of a request is decided: a table of what each route needs, and the policy that grants it.
// Decided before anything is looked up, so that a refusal does not tell what exists.

import type { ApiPath } from '../../shared/oci/api-path.ts';
import { isRepositoryName } from '../../shared/oci/reference.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import type { Query } from './query.ts';

export type Action = 'pull' | 'push' | 'delete';

export type AccessNeed =
  /** Valid credentials, no particular right: also a token that anybody may have. */
  | { readonly type: 'base' }
  /** A login, no particular right. */
  | { readonly type: 'login' }
  | { readonly type: 'catalog' }
  /** `allOf`: each of these actions is needed. */
  | { readonly type: 'repository'; readonly repository: string; readonly allOf: readonly Action[] }
  /** `anyOf`: one of these actions is enough. */
  | { readonly type: 'repository'; readonly repository: string; readonly anyOf: readonly Action[] };

/** What a policy learns of whoever makes a request. */
export interface Asker {
  /** The header of the request; never logged. */
  readonly authorization: string | undefined;
  /** Where the client sees this registry; undefined when it does not say. */
  readonly baseUrl: string | undefined;
  readonly clientAddress: string;
  /** Who connected: the client itself, or a proxy by whose word `clientAddress` is so. */
  readonly peerAddress: string;
}

/** The name of whoever asks; undefined without a login. */
export type Subject = string | undefined;

/** Grants or refuses. */
export interface AccessPolicy {
  /**
   * @returns who it is.
   * @throws {AppError} `credentials_required` (detail.challenge for `WWW-Authenticate`), `access_denied`
   */
  authorize(asker: Asker, needs: readonly AccessNeed[]): Subject | Promise<Subject>;
}

/**
 * Whether somebody may see all that is here, whatever repository it is in. Never asks for a login.
 * @throws {AppError} `too_many_requests`
 */
export async function maySeeEverything(access: AccessPolicy, asker: Asker): Promise<boolean> {
  try {
    await access.authorize(asker, [{ type: 'catalog' }]);
    return true;
  } catch (error) {
    if (isAppError(error, 'access_denied', 'credentials_required')) return false;
    throw error;
  }
}

/** The policy of a registry that listens on loopback: whoever reaches it may do everything. */
export const openAccess: AccessPolicy = { authorize: () => undefined };

type RepositoryRoute = Exclude<ApiPath['type'], 'base' | 'token' | 'catalog' | 'unknown' | 'name_invalid'>;
type Needs = { readonly allOf: readonly Action[] } | { readonly anyOf: readonly Action[] };

const PULL: Needs = { allOf: ['pull'] };
const PUSH: Needs = { allOf: ['pull', 'push'] };
const DELETE: Needs = { allOf: ['delete'] };

/** What each route needs of its repository, by method. HEAD needs what GET needs; what is not listed needs push. */
const ROUTE_NEEDS: Readonly<Record<RepositoryRoute, Readonly<Record<string, Needs>>>> = {
  blob: { GET: PULL, DELETE },
  manifest: { GET: PULL, PUT: PUSH, DELETE },
  tags: { GET: PULL },
  referrers: { GET: PULL },
  uploads: { POST: PUSH },
  // Podman cancels a failed mount with a token for pull and push: a session is not deleted content.
  upload: { GET: { anyOf: ['pull', 'push'] }, PATCH: PUSH, PUT: PUSH, DELETE: { allOf: ['push'] } },
  extension: { GET: PULL },
};

/** What a request needs. A mount needs to pull from its source as well. */
export function accessNeeds(
  path: ApiPath,
  request: { readonly method: string; readonly query: Query },
): readonly AccessNeed[] {
  switch (path.type) {
    case 'base':
    case 'unknown':
    case 'name_invalid':
      return [{ type: 'base' }];
    case 'token':
      return []; // it is where logins are checked
    case 'catalog':
      return [{ type: 'catalog' }];
    case 'extension':
      return path.repository === undefined
        ? [{ type: 'base' }]
        : [repositoryNeed(path.type, path.repository, request.method)];
    case 'uploads':
      return [repositoryNeed(path.type, path.repository, request.method), ...mountNeeds(request.query)];
    case 'upload':
    case 'blob':
    case 'manifest':
    case 'tags':
    case 'referrers':
      return [repositoryNeed(path.type, path.repository, request.method)];
    default: {
      const never: never = path;
      return never;
    }
  }
}

function repositoryNeed(type: RepositoryRoute, repository: string, method: string): AccessNeed {
  const needs = ROUTE_NEEDS[type][method === 'HEAD' ? 'GET' : method] ?? PUSH;
  return { type: 'repository', repository, ...needs };
}

function mountNeeds(query: Query): AccessNeed[] {
  const from = query.first('from');
  if (query.first('mount') === undefined || from === undefined || !isRepositoryName(from)) return [];
  return [{ type: 'repository', repository: from, ...PULL }];
}

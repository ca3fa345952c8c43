// Lists in byte order, page by page: tags of a repository, and repositories.

import type { Params, Result } from '../../shared/protocol/coordinator-methods.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

/** @throws {AppError} `repository_unknown` (L-2) */
export function listTags(deps: { readonly database: FleetDatabase }, params: Params<'tags.list'>): Result<'tags.list'> {
  const { database } = deps;
  const { repository, last = '', limit } = params;
  return database.read('list', () => {
    const repositoryId = database.repositories.find(repository);
    if (repositoryId === undefined) {
      throw new AppError('repository_unknown', 'no such repository', { detail: { repository } });
    }
    const { page, hasMore } = pageOf(database.tags.list(repositoryId, last, limit + 1), limit);
    return { tags: page, hasMore };
  });
}

/** Repositories that hold a manifest or a blob (C-4). */
export function listRepositories(
  deps: { readonly database: FleetDatabase },
  { containing = '', last = '', limit }: Params<'repositories.list'>,
): Result<'repositories.list'> {
  const { database } = deps;
  return database.read('list', () => {
    const { page, hasMore } = pageOf(database.repositories.list({ containing, last }, limit + 1), limit);
    return { repositories: page, hasMore };
  });
}

/** One more than `limit` was read, to know whether there is more. A page of nothing has no next one (L-5). */
function pageOf(found: string[], limit: number): { readonly page: string[]; readonly hasMore: boolean } {
  return { page: found.slice(0, limit), hasMore: limit > 0 && found.length > limit };
}

// Uploads to our own repositories. Copies of an upstream's are not pushed to: what they hold is what the upstream has.

import { AppError } from '../../shared/runtime/errors.ts';
import type { UploadChunk, UploadId, UploadOptions } from '../content/blob-store.ts';
import type { UploadFinish, Uploads } from '../content/content.ts';
import type { UpstreamNames } from './upstream-name.ts';

/** @throws {AppError} `method_not_allowed` for a repository that is a copy. */
export function demandOwn(names: UpstreamNames, repository: string): void {
  const cached = names.cached(repository);
  if (cached === undefined) return;
  throw new AppError(
    'method_not_allowed',
    `${cached.upstream}/… is a cache of that registry; push there, or to a name that does not begin with ${cached.upstream}`,
    { detail: { allow: 'GET, HEAD, DELETE' } },
  );
}

export class CachedUploads implements Uploads {
  readonly #own: Uploads;
  readonly #names: UpstreamNames;

  constructor(deps: { readonly own: Uploads; readonly names: UpstreamNames }) {
    this.#own = deps.own;
    this.#names = deps.names;
  }

  async begin(repository: string, options?: UploadOptions): Promise<UploadId> {
    demandOwn(this.#names, repository);
    return this.#own.begin(repository, options);
  }

  // Sessions belong to a repository, and none begins in a copy.
  owner(repository: string, id: string): Promise<string | undefined> {
    return this.#own.owner(repository, id);
  }

  offset(repository: string, id: string): Promise<number> {
    return this.#own.offset(repository, id);
  }

  append(repository: string, id: string, chunk: UploadChunk, signal: AbortSignal): Promise<number> {
    return this.#own.append(repository, id, chunk, signal);
  }

  finish(finish: UploadFinish, signal: AbortSignal): Promise<void> {
    return this.#own.finish(finish, signal);
  }

  cancel(repository: string, id: string): Promise<void> {
    return this.#own.cancel(repository, id);
  }
}

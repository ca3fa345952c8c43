// What the coordinator keeps, read from it page by page.

import { KeptPage, type KeptQuery } from '../../shared/protocol/collection-api.ts';
import { callCoordinator, type CoordinatorTarget } from '../../shared/protocol/coordinator-api.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { MarkedManifest } from './garbage-collect-view.ts';

/** Manifests in order of repositories and digests. @throws {AppError} as a call of the coordinator */
export async function* keptContent(
  deps: { readonly clock: Clock; readonly target: CoordinatorTarget },
  signal: AbortSignal,
): AsyncGenerator<MarkedManifest> {
  let after: KeptQuery | undefined = {};
  while (after !== undefined) {
    const path = `/api/collection/kept?${new URLSearchParams({ ...after }).toString()}`;
    const page: KeptPage = await callCoordinator(deps, deps.target, { method: 'GET', path, answer: KeptPage }, signal);
    yield* page.manifests;
    after = page.next;
  }
}

// What the coordinator keeps, read from it page by page.

import { KeptPage, type KeptQuery } from '../../shared/protocol/collection-api.ts';
import type { CoordinatorCall } from './coordinator-calls.ts';
import type { MarkedManifest } from './garbage-collect-view.ts';

/** Manifests in order of repositories and digests. @throws {AppError} as a call of the coordinator */
export async function* keptContent(call: CoordinatorCall): AsyncGenerator<MarkedManifest> {
  let after: KeptQuery | undefined = {};
  while (after !== undefined) {
    const path = `/api/collection/kept?${new URLSearchParams({ ...after }).toString()}`;
    const page: KeptPage = await call({ method: 'GET', path, answer: KeptPage });
    yield* page.manifests;
    after = page.next;
  }
}

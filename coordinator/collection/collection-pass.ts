// One look at everything that may have become unreachable, in small steps: each is one transaction of a few milliseconds,
// so pushes and pulls go on in between, and whatever they bring is seen by the next step.
//
//   manifests that nothing leads to (when asked) ─▶ their blobs into the queue ─▶ blobs that no manifest of their
//   repository names leave it ─▶ blobs that no repository holds: removal begins

import type { Digest } from '../../shared/oci/digest.ts';
import { MAX_NAMED_CONTENT, type CollectionResult } from '../../shared/protocol/collection-api.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { ReviewCursor } from '../database/blob-review-table.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { ReviewTimes } from './review-times.ts';
import { dropManifest } from './drop-manifest.ts';

/** Rows of manifests looked through in one step. */
const MANIFEST_WINDOW = 2000;
/** Blobs judged in one step. */
const REVIEW_BATCH = 500;

export interface PassRequest {
  /** `due`: what has waited its time. `now`: also what has not, except for pushes under way. */
  readonly when: 'due' | 'now';
  readonly untagged: 'keep' | 'remove';
}

export interface PassDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly times: ReviewTimes;
}

export class CollectionPass {
  readonly #deps: PassDeps;
  readonly #request: PassRequest;
  readonly #manifests: Array<{ repository: string; digest: Digest }> = [];
  readonly #blobs: Array<{ digest: Digest; sizeBytes: number }> = [];
  #manifestCount = 0;
  #blobCount = 0;
  #blobBytes = 0;

  constructor(deps: PassDeps, request: PassRequest) {
    this.#deps = deps;
    this.#request = request;
  }

  /** Each step is to run in a transaction of its own; others have their turn in between. */
  *steps(): Generator<() => void> {
    if (this.#request.untagged === 'remove') yield* this.#untaggedSteps();
    let cursor: ReviewCursor | undefined = { repositoryId: 0, blobId: 0 };
    while (cursor !== undefined) {
      const from: ReviewCursor = cursor;
      yield () => {
        cursor = this.#reviewPage(from);
      };
    }
  }

  /** What was found, once every step has run. */
  result(): CollectionResult {
    return {
      manifests: { count: this.#manifestCount, named: this.#manifests },
      blobs: { count: this.#blobCount, bytes: this.#blobBytes, named: this.#blobs },
    };
  }

  /** Again and again until nothing is left: what an index or a subject kept alive goes after it. */
  *#untaggedSteps(): Generator<() => void> {
    for (let foundBefore = -1; foundBefore < this.#manifestCount;) {
      foundBefore = this.#manifestCount;
      for (let afterId = 0, lastId = 1; afterId < lastId; afterId += MANIFEST_WINDOW) {
        const window = { afterId, untilId: afterId + MANIFEST_WINDOW };
        yield () => {
          lastId = this.#removeUntagged(window);
        };
      }
    }
  }

  /** @returns the highest id of a manifest there is. */
  #removeUntagged(window: { readonly afterId: number; readonly untilId: number }): number {
    const { clock, database, times } = this.#deps;
    const { found, lastId } = database.untagged.within(window, clock.wallMs());
    for (const { repositoryId, repository, digest } of found) {
      dropManifest(database, { repositoryId, digest, reviewDueMs: clock.wallMs() + times.deleteDelayMs });
      this.#manifestCount += 1;
      if (this.#manifests.length < MAX_NAMED_CONTENT) this.#manifests.push({ repository, digest });
    }
    return lastId;
  }

  /** @returns where the next page begins, undefined at the end. */
  #reviewPage(cursor: ReviewCursor): ReviewCursor | undefined {
    const { clock, database } = this.#deps;
    const nowMs = clock.wallMs();
    const page = database.blobReviews.due(cursor, { nowMs, when: this.#request.when, limit: REVIEW_BATCH });
    for (const { repositoryId, blobId, digest, sizeBytes } of page) {
      if (database.blobReviews.isNamed(repositoryId, digest)) {
        database.blobReviews.remove(repositoryId, blobId);
        continue;
      }
      database.repositoryBlobs.remove(repositoryId, blobId); // its review goes with it
      if (!database.removals.begin(blobId, nowMs)) continue;
      this.#blobCount += 1;
      this.#blobBytes += sizeBytes;
      if (this.#blobs.length < MAX_NAMED_CONTENT) this.#blobs.push({ digest, sizeBytes });
    }
    return page.length < REVIEW_BATCH ? undefined : page.at(-1);
  }
}

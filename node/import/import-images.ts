// Brings over images: first the blobs of an image, then its manifest with its tags; of an index first what it names. So at any
// moment all that was brought is whole, and a run that was stopped goes on where it was: what is there is not brought again.

import pLimit from 'p-limit';
import type { Digest } from '../../shared/oci/digest.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import type { ImageSource } from './image-source.ts';
import type { ImportReport } from './import-report.ts';
import type { ImportTarget } from './import-target.ts';
import { isFatal, RepositoryImport } from './repository-import.ts';

/** Tags of one repository, more are an error: they are held together by the manifest that they share, about 200 bytes each. */
const MAX_REPOSITORY_TAGS = 1_000_000;

export interface ImportDeps {
  readonly clock: Clock;
  readonly source: ImageSource;
  readonly target: ImportTarget;
  readonly report: ImportReport;
}

export interface ImportOptions {
  /** Blobs that move at once, and as many manifests. */
  readonly jobs: number;
  /** What happens to a tag that points elsewhere here: it stays, or moves to where the source has it. */
  readonly tagging: 'keep' | 'move';
  /** Which repositories. */
  readonly isWanted: (repository: string) => boolean;
}

/**
 * What is wrong with one image is a problem in the report, and the others come over.
 * @throws {AppError} when nothing more can: `coordinator_unreachable`, `node_unreachable`, `not_enough_space`, `access_denied`.
 */
export async function importImages(deps: ImportDeps, options: ImportOptions, signal: AbortSignal): Promise<void> {
  const { source, report } = deps;
  const blobs = pLimit(options.jobs);
  const onProblem = (what: string): void => report.problem(what);
  for await (const repository of source.repositories(onProblem, signal)) {
    signal.throwIfAborted();
    if (!options.isWanted(repository)) continue;
    report.beginRepository(repository);
    try {
      const tags = await tagsByDigest(deps, repository, signal);
      await new RepositoryImport({ ...deps, blobs }, { ...options, repository, tags }).run(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!isAppError(error) || isFatal(error)) throw error;
      report.problem(`${repository}: ${error.message}`);
    }
  }
}

async function tagsByDigest(
  { source, report }: ImportDeps,
  repository: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<Digest, readonly string[]>> {
  const found = new Map<Digest, string[]>();
  let count = 0;
  const onProblem = (what: string): void => report.problem(`${repository}: ${what}`);
  for await (const { tag, digest } of source.tags(repository, onProblem, signal)) {
    signal.throwIfAborted();
    count += 1;
    if (count > MAX_REPOSITORY_TAGS) {
      report.problem(`${repository}: more than ${MAX_REPOSITORY_TAGS} tags; the rest is left out`);
      break;
    }
    const tags = found.get(digest);
    if (tags === undefined) found.set(digest, [tag]);
    else tags.push(tag);
  }
  return found;
}

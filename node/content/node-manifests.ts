// Manifests and tags: the coordinator answers; what it said last is kept for the time when it is away.

import { refusalWords } from '../../shared/protocol/link-failure.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { ResolvedImages } from '../pulls/resolved-images.ts';
import type { KnownIndex } from './known-index.ts';
import type { ManifestPush, ManifestReference, ManifestRemoval, Manifests, PulledManifest } from './content.ts';

export interface NodeManifestsOptions {
  /** What a tag resolves to while the coordinator is away: the last known answer with a warning, or an error. */
  readonly staleTags: 'serve' | 'refuse';
}

export class NodeManifests implements Manifests {
  readonly #link: CoordinatorLink;
  readonly #known: KnownIndex;
  readonly #images: Pick<ResolvedImages, 'note'>;
  readonly #log: Logger;
  readonly #options: NodeManifestsOptions;

  constructor(
    deps: {
      readonly link: CoordinatorLink;
      readonly known: KnownIndex;
      /** Told of each manifest that a client gets, so that reports of pulls can name it. */
      readonly images: Pick<ResolvedImages, 'note'>;
      readonly log: Logger;
    },
    options: NodeManifestsOptions,
  ) {
    this.#link = deps.link;
    this.#known = deps.known;
    this.#images = deps.images;
    this.#log = deps.log;
    this.#options = options;
  }

  /**
   * @throws {AppError} `manifest_unknown`, `repository_unknown`; without a session `coordinator_unreachable` for what was
   * never seen here and `stale_tag_refused` for a tag that must not be served stale.
   */
  async pull(
    repository: string,
    reference: ManifestReference,
    client: { readonly signal: AbortSignal },
  ): Promise<PulledManifest> {
    const manifest = await this.#resolve(repository, reference, client);
    this.#images.note(repository, reference, manifest);
    return manifest;
  }

  async #resolve(
    repository: string,
    reference: ManifestReference,
    client: { readonly signal: AbortSignal },
  ): Promise<PulledManifest> {
    const question = { repository, reference };
    let answer;
    try {
      answer =
        this.#link.resolveAtOnce?.(question) ?? (await this.#link.call('manifest.resolve', question, client.signal));
    } catch (error) {
      if (!isAppError(error, 'coordinator_unreachable', 'timed_out')) throw error;
      return this.#pullKnown(repository, reference, error);
    }
    if (!answer.found) {
      this.#known.forgetManifest(repository, reference);
      throw new AppError(answer.reason, notFoundText(answer.reason), { detail: { repository, ...reference } });
    }
    this.#known.rememberManifest(repository, reference, answer);
    for (const blob of answer.blobs) this.#known.rememberBlob(repository, blob.digest, blob.sizeBytes);
    return answer;
  }

  /** @throws {AppError} as `manifest.put` of the coordinator; `coordinator_unreachable` at once without a session. */
  async push(push: ManifestPush, signal: AbortSignal): Promise<{ readonly subject?: string | undefined }> {
    const result = await this.#link.call('manifest.put', push, signal);
    const { repository, digest, mediaType, bytes } = push;
    const manifest: PulledManifest = { digest, mediaType, bytes };
    this.#known.rememberManifest(repository, { digest }, manifest);
    for (const tag of push.tags) {
      this.#known.rememberManifest(repository, { tag }, manifest);
      this.#log.info({ repository, tag, digest }, 'tag moved');
    }
    return result;
  }

  async remove(removal: ManifestRemoval, signal: AbortSignal): Promise<void> {
    await this.#link.call('manifest.delete', removal, signal);
    this.#known.forgetManifest(removal.repository, removal.reference);
  }

  tags(
    repository: string,
    page: { readonly last?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<{ readonly tags: readonly string[]; readonly hasMore: boolean }> {
    return this.#link.call('tags.list', { repository, limit: page.limit, ...lastOf(page) }, signal);
  }

  repositories(
    page: { readonly containing?: string; readonly last?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<{ readonly repositories: readonly string[]; readonly hasMore: boolean }> {
    const { containing, limit } = page;
    const wanted = containing === undefined ? { limit } : { containing, limit };
    return this.#link.call('repositories.list', { ...wanted, ...lastOf(page) }, signal);
  }

  referrers(query: Parameters<Manifests['referrers']>[0], signal: AbortSignal): ReturnType<Manifests['referrers']> {
    const { repository, subject, limit, maxBytes } = query;
    const artifactTypes = [...query.artifactTypes];
    return this.#link.call(
      'referrers.list',
      { repository, subject, artifactTypes, limit, maxBytes, ...lastOf(query) },
      signal,
    );
  }

  async #pullKnown(repository: string, reference: ManifestReference, cause: AppError): Promise<PulledManifest> {
    const known = await this.#known.manifest(repository, reference);
    if (known === undefined) throw cause;
    if ('digest' in reference) return known;
    if (this.#options.staleTags === 'refuse') {
      const why = refusalWords(this.#link.failure) ?? 'the coordinator is away';
      throw new AppError('stale_tag_refused', `${why}; and stale tags are refused (staleTags)`, {
        cause,
        detail: { repository, tag: reference.tag },
      });
    }
    return { ...known, warning: staleWarning(this.#link.failure) };
  }
}

/** Text of the warning on the last known answer. */
function staleWarning(failure: AppError | undefined): string {
  const why =
    refusalWords(failure) === undefined ? 'the coordinator is away' : 'this node has no place at the coordinator';
  return `${why}; this tag may have moved since it was last seen here`;
}

function lastOf(page: { readonly last?: string | undefined }): { last?: string } {
  return page.last === undefined ? {} : { last: page.last };
}

function notFoundText(reason: 'repository_unknown' | 'manifest_unknown'): string {
  return reason === 'repository_unknown' ? 'no such repository' : 'no such manifest or tag in this repository';
}

// A registry that runs, read over its API. What can be listed there comes over: tags, and what they lead to.

import type { Digest } from '../../shared/oci/digest.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { ImageSource, OnProblem, SourceBlob } from './image-source.ts';
import type { ImportTarget } from './import-target.ts';

/** Names in one page of a list. */
const PAGE = 1_000;
/** Tags that are looked up at once. */
const LOOKS_AT_ONCE = 8;
/** Pages of one list, more are an error: a registry whose pages never end is broken. */
const MAX_PAGES = 100_000;
/** Tries of a question, and connections of a blob that bring nothing new; then it is a problem, or nobody is there. */
const MAX_TRIES = 5;
/** Pause before the next try, unless the registry says how long. */
const RETRY_MS = 2_000;
/** Longest pause that a registry may ask for; then it is asked all the same. */
const MAX_RETRY_MS = 5 * 60_000;

/** Lists the repositories of the registry; see node/upstream/catalog-client.ts. */
export interface RegistryCatalog {
  repositories(
    page: { readonly last?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<
    { readonly names: readonly string[]; readonly illegalCount: number; readonly next: string | undefined } | undefined
  >;
}

/** What is asked of a repository of the registry; see node/upstream/upstream-client.ts. */
export interface RegistryApi {
  tags(
    remote: string,
    page: { readonly last?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<{ readonly tags: readonly string[]; readonly hasMore: boolean } | undefined>;
  digestOfTag(remote: string, tag: string, signal: AbortSignal): Promise<Digest | 'unsaid' | undefined>;
  manifest(
    remote: string,
    reference: { readonly tag: string } | { readonly digest: Digest },
    signal: AbortSignal,
  ): Promise<{ readonly digest: Digest; readonly mediaType: string; readonly bytes: Uint8Array } | undefined>;
  blobSize(remote: string, digest: Digest, signal: AbortSignal): Promise<number | undefined>;
  blob(
    remote: string,
    digest: Digest,
    fromByte: number,
    signal: AbortSignal,
  ): Promise<
    { readonly sizeBytes: number; readonly firstByte: number; readonly body: AsyncIterable<Uint8Array> } | undefined
  >;
}

export class RegistryServer implements ImageSource {
  readonly #clock: Clock;
  readonly #api: RegistryApi;
  readonly #catalog: RegistryCatalog;
  readonly #named: readonly string[];

  /** @param options.named repositories to take in the place of those that it lists; empty for its list. */
  constructor(
    deps: { readonly clock: Clock; readonly api: RegistryApi; readonly catalog: RegistryCatalog },
    options: { readonly named: readonly string[] },
  ) {
    this.#clock = deps.clock;
    this.#api = deps.api;
    this.#catalog = deps.catalog;
    this.#named = options.named;
  }

  async *repositories(onProblem: OnProblem, signal: AbortSignal): AsyncGenerator<string> {
    if (this.#named.length > 0) {
      yield* this.#named;
      return;
    }
    let last: string | undefined;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const page = await this.#patiently(() => this.#catalog.repositories({ last, limit: PAGE }, signal), signal);
      if (page === undefined)
        throw new AppError(
          'not_supported',
          'that registry does not list its repositories to us; name them, --only team/app,team/other, or log in, --user',
        );
      if (page.illegalCount > 0) onProblem(`the registry lists ${page.illegalCount} names that no repository may have`);
      yield* page.names;
      if (page.next === undefined || page.next === last) return;
      last = page.next;
    }
    throw endless();
  }

  async *tags(
    repository: string,
    onProblem: OnProblem,
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly tag: string; readonly digest: Digest }> {
    let last: string | undefined;
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const page = await this.#patiently(() => this.#api.tags(repository, { last, limit: PAGE }, signal), signal);
      if (page === undefined) {
        onProblem('the registry has no tags of it');
        return;
      }
      for (let at = 0; at < page.tags.length; at += LOOKS_AT_ONCE) {
        const some = page.tags.slice(at, at + LOOKS_AT_ONCE);
        const digests = await Promise.all(some.map((tag) => this.#digestOf(repository, tag, onProblem, signal)));
        for (const [index, tag] of some.entries()) {
          const digest = digests[index];
          if (digest !== undefined) yield { tag, digest };
        }
      }
      const end = page.tags.at(-1);
      if (!page.hasMore || end === undefined || end === last) return;
      last = end;
    }
    throw endless();
  }

  /** The API lists no others. */
  async *revisions(): AsyncGenerator<Digest> {
    // None.
  }

  async manifest(
    repository: string,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<{ readonly bytes: Uint8Array; readonly mediaType: string }> {
    const found = await this.#patiently(() => this.#api.manifest(repository, { digest }, signal), signal);
    if (found === undefined) throw new AppError('manifest_unknown', `the registry has no manifest ${digest} there`);
    return found;
  }

  async blob(repository: string, { digest }: { readonly digest: Digest }, signal: AbortSignal): Promise<SourceBlob> {
    const sizeBytes = await this.#patiently(() => this.#api.blobSize(repository, digest, signal), signal);
    if (sizeBytes === undefined)
      throw new AppError('blob_unknown', `the registry does not have the blob ${digest} there`);
    return {
      sizeBytes,
      bring: async (target: ImportTarget, stop: AbortSignal) => {
        const blob = { repository, digest, sizeBytes };
        await target.receive(blob, () => this.#bytes(blob, stop), stop);
        return 'copied';
      },
    };
  }

  async #digestOf(
    repository: string,
    tag: string,
    onProblem: OnProblem,
    signal: AbortSignal,
  ): Promise<Digest | undefined> {
    try {
      const said = await this.#patiently(() => this.#api.digestOfTag(repository, tag, signal), signal);
      if (said !== 'unsaid' && said !== undefined) return said;
      const found = await this.#patiently(() => this.#api.manifest(repository, { tag }, signal), signal);
      if (found === undefined) onProblem(`the tag ${tag} is listed and not there`);
      return found?.digest;
    } catch (error) {
      signal.throwIfAborted();
      if (!isAppError(error, 'upstream_unavailable')) throw error;
      onProblem(`the tag ${tag}: ${error.message}`);
      return undefined;
    }
  }

  /** All bytes of a blob; a connection that breaks is followed by another that goes on behind what came. */
  async *#bytes(
    blob: { readonly repository: string; readonly digest: Digest; readonly sizeBytes: number },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    let done = 0;
    for (let tries = 0; done < blob.sizeBytes; tries += 1) {
      const before = done;
      try {
        for await (const chunk of this.#from(blob, done, signal)) {
          if (done + chunk.byteLength > blob.sizeBytes)
            throw new AppError('size_mismatch', `the registry sends more of ${blob.digest} than it said`);
          done += chunk.byteLength;
          yield chunk;
        }
        if (done < blob.sizeBytes) throw new AppError('upstream_unavailable', `${blob.digest} broke off`);
      } catch (error) {
        signal.throwIfAborted();
        if (isAppError(error, 'size_mismatch') || (isAppError(error) && !isAppError(error, 'upstream_unavailable')))
          throw error;
        if (done > before) tries = 0;
        if (tries >= MAX_TRIES)
          throw new AppError('upstream_unavailable', `${blob.digest} breaks off again and again`, { cause: error });
        await this.#clock.sleep(RETRY_MS, signal);
      }
    }
  }

  async *#from(
    { repository, digest }: { readonly repository: string; readonly digest: Digest },
    fromByte: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const found = await this.#patiently(() => this.#api.blob(repository, digest, fromByte, signal), signal);
    if (found === undefined)
      throw new AppError('blob_unknown', `the registry does not have the blob ${digest} any more`);
    // Some send all of it, whatever part was asked for.
    let skip = fromByte - found.firstByte;
    for await (const chunk of found.body) {
      if (skip < chunk.byteLength) yield skip === 0 ? chunk : chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.byteLength);
    }
  }

  /** Waits when it is told to, and tries again when nobody answers. @throws {AppError} `node_unreachable` when nobody does. */
  async #patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await ask();
      } catch (error) {
        signal.throwIfAborted();
        const isBusy = isAppError(error, 'too_many_requests');
        const isSilent = isAppError(error, 'upstream_unavailable') && !(error.cause instanceof AppError);
        if (!isBusy && !isSilent) throw error;
        if (tries >= MAX_TRIES) throw isSilent && error.cause !== undefined ? gone(error) : error;
        const { retryAfterSeconds } = error.detail;
        const askedMs = typeof retryAfterSeconds === 'number' ? retryAfterSeconds * 1000 : RETRY_MS;
        await this.#clock.sleep(Math.min(Math.max(askedMs, RETRY_MS), MAX_RETRY_MS), signal);
      }
    }
  }
}

function gone(error: AppError): AppError {
  return new AppError('node_unreachable', error.message, { cause: error });
}

function endless(): AppError {
  return new AppError('not_supported', 'the lists of that registry have no end');
}

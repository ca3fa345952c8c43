// The images of one repository.

import type { LimitFunction } from 'p-limit';
import type { Digest } from '../../shared/oci/digest.ts';
import { isDigest } from '../../shared/oci/digest.ts';
import { parseManifest, type Descriptor, type ParsedManifest } from '../../shared/oci/manifest.ts';
import { isManifestMediaType } from '../../shared/oci/media-types.ts';
import { AppError, isAppError, type ErrorCode } from '../../shared/runtime/errors.ts';
import type { ImportDeps, ImportOptions } from './import-images.ts';
import { MAX_TAGS_AT_ONCE } from './import-target.ts';
import { inParallel } from './in-parallel.ts';

/** Indexes within indexes, deeper ones are a problem of that image: nobody builds more than two. */
const MAX_DEPTH = 8;
/** A push that waits for copies on origins is tried so often; each try waits for `durability.waitMs` itself. */
const MAX_TRIES = 60;
/** Pause between two tries. */
const RETRY_MS = 5_000;
/** Tags named in one message. */
const MAX_NAMED_TAGS = 3;

/** After these nothing else can be brought either. */
const FATAL: readonly ErrorCode[] = [
  'access_denied',
  'coordinator_unreachable',
  'credentials_required',
  'identity_refused',
  'node_unreachable',
  'not_enough_space',
  'shutting_down',
];
const WORTH_ANOTHER_TRY: readonly ErrorCode[] = ['not_enough_copies', 'timed_out', 'too_many_requests'];

/** Whether nothing more can be brought, whatever image is next. */
export function isFatal(error: AppError): boolean {
  return FATAL.includes(error.code);
}

interface RepositoryOptions extends ImportOptions {
  readonly repository: string;
  readonly tags: ReadonlyMap<Digest, readonly string[]>;
}

export class RepositoryImport {
  readonly #deps: ImportDeps & { readonly blobs: LimitFunction };
  readonly #options: RepositoryOptions;
  /** True when it is there in the end. One entry for each manifest of the repository, about 300 bytes. */
  readonly #manifests = new Map<Digest, Promise<boolean>>();

  constructor(deps: ImportDeps & { readonly blobs: LimitFunction }, options: RepositoryOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    await inParallel(this.#digests(signal), { workers: this.#options.jobs }, async (digest) => {
      signal.throwIfAborted();
      await this.#ensure(digest, 0, signal);
    });
  }

  /** Each digest may come twice; the second finds the first. */
  async *#digests(signal: AbortSignal): AsyncGenerator<Digest> {
    const { source, report } = this.#deps;
    const { repository, tags } = this.#options;
    yield* tags.keys();
    yield* source.revisions(repository, (what) => report.problem(`${repository}: ${what}`), signal);
  }

  #ensure(digest: Digest, depth: number, signal: AbortSignal): Promise<boolean> {
    const known = this.#manifests.get(digest);
    if (known !== undefined) return known;
    const coming = this.#tryBring(digest, depth, signal);
    this.#manifests.set(digest, coming);
    return coming;
  }

  async #tryBring(digest: Digest, depth: number, signal: AbortSignal): Promise<boolean> {
    const tags = this.#options.tags.get(digest) ?? [];
    try {
      await this.#bring(digest, { tags, depth }, signal);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!isAppError(error) || isFatal(error)) throw error;
      this.#deps.report.problem(`${this.#options.repository}${nameOf(digest, tags)}: ${error.message}`);
      return false;
    }
  }

  async #bring(
    digest: Digest,
    manifest: { readonly tags: readonly string[]; readonly depth: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { target, report } = this.#deps;
    const { repository } = this.#options;
    let read: ReadManifest | undefined;
    let wasHere: boolean | undefined;
    for (const tags of chunksOf(manifest.tags)) {
      const state = await target.state({ repository, digest, tags }, signal);
      const isHere = wasHere === undefined ? state.isPresent : true;
      wasHere ??= isHere;
      const toSet = this.#tagsToSet(digest, tags, state.tags);
      if (isHere && toSet.length === 0) continue;
      read ??= await this.#read(digest, signal);
      if (!isHere) await this.#bringContent(read.parsed, manifest.depth, signal);
      await this.#push(read, toSet, signal);
      report.tags('set', toSet.length);
    }
    report.manifest(wasHere === true ? 'present' : 'brought');
  }

  #tagsToSet(digest: Digest, tags: readonly string[], there: Readonly<Record<string, Digest>>): readonly string[] {
    const { report } = this.#deps;
    const other = tags.filter((tag) => there[tag] !== digest);
    report.tags('present', tags.length - other.length);
    if (this.#options.tagging === 'move') return other;
    const fresh = other.filter((tag) => !Object.hasOwn(there, tag));
    report.tags('kept', other.length - fresh.length);
    return fresh;
  }

  async #read(digest: Digest, signal: AbortSignal): Promise<ReadManifest> {
    const { bytes, mediaType } = await this.#deps.source.manifest(this.#options.repository, digest, signal);
    return { digest, bytes, parsed: parseManifest(bytes, mediaType) };
  }

  async #bringContent(manifest: ParsedManifest, depth: number, signal: AbortSignal): Promise<void> {
    if (depth >= MAX_DEPTH) throw new AppError('manifest_invalid', 'indexes within indexes, too many');
    const blobs: Descriptor[] = [...manifest.blobs];
    for (const child of manifest.children) {
      // An entry of an index may be a blob: build caches are kept so.
      if (isManifestMediaType(child.mediaType)) await this.#bringChild(child, depth, signal);
      else blobs.push(child);
    }
    const { blobs: limit } = this.#deps;
    const brought = await Promise.allSettled(blobs.map((blob) => limit(() => this.#bringBlob(blob, signal))));
    for (const one of brought) if (one.status === 'rejected') throw one.reason;
  }

  async #bringChild({ digest, platform }: Descriptor, depth: number, signal: AbortSignal): Promise<void> {
    if (isDigest(digest) && (await this.#ensure(digest, depth + 1, signal))) return;
    throw new AppError(
      'manifest_content_missing',
      `names ${platform ?? 'an image'} ${digest}, which did not come over`,
    );
  }

  /** Asked of the source first: what another repository holds is no leave to have it in this one. */
  async #bringBlob({ digest, sizeBytes }: Descriptor, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { source, target, report } = this.#deps;
    const { repository } = this.#options;
    if (!isDigest(digest))
      throw new AppError('digest_invalid', `names ${digest.slice(0, 80)}, of an unknown algorithm`);
    const blob = await source.blob(repository, { digest, sizeBytes }, signal);
    if (await target.hold({ repository, digest }, signal)) {
      report.blob('mounted', 0);
      return;
    }
    const way = await blob.bring(target, signal);
    report.blob(way, blob.sizeBytes);
  }

  async #push({ digest, parsed, bytes }: ReadManifest, tags: readonly string[], signal: AbortSignal): Promise<void> {
    const { target, clock } = this.#deps;
    const { repository, tagging } = this.#options;
    const { mediaType } = parsed;
    for (let tries = 1; ; tries += 1) {
      try {
        const pushed = { repository, digest, mediaType, bytes, tags };
        await target.push({ ...pushed, tagging: tagging === 'move' ? 'any' : 'new' }, signal);
        return;
      } catch (error) {
        if (tries >= MAX_TRIES || !isAppError(error, ...WORTH_ANOTHER_TRY)) throw error;
        await clock.sleep(RETRY_MS, signal);
      }
    }
  }
}

interface ReadManifest {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly parsed: ParsedManifest;
}

/** One that is empty for a manifest without a tag. */
function chunksOf(tags: readonly string[]): readonly (readonly string[])[] {
  const chunks: (readonly string[])[] = [];
  for (let at = 0; at === 0 || at < tags.length; at += MAX_TAGS_AT_ONCE) {
    chunks.push(tags.slice(at, at + MAX_TAGS_AT_ONCE));
  }
  return chunks;
}

function nameOf(digest: Digest, tags: readonly string[]): string {
  if (tags.length === 0) return `@${digest}`;
  const rest = tags.length - MAX_NAMED_TAGS;
  const named = tags.slice(0, MAX_NAMED_TAGS).join(', ');
  return `:${named}${rest > 0 ? ` and ${rest} more tags` : ''}`;
}

// A small working registry in memory behind the interfaces that the registry API uses: no files, no peers, no database.

import { digestOf, isDigest, type Digest } from '../../shared/oci/digest.ts';
import { parseManifest, type ParsedManifest } from '../../shared/oci/manifest.ts';
import type { Precondition } from '../../shared/protocol/coordinator-methods.ts';
import type { ReferrerDescriptor } from '../../shared/protocol/referrer-shape.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { BlobReader } from '../../node/content/blob-reader.ts';
import type {
  BlobRemoval,
  Blobs,
  Content,
  ManifestPush,
  ManifestReference,
  ManifestRemoval,
  Manifests,
  PulledManifest,
  ReferrerPage,
} from '../../node/content/content.ts';
import { FakeUploads } from './fake-uploads.ts';

interface StoredManifest {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly parsed: ParsedManifest;
}

interface Repository {
  readonly blobs: Map<Digest, Uint8Array>;
  readonly manifests: Map<Digest, StoredManifest>;
  readonly tags: Map<string, Digest>;
}

interface NamePage {
  readonly last?: string | undefined;
  readonly limit: number;
}

/** Everything that was pushed, by repository. */
class FakeRepositories {
  readonly #byName = new Map<string, Repository>();

  find(name: string): Repository | undefined {
    return this.#byName.get(name);
  }

  /** @throws {AppError} `repository_unknown` */
  need(name: string): Repository {
    const repository = this.#byName.get(name);
    if (repository !== undefined) return repository;
    throw new AppError('repository_unknown', 'no such repository');
  }

  make(name: string): Repository {
    const repository = this.#byName.get(name) ?? { blobs: new Map(), manifests: new Map(), tags: new Map() };
    this.#byName.set(name, repository);
    return repository;
  }

  /** Names of repositories that hold something. */
  names(): string[] {
    const isUsed = ([, { blobs, manifests }]: [string, Repository]): boolean => blobs.size + manifests.size > 0;
    return [...this.#byName].filter(isUsed).map(([name]) => name);
  }

  all(): readonly Repository[] {
    return [...this.#byName.values()];
  }
}

class FakeBlobs implements Blobs {
  readonly #repositories: FakeRepositories;

  constructor(repositories: FakeRepositories) {
    this.#repositories = repositories;
  }

  async stat(repository: string, digest: Digest): Promise<{ readonly sizeBytes: number } | undefined> {
    const bytes = this.#repositories.find(repository)?.blobs.get(digest);
    return bytes === undefined ? undefined : { sizeBytes: bytes.byteLength };
  }

  async open(repository: string, digest: Digest): Promise<BlobReader | undefined> {
    const bytes = this.#repositories.find(repository)?.blobs.get(digest);
    return bytes === undefined ? undefined : readerOf(bytes);
  }

  async remove({ repository, digest }: BlobRemoval): Promise<void> {
    if (this.#repositories.find(repository)?.blobs.delete(digest) === true) return;
    throw new AppError('blob_unknown', 'no such blob');
  }

  async mount(mount: {
    readonly repository: string;
    readonly digest: Digest;
    readonly from?: string | undefined;
  }): Promise<boolean> {
    const { repository, digest, from } = mount;
    const sources = from === undefined ? this.#repositories.all() : [this.#repositories.find(from)];
    const bytes = sources.map((source) => source?.blobs.get(digest)).find((found) => found !== undefined);
    if (bytes === undefined) return false;
    this.#repositories.make(repository).blobs.set(digest, bytes);
    return true;
  }
}

class FakeManifests implements Manifests {
  readonly #repositories: FakeRepositories;

  constructor(repositories: FakeRepositories) {
    this.#repositories = repositories;
  }

  async pull(name: string, reference: ManifestReference): Promise<PulledManifest> {
    const repository = this.#repositories.need(name);
    const digest = 'tag' in reference ? repository.tags.get(reference.tag) : reference.digest;
    const stored = digest === undefined ? undefined : repository.manifests.get(digest);
    if (stored === undefined) throw new AppError('manifest_unknown', 'no such manifest');
    return { digest: stored.digest, mediaType: stored.parsed.mediaType, bytes: stored.bytes };
  }

  async push(push: ManifestPush): Promise<{ readonly subject?: string | undefined }> {
    const parsed = parseManifest(push.bytes, push.mediaType);
    const known = this.#repositories.find(push.repository);
    const isHere = (digest: string): boolean => isDigest(digest) && known?.blobs.has(digest) === true;
    const isManifestHere = (digest: string): boolean => isDigest(digest) && known?.manifests.has(digest) === true;
    const missing = [
      ...parsed.blobs.filter(({ digest }) => !isHere(digest)),
      ...parsed.children.filter(({ digest }) => !isHere(digest) && !isManifestHere(digest)),
    ].map(({ digest }) => digest);
    if (missing.length > 0) {
      throw new AppError('manifest_content_missing', 'content is missing', { detail: { digests: missing } });
    }
    for (const tag of push.tags) checkPrecondition(push.precondition, known?.tags.get(tag));
    const repository = this.#repositories.make(push.repository);
    repository.manifests.set(push.digest, { digest: push.digest, bytes: push.bytes, parsed });
    for (const tag of push.tags) repository.tags.set(tag, push.digest);
    return { subject: parsed.subject };
  }

  async remove({ repository: name, reference }: ManifestRemoval): Promise<void> {
    const repository = this.#repositories.need(name);
    const isGone =
      'tag' in reference ? repository.tags.delete(reference.tag) : repository.manifests.delete(reference.digest);
    if (!isGone) throw new AppError('manifest_unknown', 'no such manifest');
    if ('tag' in reference) return;
    for (const [tag, digest] of repository.tags) if (digest === reference.digest) repository.tags.delete(tag);
  }

  async tags(name: string, page: NamePage): Promise<{ readonly tags: readonly string[]; readonly hasMore: boolean }> {
    const { names, hasMore } = pageOf([...this.#repositories.need(name).tags.keys()], page);
    return { tags: names, hasMore };
  }

  async repositories(
    page: NamePage & { readonly containing?: string },
  ): Promise<{ readonly repositories: readonly string[]; readonly hasMore: boolean }> {
    const { containing = '' } = page;
    const { names, hasMore } = pageOf(
      this.#repositories.names().filter((name) => name.includes(containing)),
      page,
    );
    return { repositories: names, hasMore };
  }

  async referrers(query: Parameters<Manifests['referrers']>[0]): Promise<ReferrerPage> {
    const { subject, artifactTypes, last, limit } = query;
    const found: ReferrerDescriptor[] = [];
    const manifests = [...(this.#repositories.find(query.repository)?.manifests.values() ?? [])];
    for (const { digest, bytes, parsed } of manifests) {
      const { mediaType, artifactType, annotations } = parsed;
      const isWanted =
        artifactTypes.length === 0 || (artifactType !== undefined && artifactTypes.includes(artifactType));
      if (parsed.subject !== subject || !isWanted || (last !== undefined && digest <= last)) continue;
      found.push({
        mediaType,
        digest,
        sizeBytes: bytes.byteLength,
        ...(artifactType === undefined ? {} : { artifactType }),
        ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      });
    }
    found.sort((left, right) => (left.digest < right.digest ? -1 : 1));
    const hasSubject = manifests.some(({ digest }) => digest === subject);
    return { descriptors: found.slice(0, limit), hasMore: found.length > limit, hasSubject };
  }
}

/** What tests look into and tamper with. */
export interface FakeContent extends Content {
  readonly uploads: FakeUploads;
  /** Puts a blob into a repository without a push. */
  addBlob(repository: string, bytes: Uint8Array): Digest;
}

export function createFakeContent(): FakeContent {
  const repositories = new FakeRepositories();
  const adopt = (repository: string, digest: Digest, bytes: Uint8Array): void => {
    repositories.make(repository).blobs.set(digest, bytes);
  };
  return {
    manifests: new FakeManifests(repositories),
    blobs: new FakeBlobs(repositories),
    uploads: new FakeUploads(adopt),
    addBlob: (repository, bytes) => {
      const digest = digestOf(bytes);
      adopt(repository, digest, bytes);
      return digest;
    },
  };
}

/** A reader over bytes in memory. */
export function readerOf(bytes: Uint8Array): BlobReader {
  return {
    sizeBytes: bytes.byteLength,
    read: async (target, position, signal) => {
      signal.throwIfAborted();
      const part = bytes.subarray(position, position + target.byteLength);
      target.set(part);
      return part.byteLength;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function checkPrecondition(precondition: Precondition | undefined, current: Digest | undefined): void {
  const { ifMatch, ifNoneMatch } = precondition ?? {};
  const isIn = (list: readonly string[]): boolean =>
    current !== undefined && (list.includes('*') || list.includes(current));
  const holds = (ifMatch === undefined || isIn(ifMatch)) && (ifNoneMatch === undefined || !isIn(ifNoneMatch));
  if (!holds) throw new AppError('precondition_failed', 'the tag is not where the request says');
}

function pageOf(
  all: readonly string[],
  page: NamePage,
): { readonly names: readonly string[]; readonly hasMore: boolean } {
  const { last, limit } = page;
  // Every name is ASCII, so the default order is the order of bytes.
  const rest = [...all].sort().filter((name) => last === undefined || name > last);
  return { names: rest.slice(0, limit), hasMore: rest.length > limit };
}

// What a tag or digest of a repository stands for.

import type { Params, Result } from '../../shared/protocol/coordinator-methods.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';

type Resolved = Result<'manifest.resolve'>;

/** Answers kept: a release is one tag, and the platforms below it. */
const MAX_KEPT = 1024;
/** Their bytes; manifests are a few KiB, and one of megabytes is not asked for often. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

/**
 * Always the state of this moment. Answers are kept until anything changes in the index, since a fleet asks for one tag
 * thousands of times.
 */
export class ManifestResolver {
  readonly #database: FleetDatabase;
  readonly #kept = new Map<string, Resolved>();
  #keptBytes = 0;
  #keptVersion = -1;

  constructor(deps: { readonly database: FleetDatabase }) {
    this.#database = deps.database;
  }

  /** The blobs are those that the manifest names and this repository holds (B-1). The answer may be given to others too: leave it as it is. */
  resolve(params: Params<'manifest.resolve'>): Resolved {
    const { repository, reference } = params;
    const version = this.#database.indexVersion;
    if (version !== this.#keptVersion) this.#forget(version);
    // No name of a repository holds a colon or an @.
    const key = 'tag' in reference ? `${repository}:${reference.tag}` : `${repository}@${reference.digest}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const answer = this.#read(params);
    if (answer.found) this.#keep(key, answer, answer.bytes.byteLength);
    return answer;
  }

  #read({ repository, reference }: Params<'manifest.resolve'>): Resolved {
    const database = this.#database;
    return database.read('resolve', () => {
      const repositoryId = database.repositories.find(repository);
      if (repositoryId === undefined) return { found: false, reason: 'repository_unknown' };
      const manifest =
        'tag' in reference
          ? database.manifests.byTag(repositoryId, reference.tag)
          : database.manifests.byDigest(repositoryId, reference.digest);
      if (manifest === undefined) return { found: false, reason: 'manifest_unknown' };
      const { digest, mediaType, bytes } = manifest;
      return {
        found: true,
        digest,
        mediaType,
        bytes,
        blobs: database.repositoryBlobs.ofManifest(repositoryId, digest),
      };
    });
  }

  #keep(key: string, answer: Resolved, bytes: number): void {
    if (this.#kept.size >= MAX_KEPT || this.#keptBytes + bytes > MAX_KEPT_BYTES) this.#forget(this.#keptVersion);
    this.#kept.set(key, answer);
    this.#keptBytes += bytes;
  }

  #forget(version: number): void {
    this.#kept.clear();
    this.#keptBytes = 0;
    this.#keptVersion = version;
  }
}

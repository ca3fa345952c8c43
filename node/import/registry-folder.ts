// The storage folder of a registry:2 or registry:3, as its filesystem driver lays it out. It is only read.
//
//   docker/registry/v2/
//     blobs/sha256/<ab>/<hex>/data                              the bytes of every blob and manifest
//     repositories/<name>/_layers/<algorithm>/<hex>/link        the repository holds this blob
//     repositories/<name>/_manifests/revisions/<algorithm>/<hex>/link      … this manifest
//     repositories/<name>/_manifests/tags/<tag>/current/link    what the tag points to
//
// A link is the text of a digest. That of a deleted revision or layer is gone and its folder stays. What was pushed under a
// sha512 digest lies under its sha256, which the link in the folder of its sha512 names. Whoever could push could name
// folders, and disks get damaged: names are checked, symbolic links are not followed, sizes are bounded.

import { constants, type Dirent } from 'node:fs';
import { lstat, open, opendir, readdir, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { algorithmOf, digestOf, encodedOf, isDigest, type Digest } from '../../shared/oci/digest.ts';
import { MAX_MANIFEST_BYTES } from '../../shared/oci/manifest.ts';
import { isRepositoryName, isTag } from '../../shared/oci/reference.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { ImageSource, OnProblem, SourceBlob } from './image-source.ts';

/** A link holds a digest, of 135 characters at most; a longer one is broken. */
const MAX_LINK_BYTES = 200;
/** Looks at a link that is empty; then it counts as damaged. A registry writes one within a millisecond. */
const MAX_LOOKS = 4;
/** Pause between two of them. */
const LOOK_AGAIN_MS = 20;
/** Further looks at empty links in one import: where a crash left thousands of them nobody waits for each. */
const MAX_FURTHER_LOOKS = 500;
/** Where the storage begins, below what people call the registry's folder. */
const LAYOUT = 'docker/registry/v2';

export class RegistryFolder implements ImageSource {
  readonly #repositories: string;
  readonly #blobs: string;
  readonly #clock: Clock;
  #looksLeft = MAX_FURTHER_LOOKS;

  private constructor({ clock }: { readonly clock: Clock }, root: string) {
    this.#clock = clock;
    this.#repositories = join(root, 'repositories');
    this.#blobs = join(root, 'blobs');
  }

  /** @param folder what the container has at /var/lib/registry, or a folder in it. @throws {AppError} `config_invalid` */
  static async open(deps: { readonly clock: Clock }, folder: string): Promise<RegistryFolder> {
    for (const below of [LAYOUT, 'registry/v2', 'v2', '.']) {
      const root = resolve(folder, below);
      if ((await kindOf(join(root, 'repositories'))) !== 'folder' || (await kindOf(join(root, 'blobs'))) !== 'folder')
        continue;
      return new RegistryFolder(deps, await realpath(root));
    }
    const why =
      (await kindOf(folder)) === 'none' ? 'is not there' : `is not the storage of a registry: it has no ${LAYOUT}`;
    throw new AppError(
      'config_invalid',
      `${folder} ${why}. Name the folder that the registry container has at /var/lib/registry.`,
    );
  }

  async *repositories(onProblem: OnProblem): AsyncGenerator<string> {
    yield* this.#below('', onProblem);
  }

  async *#below(name: string, onProblem: OnProblem): AsyncGenerator<string> {
    for (const entry of await foldersOf(join(this.#repositories, name), onProblem)) {
      if (entry === '_manifests' && name !== '') yield name;
      if (entry.startsWith('_')) continue;
      const inner = name === '' ? entry : `${name}/${entry}`;
      if (isRepositoryName(inner)) yield* this.#below(inner, onProblem);
      else onProblem(`${JSON.stringify(inner)} is not a name that a repository may have`);
    }
  }

  async *tags(
    repository: string,
    onProblem: OnProblem,
  ): AsyncGenerator<{ readonly tag: string; readonly digest: Digest }> {
    const folder = join(this.#repositories, repository, '_manifests/tags');
    for await (const tag of streamFolders(folder, onProblem)) {
      if (!isTag(tag)) {
        onProblem(`${JSON.stringify(tag)} is not a name that a tag may have`);
        continue;
      }
      const link = await this.#readLink(join(folder, tag, 'current/link'));
      if (link.type === 'digest') yield { tag, digest: link.digest };
      else onProblem(`the tag ${tag} leads nowhere: its link is ${link.type === 'none' ? 'gone' : 'damaged'}`);
    }
  }

  async *revisions(repository: string, onProblem: OnProblem): AsyncGenerator<Digest> {
    const folder = join(this.#repositories, repository, '_manifests/revisions');
    for await (const algorithm of streamFolders(folder, onProblem)) {
      for await (const hex of streamFolders(join(folder, algorithm), onProblem)) {
        const digest = `${algorithm}:${hex}`;
        if (!isDigest(digest)) {
          onProblem(`${JSON.stringify(digest)} is not a digest`);
          continue;
        }
        const link = await this.#readLink(join(folder, algorithm, hex, 'link'));
        if (link.type === 'digest') yield digest;
        else if (link.type === 'damaged') onProblem(`the link of the manifest ${digest} is damaged`);
      }
    }
  }

  async manifest(repository: string, digest: Digest): Promise<{ readonly bytes: Uint8Array }> {
    const folder = join(this.#repositories, repository, '_manifests/revisions', algorithmOf(digest), encodedOf(digest));
    const link = await this.#readLink(join(folder, 'link'));
    if (link.type !== 'digest')
      throw new AppError('manifest_unknown', `the manifest ${digest} was deleted, or its link is damaged`);
    const bytes = await readSmallFile(this.#pathOf(link.digest), MAX_MANIFEST_BYTES);
    if (bytes === 'none') throw new AppError('manifest_unknown', `the bytes of the manifest ${digest} are gone`);
    if (bytes === 'too-large') throw new AppError('manifest_too_large', `the manifest ${digest} is too large`);
    if (digestOf(bytes, algorithmOf(digest)) === digest) return { bytes };
    throw new AppError('digest_mismatch', `the manifest ${digest} is damaged: its bytes have another digest`);
  }

  async blob(repository: string, { digest }: { readonly digest: Digest }): Promise<SourceBlob> {
    const folder = join(this.#repositories, repository, '_layers', algorithmOf(digest), encodedOf(digest));
    const link = await this.#readLink(join(folder, 'link'));
    if (link.type === 'none') throw new AppError('blob_unknown', `the repository does not hold the blob ${digest}`);
    if (link.type === 'damaged') throw new AppError('blob_unknown', `the link of the blob ${digest} is damaged`);
    const path = this.#pathOf(link.digest);
    const found = await lstat(path).catch(noneIfMissing);
    if (found === undefined) throw new AppError('blob_unknown', `the bytes of the blob ${digest} are gone`);
    const sizeBytes = found.size;
    return {
      sizeBytes,
      bring: async (target, signal) => target.adoptFile({ repository, digest, path, sizeBytes }, signal),
    };
  }

  /** A registry that runs empties a link before it writes it anew: one without a byte is looked at again. */
  async #readLink(path: string): Promise<Link> {
    for (let look = 1; ; look += 1) {
      const bytes = await readSmallFile(path, MAX_LINK_BYTES);
      if (bytes === 'none') return { type: 'none' };
      if (bytes === 'too-large') return { type: 'damaged' };
      const text = Buffer.from(bytes).toString('latin1').trim();
      if (isDigest(text)) return { type: 'digest', digest: text };
      if (bytes.byteLength > 0 || look === MAX_LOOKS || this.#looksLeft === 0) return { type: 'damaged' };
      this.#looksLeft -= 1;
      await this.#clock.sleep(LOOK_AGAIN_MS, new AbortController().signal); // too short to be worth an end
    }
  }

  #pathOf(digest: Digest): string {
    const hex = encodedOf(digest);
    return join(this.#blobs, algorithmOf(digest), hex.slice(0, 2), hex, 'data');
  }
}

type Link =
  | { readonly type: 'digest'; readonly digest: Digest }
  | { readonly type: 'none' }
  | { readonly type: 'damaged' };

/** An ordinary file of a few bytes; what is something else, or hangs as a pipe does, is none. */
async function readSmallFile(path: string, maxBytes: number): Promise<Uint8Array | 'none' | 'too-large'> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(noneIfMissing);
  if (handle === undefined) return 'none';
  try {
    const { size, ...stats } = await handle.stat().then((found) => ({ size: found.size, isFile: found.isFile() }));
    if (!stats.isFile) return 'none';
    if (size > maxBytes) return 'too-large';
    const bytes = Buffer.alloc(size);
    const { bytesRead } = await handle.read(bytes, 0, size, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** In order of their names. */
async function foldersOf(path: string, onProblem: OnProblem): Promise<readonly string[]> {
  const entries = (await readdir(path, { withFileTypes: true }).catch(noneIfMissing)) ?? [];
  return entries.flatMap((entry) => nameOfFolder(entry, path, onProblem)).sort();
}

async function* streamFolders(path: string, onProblem: OnProblem): AsyncGenerator<string> {
  const folder = await opendir(path).catch(noneIfMissing);
  if (folder === undefined) return;
  for await (const entry of folder) yield* nameOfFolder(entry, path, onProblem);
}

function nameOfFolder(entry: Dirent, path: string, onProblem: OnProblem): string[] {
  if (entry.isDirectory()) return [entry.name];
  if (entry.isSymbolicLink()) onProblem(`${join(path, entry.name)} is a symbolic link, and not followed`);
  return [];
}

async function kindOf(path: string): Promise<'folder' | 'other' | 'none'> {
  const real = await realpath(path).catch(noneIfMissing);
  if (real === undefined) return 'none';
  return (await lstat(real)).isDirectory() ? 'folder' : 'other';
}

/** Not there, or below something that is no folder, or a symbolic link where a file belongs. @throws {AppError} `access_denied` */
function noneIfMissing(error: unknown): undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'ENAMETOOLONG'].includes(code)) return undefined;
  if (code !== 'EACCES' && code !== 'EPERM') throw error;
  const path = error instanceof Error && 'path' in error ? String(error.path) : 'the folder';
  throw new AppError(
    'access_denied',
    `this user may not read ${path}; run this as root, or as who runs that registry`,
    {
      cause: error,
    },
  );
}

// What this node last heard from the coordinator, on disk.
//
//   known/journal.jsonl            one JSON entry a line; the last one for a key wins, `"x":1` forgets it
//   known/manifests/<alg>/<hex>    manifest bytes, shared by every repository that names them
//
// Entries live in memory, the least recently heard first, at most `maxEntries` of them. Lines are appended a
// moment after they are heard and never flushed: losing the newest ones costs nothing but an older answer.

import { open, readFile, readdir, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { KnownIndex } from '../content/known-index.ts';
import type { ManifestReference, PulledManifest } from '../content/content.ts';
import { algorithmOf, digestOf, encodedOf, isDigest, type Digest } from '../../shared/oci/digest.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { makeFolders } from '../../shared/runtime/make-folders.ts';

export interface KnownJournalOptions {
  readonly folder: string;
  /** Tags, manifests and blobs remembered in all; the least recently heard are forgotten. 300 bytes each in memory. */
  readonly maxEntries: number;
  /** Manifest bytes kept in memory besides the files. */
  readonly maxCachedBytes: number;
}

/** The images of a busy host; what was heard longest ago is forgotten first, from memory and then from the journal. */
export const KNOWN_JOURNAL_DEFAULTS = { maxEntries: 20_000, maxCachedBytes: 8 * 1024 * 1024 } as const;

type Entry =
  | { readonly k: 'tag'; readonly r: string; readonly t: string; readonly d: Digest }
  | { readonly k: 'manifest'; readonly r: string; readonly d: Digest; readonly m: string }
  | { readonly k: 'blob'; readonly r: string; readonly d: Digest; readonly s: number };

/** Lines beyond twice the live entries and this many start a compaction. */
const COMPACTION_SLACK_LINES = 2000;
/** Manifests waiting for the disk, up to 4 MiB each; further ones are not remembered this time. */
const MAX_PENDING_MANIFESTS = 32;

export class KnownJournal implements KnownIndex, AsyncDisposable {
  readonly #options: KnownJournalOptions;
  readonly #log: Logger;
  readonly #entries: Map<string, Entry>;
  readonly #cache = new Map<Digest, Uint8Array>();
  #cachedBytes = 0;
  #file: FileHandle;
  #lines: number;
  readonly #pending: string[] = [];
  readonly #pendingManifests = new Map<Digest, Uint8Array>();
  /** Manifests whose files this process wrote or read whole. Those of an earlier one were not flushed. */
  readonly #onDisk = new Set<Digest>();
  #writing: Promise<void> | undefined;

  /** Opens or creates the journal in `options.folder`; broken lines (a crash while writing) are passed over. */
  static async open(deps: { readonly log: Logger }, options: KnownJournalOptions): Promise<KnownJournal> {
    await makeFolders(join(options.folder, 'manifests'), 0o700);
    const { entries, lines, isTorn } = await readEntries(journalPath(options.folder));
    const file = await open(journalPath(options.folder), 'a', 0o600);
    if (isTorn) await file.appendFile('\n');
    const journal = new KnownJournal(deps.log, options, { entries, lines, file });
    journal.#forgetOldest();
    return journal;
  }

  private constructor(
    log: Logger,
    options: KnownJournalOptions,
    state: { readonly entries: Map<string, Entry>; readonly lines: number; readonly file: FileHandle },
  ) {
    this.#log = log;
    this.#options = options;
    this.#entries = state.entries;
    this.#lines = state.lines;
    this.#file = state.file;
  }

  async manifest(repository: string, reference: ManifestReference): Promise<PulledManifest | undefined> {
    const digest = 'digest' in reference ? reference.digest : this.#tagDigest(repository, reference.tag);
    if (digest === undefined) return undefined;
    const entry = this.#entries.get(manifestKey(repository, digest));
    if (entry?.k !== 'manifest') return undefined;
    const bytes = await this.#manifestBytes(digest);
    return bytes === undefined ? undefined : { digest, mediaType: entry.m, bytes };
  }

  blobSize(repository: string, digest: Digest): number | undefined {
    const entry = this.#entries.get(blobKey(repository, digest));
    return entry?.k === 'blob' ? entry.s : undefined;
  }

  rememberManifest(repository: string, reference: ManifestReference, manifest: PulledManifest): void {
    const { digest, mediaType, bytes } = manifest;
    if ('tag' in reference && this.#tagDigest(repository, reference.tag) !== digest) {
      this.#remember(tagKey(repository, reference.tag), { k: 'tag', r: repository, t: reference.tag, d: digest });
    }
    const known = this.#entries.get(manifestKey(repository, digest));
    const isKept = this.#onDisk.has(digest) || this.#pendingManifests.has(digest);
    if (known?.k === 'manifest' && known.m === mediaType && isKept) return;
    if (this.#pendingManifests.size >= MAX_PENDING_MANIFESTS) return;
    this.#pendingManifests.set(digest, bytes);
    this.#keepInMemory(digest, bytes);
    this.#remember(manifestKey(repository, digest), { k: 'manifest', r: repository, d: digest, m: mediaType });
  }

  rememberBlob(repository: string, digest: Digest, sizeBytes: number): void {
    const key = blobKey(repository, digest);
    const known = this.#entries.get(key);
    if (known?.k === 'blob' && known.s === sizeBytes) return;
    this.#remember(key, { k: 'blob', r: repository, d: digest, s: sizeBytes });
  }

  forgetManifest(repository: string, reference: ManifestReference): void {
    if ('tag' in reference) {
      this.#forget(tagKey(repository, reference.tag));
      return;
    }
    this.#forget(manifestKey(repository, reference.digest));
    for (const [key, entry] of this.#entries) {
      if (entry.k === 'tag' && entry.r === repository && entry.d === reference.digest) this.#forget(key);
    }
  }

  forgetBlob(repository: string, digest: Digest): void {
    this.#forget(blobKey(repository, digest));
  }

  /** Writes what was heard and not yet written. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    await this.#file.close();
  }

  #tagDigest(repository: string, tag: string): Digest | undefined {
    const entry = this.#entries.get(tagKey(repository, tag));
    return entry?.k === 'tag' ? entry.d : undefined;
  }

  #remember(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#forgetOldest();
    this.#append(JSON.stringify(entry));
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#append(JSON.stringify({ ...entry, x: 1 }));
  }

  #forgetOldest(): void {
    for (const key of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.maxEntries) return;
      this.#entries.delete(key);
    }
  }

  #append(line: string): void {
    this.#pending.push(line);
    this.#writing ??= this.#writePending().finally(() => (this.#writing = undefined));
  }

  async #writePending(): Promise<void> {
    while (this.#pending.length > 0) {
      // One turn later, so that a manifest and its blobs go out in one write.
      await new Promise((resolve) => setImmediate(resolve));
      const lines = this.#pending.splice(0);
      const manifests = [...this.#pendingManifests];
      this.#pendingManifests.clear();
      try {
        for (const [digest, bytes] of manifests) await this.#writeManifest(digest, bytes);
        await this.#file.appendFile(`${lines.join('\n')}\n`);
        this.#lines += lines.length;
        if (this.#lines > this.#entries.size * 2 + COMPACTION_SLACK_LINES) await this.#compact();
      } catch (error) {
        this.#log.warn({ err: error, lines: lines.length }, 'last known answers could not be written');
      }
    }
  }

  async #writeManifest(digest: Digest, bytes: Uint8Array): Promise<void> {
    const path = manifestPath(this.#options.folder, digest);
    await makeFolders(join(path, '..'), 0o700);
    await writeFile(`${path}.new`, bytes, { mode: 0o600 });
    await rename(`${path}.new`, path);
    this.#onDisk.add(digest);
  }

  /** Rewrites the journal with live entries only and removes manifest files that none of them names. */
  async #compact(): Promise<void> {
    const path = journalPath(this.#options.folder);
    const live = [...this.#entries.values()];
    await writeFile(`${path}.new`, live.map((entry) => `${JSON.stringify(entry)}\n`).join(''), { mode: 0o600 });
    await rename(`${path}.new`, path);
    await this.#file.close();
    this.#file = await open(path, 'a', 0o600);
    this.#lines = live.length;
    const named = new Set(live.filter((entry) => entry.k === 'manifest').map((entry) => entry.d));
    for (const algorithm of await readdir(join(this.#options.folder, 'manifests'))) {
      for (const name of await readdir(join(this.#options.folder, 'manifests', algorithm))) {
        const digest = `${algorithm}:${name}`;
        if (isDigest(digest) && (named.has(digest) || this.#pendingManifests.has(digest))) continue;
        if (isDigest(digest)) this.#onDisk.delete(digest);
        await rm(join(this.#options.folder, 'manifests', algorithm, name), { force: true });
      }
    }
  }

  async #manifestBytes(digest: Digest): Promise<Uint8Array | undefined> {
    const cached = this.#cache.get(digest);
    if (cached !== undefined) return cached;
    const bytes = await readFile(manifestPath(this.#options.folder, digest)).catch(undefinedIfAbsent);
    // A crash can leave a short file behind: what does not hash to its name is as good as absent.
    if (bytes === undefined || digestOf(bytes, algorithmOf(digest)) !== digest) return undefined;
    this.#onDisk.add(digest);
    this.#keepInMemory(digest, bytes);
    return bytes;
  }

  #keepInMemory(digest: Digest, bytes: Uint8Array): void {
    if (this.#cache.has(digest)) return;
    this.#cache.set(digest, bytes);
    this.#cachedBytes += bytes.byteLength;
    for (const [oldest, oldBytes] of this.#cache) {
      if (this.#cachedBytes <= this.#options.maxCachedBytes) return;
      this.#cache.delete(oldest);
      this.#cachedBytes -= oldBytes.byteLength;
    }
  }
}

function tagKey(repository: string, tag: string): string {
  return `t ${repository} ${tag}`;
}

function manifestKey(repository: string, digest: Digest): string {
  return `m ${repository} ${digest}`;
}

function blobKey(repository: string, digest: Digest): string {
  return `b ${repository} ${digest}`;
}

function journalPath(folder: string): string {
  return join(folder, 'journal.jsonl');
}

function manifestPath(folder: string, digest: Digest): string {
  return join(folder, 'manifests', algorithmOf(digest), encodedOf(digest));
}

async function readEntries(path: string): Promise<{ entries: Map<string, Entry>; lines: number; isTorn: boolean }> {
  const text = (await readFile(path).catch(undefinedIfAbsent))?.toString('utf8') ?? '';
  const entries = new Map<string, Entry>();
  const lines = text.split('\n').filter((line) => line !== '');
  for (const line of lines) {
    const parsed = parseLine(line);
    if (parsed === undefined) continue;
    const key = keyOf(parsed.entry);
    entries.delete(key);
    if (!parsed.isForgotten) entries.set(key, parsed.entry);
  }
  return { entries, lines: lines.length, isTorn: text !== '' && !text.endsWith('\n') };
}

function keyOf(entry: Entry): string {
  if (entry.k === 'tag') return tagKey(entry.r, entry.t);
  return entry.k === 'manifest' ? manifestKey(entry.r, entry.d) : blobKey(entry.r, entry.d);
}

/** @returns undefined for a line that a crash cut short or that is not one of ours. */
function parseLine(line: string): { entry: Entry; isForgotten: boolean } | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch {
    return undefined; // cut short by a crash; the answer is asked for again
  }
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { k, r, t, d, m, s, x } = raw as Record<string, unknown>;
  if (typeof r !== 'string' || typeof d !== 'string' || !isDigest(d)) return undefined;
  const isForgotten = x === 1;
  if (k === 'tag' && typeof t === 'string') return { entry: { k, r, t, d }, isForgotten };
  if (k === 'manifest' && typeof m === 'string') return { entry: { k, r, d, m }, isForgotten };
  if (k === 'blob' && typeof s === 'number' && Number.isSafeInteger(s)) return { entry: { k, r, d, s }, isForgotten };
  return undefined;
}

function undefinedIfAbsent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

// All upload sessions of a node. They live in memory, their bytes on disk; a restart finds them again.

import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import Type from 'typebox';
import { Check } from 'typebox/value';
import type { Digest } from '../../shared/oci/digest.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { AdoptedBlob, UploadChunk, UploadId, UploadOptions, UploadStore } from '../content/blob-store.ts';
import { hasCode } from './flushed-file.ts';
import { FOLDER_MODE, FILE_MODE, type StorePaths } from './store-paths.ts';
import { UPLOAD_DATA, UploadSession, type UploadSessionDeps, type UploadSessionState } from './upload-session.ts';

/** Sessions at once; the next takes the place of an empty one that nobody came back to, or is refused with 429. Each costs a folder and about 1 KiB; a thousand docker pushes at once have 5000. */
const MAX_SESSIONS = 10_000;
/**
 * A session that got no byte for so long gives way when there are too many: clients send the first one at once. Otherwise
 * whoever only opens sessions, as any page in a browser on this host can, would end all pushing for as long as they last.
 */
const GIVES_WAY_MS = 60_000;
const SESSION_FILE = 'session.json';
const UPLOAD_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const SessionFile = Type.Object({
  repository: Type.String({ minLength: 1, maxLength: 255 }),
  algorithm: Type.Union([Type.Literal('sha256'), Type.Literal('sha512')]),
  owner: Type.Optional(Type.String({ maxLength: 4096 })),
});

type SessionDescription = Pick<UploadSessionState, 'repository' | 'algorithm' | 'owner'>;

interface UploadSessionsDeps extends UploadSessionDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly paths: StorePaths;
}

export interface UploadSessionsOptions {
  /** A session ends this long after its last byte (U-8). */
  readonly expiryMs: number;
  /** How often expired sessions are looked for. */
  readonly purgeEveryMs: number;
  /** Whether a session ends at all by its age. */
  readonly purging: 'on' | 'off' | 'dry-run';
}

/** The upload store. `open` resumes what is on disk. */
export class UploadSessions implements UploadStore, AsyncDisposable {
  readonly #deps: UploadSessionsDeps;
  readonly #options: UploadSessionsOptions;
  readonly #sessions = new Map<string, UploadSession>();
  #creatingCount = 0;
  #purge: Scheduled | undefined;
  #isClosed = false;

  private constructor(deps: UploadSessionsDeps, options: UploadSessionsOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  static async open(deps: UploadSessionsDeps, options: UploadSessionsOptions): Promise<UploadSessions> {
    const sessions = new UploadSessions(deps, options);
    for (const name of await readdir(deps.paths.uploads)) await sessions.#resume(name);
    await sessions.#purgeExpired();
    sessions.#purgeLater();
    return sessions;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  async create(repository: string, { algorithm = 'sha256', owner }: UploadOptions = {}): Promise<UploadId> {
    this.#refuseWhenClosed();
    if (this.#sessions.size + this.#creatingCount >= MAX_SESSIONS && !(await this.#makeRoom())) {
      throw new AppError('too_many_requests', 'too many uploads are open');
    }
    this.#creatingCount += 1;
    try {
      const id = parseUploadId(randomUUID());
      const folder = this.#deps.paths.upload(id);
      const touchedMs = this.#deps.clock.wallMs();
      await writeSession(folder, { repository, algorithm, owner, touchedMs });
      const state = { id, repository, algorithm, owner, folder, offset: 0, touchedMs };
      this.#sessions.set(id, new UploadSession(this.#deps, state));
      return id;
    } finally {
      this.#creatingCount -= 1;
    }
  }

  async owner(repository: string, id: string): Promise<string | undefined> {
    return (await this.#session(repository, id)).owner;
  }

  async offset(repository: string, id: string): Promise<number> {
    return (await this.#session(repository, id)).offset;
  }

  async append(repository: string, id: string, chunk: UploadChunk, signal: AbortSignal): Promise<number> {
    const session = await this.#session(repository, id);
    return session.append(chunk, signal);
  }

  // oxlint-disable-next-line eslint/max-params -- the interface has this shape
  async finish(
    repository: string,
    id: string,
    digest: Digest,
    chunk: UploadChunk | undefined,
    signal: AbortSignal,
  ): Promise<AdoptedBlob> {
    const session = await this.#session(repository, id);
    try {
      return await session.finish(digest, chunk, signal);
    } finally {
      if (session.isEnded) this.#sessions.delete(id);
    }
  }

  async cancel(repository: string, id: string): Promise<void> {
    const session = await this.#session(repository, id);
    await session.cancel();
    this.#sessions.delete(id);
  }

  /** Interrupts writers; their bytes are kept for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#purge?.cancel();
    const reason = new AppError('shutting_down', 'the node is shutting down');
    await Promise.all([...this.#sessions.values()].map((session) => session.close(reason)));
    this.#sessions.clear();
  }

  #refuseWhenClosed(): void {
    if (this.#isClosed) throw new AppError('shutting_down', 'the node is shutting down');
  }

  async #session(repository: string, id: string): Promise<UploadSession> {
    this.#refuseWhenClosed();
    const session = this.#sessions.get(id);
    if (session !== undefined && this.#options.purging === 'on' && this.#isExpired(session)) await this.#drop(session);
    else if (session !== undefined && !session.isEnded && session.repository === repository) return session;
    throw new AppError('upload_unknown', 'no such upload', { detail: { upload: id.slice(0, 64) } });
  }

  #isExpired(session: UploadSession): boolean {
    return session.isUnusedSince(this.#deps.clock.wallMs() - this.#options.expiryMs);
  }

  async #drop(session: UploadSession): Promise<void> {
    this.#sessions.delete(session.id);
    await session.cancel();
  }

  /** Ends the oldest session that was opened and never used. @returns false when there is none. */
  async #makeRoom(): Promise<boolean> {
    const beforeMs = this.#deps.clock.wallMs() - GIVES_WAY_MS;
    for (const session of this.#sessions.values()) {
      if (!session.isStillEmptySince(beforeMs)) continue;
      await this.#drop(session);
      return true;
    }
    return false;
  }

  async #purgeExpired(): Promise<void> {
    const { purging } = this.#options;
    for (const session of this.#sessions.values()) {
      if (purging === 'off' || !this.#isExpired(session)) continue;
      if (purging === 'dry-run') {
        this.#deps.log.info({ upload: session.id, repository: session.repository }, 'unfinished upload would expire');
        continue;
      }
      await this.#drop(session);
      this.#deps.log.info({ upload: session.id, repository: session.repository }, 'unfinished upload expired');
    }
  }

  #purgeLater(): void {
    if (this.#isClosed) return;
    this.#purge = this.#deps.clock.schedule(Math.min(this.#options.purgeEveryMs, this.#options.expiryMs), () => {
      this.#purgeExpired()
        .catch((error: unknown) => this.#deps.log.warn({ err: error }, 'expired uploads could not be removed'))
        .finally(() => this.#purgeLater());
    });
  }

  /** Takes a session up again, or deletes what a crash left of one. */
  async #resume(name: string): Promise<void> {
    const folder = join(this.#deps.paths.uploads, name);
    const found = UPLOAD_ID.test(name) ? await readSession(folder) : undefined;
    if (found === undefined) {
      await rm(folder, { recursive: true, force: true });
      return;
    }
    const id = parseUploadId(name);
    this.#sessions.set(id, new UploadSession(this.#deps, { id, folder, ...found }));
  }
}

/** A name that may be used as one of a file. */
function parseUploadId(text: string): UploadId {
  if (!UPLOAD_ID.test(text)) throw new AppError('upload_unknown', 'no such upload');
  return text as UploadId;
}

/** The description comes last: a session without one was not acknowledged. It need not survive a power cut. */
async function writeSession(
  folder: string,
  session: SessionDescription & { readonly touchedMs: number },
): Promise<void> {
  const { touchedMs, ...description } = session;
  await mkdir(folder, { mode: FOLDER_MODE });
  try {
    const data = await open(join(folder, UPLOAD_DATA), 'wx', FILE_MODE);
    try {
      await data.utimes(touchedMs / 1000, touchedMs / 1000);
    } finally {
      await data.close();
    }
    await writeFile(join(folder, SESSION_FILE), JSON.stringify(description), { mode: FILE_MODE });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function readSession(
  folder: string,
): Promise<(SessionDescription & { readonly offset: number; readonly touchedMs: number }) | undefined> {
  try {
    const description: unknown = JSON.parse(await readFile(join(folder, SESSION_FILE), 'utf8'));
    if (!Check(SessionFile, description)) return undefined;
    const { size, mtimeMs } = await stat(join(folder, UPLOAD_DATA));
    return { ...description, offset: size, touchedMs: mtimeMs };
  } catch (error) {
    const isIncomplete = error instanceof SyntaxError || hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR');
    if (isIncomplete) return undefined;
    throw error;
  }
}

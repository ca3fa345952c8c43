// The file that `htpasswd -B` writes: a name and a bcrypt hash in each line. Read again when it changes.

import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Account, Accounts } from './accounts.ts';
import { BCRYPT_HASH, DUMMY_HASH } from './password-hash.ts';

/** The file is looked at again after so long: a changed password counts within a second. */
const LOOK_EVERY_MS = 1000;
/** Largest file; some hundred thousand users. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/**
 * Names and hashes. Lines are trimmed, empty ones and those that begin with `#` left out; hashes other than bcrypt never match.
 * @throws {AppError} `config_invalid` naming the line that is wrong.
 */
export function parseHtpasswd(text: string): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    if (colon < 1) {
      throw new AppError('config_invalid', `line ${index + 1} of the htpasswd file is not of the form NAME:HASH`);
    }
    entries.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return entries;
}

export interface HtpasswdDeps {
  readonly bcrypt: { compare(password: string, hash: string): Promise<boolean> };
  readonly clock: Clock;
  readonly log: Logger;
}

export class HtpasswdFile implements Accounts {
  readonly #deps: HtpasswdDeps;
  readonly #path: string;
  #entries: ReadonlyMap<string, string> = new Map();
  /** Accounts of the entries, made when they are asked for. */
  readonly #accounts = new Map<string, Account>();
  #state = '';
  #lookedMs = -Infinity;

  private constructor(deps: HtpasswdDeps, path: string) {
    this.#deps = deps;
    this.#path = path;
  }

  /** @throws {AppError} `config_invalid` when there is no such file: nobody is let in with a password that we made up. */
  static async open(deps: HtpasswdDeps, path: string): Promise<HtpasswdFile> {
    const file = new HtpasswdFile(deps, path);
    try {
      await file.#read();
    } catch (cause) {
      throw new AppError('config_invalid', unreadable(path, cause), { cause });
    }
    return file;
  }

  async verify(user: string, password: string): Promise<Account | undefined> {
    await this.#refresh();
    const hash = this.#entries.get(user);
    const isKnown = hash !== undefined && BCRYPT_HASH.test(hash);
    const isRight = await this.#deps.bcrypt.compare(password, isKnown ? hash : DUMMY_HASH);
    return isKnown && isRight ? this.#account(user, hash) : undefined;
  }

  async find(user: string): Promise<Account | undefined> {
    await this.#refresh();
    return this.#find(user);
  }

  findAtOnce(user: string): Account | undefined {
    return this.#isLookDue(this.#deps.clock.nowMs()) ? undefined : this.#find(user);
  }

  #find(user: string): Account | undefined {
    const hash = this.#entries.get(user);
    return hash === undefined ? undefined : this.#account(user, hash);
  }

  /** With a version of a hash that is still the one of the file: it may have been read again while a password was computed. */
  #account(user: string, hash: string): Account {
    if (this.#entries.get(user) !== hash) return accountOf(user, hash);
    const kept = this.#accounts.get(user) ?? accountOf(user, hash);
    this.#accounts.set(user, kept);
    return kept;
  }

  #isLookDue(nowMs: number): boolean {
    return nowMs - this.#lookedMs >= LOOK_EVERY_MS;
  }

  /** A file that cannot be read now leaves those in who were in before. */
  async #refresh(): Promise<void> {
    const { clock, log } = this.#deps;
    const nowMs = clock.nowMs();
    if (!this.#isLookDue(nowMs)) return;
    this.#lookedMs = nowMs;
    try {
      await this.#read();
    } catch (err) {
      log.warn({ path: this.#path, err }, 'cannot read the htpasswd file; the last one that could be read counts');
    }
  }

  async #read(): Promise<void> {
    const { size, mtimeMs, ino } = await stat(this.#path);
    const state = `${ino}/${mtimeMs}/${size}`;
    if (state === this.#state) return;
    if (size > MAX_FILE_BYTES) throw new AppError('config_invalid', 'the htpasswd file is too large');
    this.#entries = parseHtpasswd(await readFile(this.#path, 'utf8'));
    this.#accounts.clear();
    this.#state = state;
    this.#lookedMs = this.#deps.clock.nowMs();
    const others = [...this.#entries].filter(([, hash]) => !BCRYPT_HASH.test(hash)).length;
    if (others > 0)
      this.#deps.log.warn(
        { path: this.#path, count: others },
        'some users have hashes other than bcrypt (htpasswd -B) and cannot log in',
      );
    if (this.#entries.size === 0)
      this.#deps.log.warn(
        { path: this.#path },
        'the htpasswd file holds no user, so nobody can log in; add one with htpasswd -B',
      );
  }
}

/** `-c` begins the file anew, so it is advised only where there is none. */
function unreadable(path: string, cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
    return `the htpasswd file ${path} is not there; make it with: htpasswd -Bc ${path} USER`;
  }
  return `cannot read the htpasswd file ${path}: ${cause instanceof Error ? cause.message : String(cause)}`;
}

function accountOf(name: string, hash: string): Account {
  return { name, version: createHash('sha256').update(hash).digest('base64url').slice(0, 22) };
}

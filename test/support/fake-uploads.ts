// Upload sessions in memory, with the rules of the real ones: one writer at a time, bytes before a broken connection kept.

import { randomUUID } from 'node:crypto';
import { digestOf, algorithmOf, type Digest } from '../../shared/oci/digest.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { UploadChunk, UploadId, UploadOptions } from '../../node/content/blob-store.ts';
import type { UploadFinish, Uploads } from '../../node/content/content.ts';

interface Session {
  readonly repository: string;
  readonly owner: string | undefined;
  bytes: Buffer;
  /** Resolves when the last writer in line is done. */
  turn: Promise<unknown>;
}

export class FakeUploads implements Uploads {
  readonly #sessions = new Map<string, Session>();
  readonly #adopt: (repository: string, digest: Digest, bytes: Buffer) => void;

  /** @param adopt takes a finished blob. */
  constructor(adopt: (repository: string, digest: Digest, bytes: Buffer) => void) {
    this.#adopt = adopt;
  }

  /** Open sessions, for tests that look for leaks. */
  get openCount(): number {
    return this.#sessions.size;
  }

  begin(repository: string, { owner }: UploadOptions = {}): Promise<UploadId> {
    const id = randomUUID();
    this.#sessions.set(id, { repository, owner, bytes: Buffer.alloc(0), turn: Promise.resolve() });
    return Promise.resolve(id as string as UploadId);
  }

  async owner(repository: string, id: string): Promise<string | undefined> {
    return this.#session(repository, id).owner;
  }

  async offset(repository: string, id: string): Promise<number> {
    return this.#session(repository, id).bytes.length;
  }

  async append(repository: string, id: string, chunk: UploadChunk, signal: AbortSignal): Promise<number> {
    return this.#inTurn(repository, id, async (session) => {
      session.bytes = await appended(session, chunk, signal);
      return session.bytes.length;
    });
  }

  async finish({ repository, id, digest, chunk }: UploadFinish, signal: AbortSignal): Promise<void> {
    await this.#inTurn(repository, id, async (session) => {
      if (chunk !== undefined) session.bytes = await appended(session, chunk, signal);
      this.#sessions.delete(id);
      const found = digestOf(session.bytes, algorithmOf(digest));
      if (found !== digest)
        throw new AppError('digest_mismatch', 'content does not match its digest', { detail: { found } });
      this.#adopt(repository, digest, session.bytes);
    });
  }

  async cancel(repository: string, id: string): Promise<void> {
    this.#session(repository, id);
    this.#sessions.delete(id);
  }

  #session(repository: string, id: string): Session {
    const session = this.#sessions.get(id);
    if (session?.repository === repository) return session;
    throw new AppError('upload_unknown', 'no such upload session');
  }

  async #inTurn<T>(repository: string, id: string, act: (session: Session) => Promise<T>): Promise<T> {
    const { turn } = this.#session(repository, id);
    const result = turn.then(() => act(this.#session(repository, id)));
    this.#session(repository, id).turn = result.catch(() => undefined);
    return result;
  }
}

/** The session's bytes with the chunk's; what arrived before a broken connection is put into the session. */
async function appended(session: Session, chunk: UploadChunk, signal: AbortSignal): Promise<Buffer> {
  const { firstByte, lengthBytes, body } = chunk;
  const offset = session.bytes.length;
  if (firstByte !== undefined && firstByte !== offset) {
    throw new AppError('upload_out_of_order', 'chunk does not start where the last one ended', { detail: { offset } });
  }
  const parts: Uint8Array[] = [session.bytes];
  let received = 0;
  try {
    const take = (part: Uint8Array): undefined => {
      received += part.byteLength;
      parts.push(Uint8Array.from(part));
    };
    await body.pour(take, signal);
  } catch (error) {
    session.bytes = Buffer.concat(parts);
    throw error;
  }
  if (lengthBytes !== undefined && received !== lengthBytes) {
    throw new AppError('size_mismatch', 'the chunk has another length', { detail: { lengthBytes, received } });
  }
  return Buffer.concat(parts);
}

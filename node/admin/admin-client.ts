// The node on this host, as a command reaches it over its socket.

import { access } from 'node:fs/promises';
import { Agent, request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { ApiFailure } from '../../shared/protocol/admin-api.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { parseJson, readText } from '../../shared/runtime/json-answer.ts';
import type { AdoptionMode, AdoptionWay } from '../content/blob-store.ts';
import type { ImportedManifest, ImportTarget, RepositoryDigest } from '../import/import-target.ts';
import { BLOB_BODY, Done, FileAnswer, HoldAnswer, MANIFEST_BODY, StateAnswer } from './import-api.ts';
import { withSocketPath } from './socket-path.ts';

/** Largest answer, a larger one is given up: the state of a hundred tags is about 30 KiB. */
const MAX_ANSWER_BYTES = 1024 * 1024;

interface Call<T extends TSchema> {
  readonly method: 'POST' | 'PUT';
  readonly path: string;
  readonly contentType: string;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  readonly answer: T;
}

interface AdminClientOptions {
  readonly mode: AdoptionMode;
  /** Calls at once; the next wait. */
  readonly maxCalls: number;
  /** What the command is and who runs it, for the audit log. */
  readonly userAgent: string;
}

export class AdminClient implements ImportTarget, Disposable {
  readonly #socket: string;
  readonly #mode: AdoptionMode;
  readonly #agent: Agent;
  readonly #userAgent: string;

  private constructor(socket: string, options: AdminClientOptions) {
    this.#socket = socket;
    this.#mode = options.mode;
    this.#userAgent = options.userAgent;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.maxCalls });
  }

  /** @throws {AppError} `node_unreachable` when no node runs there. */
  static async open(socket: string, options: AdminClientOptions): Promise<AdminClient> {
    const missing = await access(socket).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (missing !== undefined) throw unreachable(socket, missing);
    return new AdminClient(socket, options);
  }

  state(
    manifest: RepositoryDigest & { readonly tags: readonly string[] },
    signal: AbortSignal,
  ): ReturnType<ImportTarget['state']> {
    const { repository, digest, tags } = manifest;
    return this.#post('/import/state', { repository, digest, tags }, StateAnswer, signal);
  }

  async hold({ repository, digest }: RepositoryDigest, signal: AbortSignal): Promise<boolean> {
    return (await this.#post('/import/hold', { repository, digest }, HoldAnswer, signal)).isHeld;
  }

  async adoptFile(file: RepositoryDigest & { readonly path: string }, signal: AbortSignal): Promise<AdoptionWay> {
    const { repository, digest, path } = file;
    const { way } = await this.#post(
      '/import/file',
      { repository, digest, path, mode: this.#mode },
      FileAnswer,
      signal,
    );
    return way;
  }

  async receive(
    blob: RepositoryDigest & { readonly sizeBytes: number },
    open: () => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const { repository, digest, sizeBytes } = blob;
    const path = `/import/blob?${query({ repository, digest, sizeBytes })}`;
    await this.#call({ method: 'PUT', path, contentType: BLOB_BODY, body: open(), answer: Done }, signal);
  }

  async push({ bytes, ...manifest }: ImportedManifest, signal: AbortSignal): Promise<void> {
    const path = `/import/manifest?${query(manifest)}`;
    await this.#call({ method: 'PUT', path, contentType: MANIFEST_BODY, body: bytes, answer: Done }, signal);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  #post<T extends TSchema>(path: string, body: object, answer: T, signal: AbortSignal): Promise<Static<T>> {
    const bytes = Buffer.from(JSON.stringify(body), 'utf8');
    return this.#call({ method: 'POST', path, contentType: 'application/json', body: bytes, answer }, signal);
  }

  /** No time limit: a large file takes minutes to hash, and a node that ended closes the socket. */
  async #call<T extends TSchema>(call: Call<T>, signal: AbortSignal): Promise<Static<T>> {
    const { status, text } = await this.#exchange(call, signal).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw cause instanceof AppError ? cause : unreachable(this.#socket, cause);
    });
    const value = parseJson(text);
    if (status === 200 && Check(call.answer, value)) return value;
    if (status !== 200 && Check(ApiFailure, value)) throw new AppError(value.code, value.message);
    throw new AppError('message_invalid', `the node answered something else (${status}); is it of the same version?`);
  }

  async #exchange(
    { method, path, contentType, body }: Omit<Call<TSchema>, 'answer'>,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly text: string }> {
    return withSocketPath(this.#socket, async (socketPath) => {
      const headers = { 'content-type': contentType, 'user-agent': this.#userAgent };
      const request = httpRequest({ socketPath, agent: this.#agent, method, path, headers, signal });
      const answered = new Promise<IncomingMessage>((resolve, reject) => {
        request.once('response', resolve);
        request.once('error', reject);
      });
      answered.catch(() => undefined); // it is awaited below, unless sending fails first
      if (body instanceof Uint8Array) request.end(body);
      else await send(body, request, { answered, signal });
      const response = await answered;
      return { status: response.statusCode ?? 0, text: await readText(response, MAX_ANSWER_BYTES) };
    });
  }
}

/** Sends until all is sent, or the node has answered before: then the rest is wanted by nobody. */
async function send(
  body: AsyncIterable<Uint8Array>,
  request: ClientRequest,
  { answered, signal }: { readonly answered: Promise<IncomingMessage>; readonly signal: AbortSignal },
): Promise<void> {
  const sent = pipeline(Readable.from(body, { objectMode: false }), request, { signal });
  const early = await Promise.race([sent.then(() => undefined), answered]);
  if (early === undefined) return;
  early.once('end', () => request.destroy());
  sent.catch(() => undefined); // cut by the line above
}

function query(value: object): string {
  return new URLSearchParams({ of: JSON.stringify(value) }).toString();
}

function unreachable(socket: string, cause: unknown): AppError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'EACCES' || code === 'EPERM')
    return new AppError('access_denied', `${socket} is another user's; run this as the user that the node runs as`, {
      cause,
    });
  const said = cause instanceof Error ? cause.message : String(cause);
  const isStopped = ['ENOENT', 'ENOTDIR', 'ECONNREFUSED'].includes(code);
  const reason = isStopped ? 'no node runs with this data folder' : said;
  const advice = 'Start it (`shoal up`, `shoal node` or `shoal serve`) and run this again, with the same --data';
  return new AppError('node_unreachable', `cannot reach the node at ${socket}: ${reason}. ${advice}`, { cause });
}

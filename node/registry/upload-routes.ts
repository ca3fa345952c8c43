// Upload sessions (distribution-spec v1.1, "Pushing blobs"): opening, chunks, closing, status, cancelling, mounting.

import { rangeLength } from '../../shared/oci/byte-range.ts';
import { EMPTY_DIGEST, algorithmOf, digestOf, isDigest, parseDigest, type Digest } from '../../shared/oci/digest.ts';
import { isRepositoryName } from '../../shared/oci/reference.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { UploadChunk, UploadOptions } from '../content/blob-store.ts';
import type { Blobs, Uploads } from '../content/content.ts';
import { bareAnswer, emptyAnswer, type Answer } from './answer.ts';
import type { ApiRequest } from './api-request.ts';
import { parseChunkRange } from './content-range.ts';
import { errorAnswer } from './oci-error.ts';
import type { Methods, PathOf, Route } from './route.ts';
import { maySeeEverything, type AccessPolicy, type Subject } from './access.ts';

const UPLOAD_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const EMPTY_SHA512_DIGEST = digestOf(new Uint8Array(0), 'sha512');

interface UploadDeps {
  readonly uploads: Uploads;
  readonly blobs: Blobs;
  readonly log: Logger;
}

interface OpeningDeps extends UploadDeps {
  readonly access: AccessPolicy;
}

/** Routes of `blobs/uploads/`. */
export function uploadsRoutes(deps: OpeningDeps): Methods<'uploads'> {
  return { POST: (path, request) => openUpload(deps, path, request) };
}

/** Routes of a session URL. */
export function uploadRoutes(deps: UploadDeps): Methods<'upload'> {
  const own =
    (route: Route<'upload'>): Route<'upload'> =>
    async (path, request) => {
      await requireOwner(deps, path, request.subject);
      return route(path, request);
    };
  const status = own(async (path) => {
    const offset = await deps.uploads.offset(path.repository, path.id);
    return bareAnswer(204, ...sessionHeaders(path, offset));
  });
  return {
    GET: status,
    HEAD: status,
    PATCH: own((path, request) => appendChunk(deps, path, request)),
    PUT: own((path, request) => finishUpload(deps, path, request)),
    DELETE: own(async (path) => {
      await deps.uploads.cancel(path.repository, path.id);
      return bareAnswer(204, 'Docker-Upload-UUID', path.id);
    }),
  };
}

/**
 * A session belongs to who began it; to everybody else there is none. Ids are UUIDs: anything else names no session, and never
 * gets near a file name. @throws {AppError} `upload_unknown`
 */
async function requireOwner({ uploads }: UploadDeps, path: PathOf<'upload'>, subject: Subject): Promise<void> {
  const isOwn = UPLOAD_ID.test(path.id) && (await uploads.owner(path.repository, path.id)) === subject;
  if (!isOwn) throw new AppError('upload_unknown', 'no such upload session');
}

/** Which form it is, in this order: mount, whole blob, plain session. */
async function openUpload(deps: OpeningDeps, path: PathOf<'uploads'>, request: ApiRequest): Promise<Answer> {
  const { repository } = path;
  const { query, subject: owner } = request;
  const mount = query.first('mount');
  if (mount !== undefined) {
    return (
      (await tryMount(deps, { repository, mount, from: query.first('from') }, request)) ??
      openSession(deps, repository, { owner })
    );
  }
  if (query.first('digest') !== undefined) return pushWhole(deps, repository, request);
  const algorithm = query.first('digest-algorithm');
  if (algorithm === undefined) return openSession(deps, repository, { owner });
  if (algorithm === 'sha256' || algorithm === 'sha512') return openSession(deps, repository, { algorithm, owner });
  throw new AppError('digest_invalid', 'digest algorithm is not served', {
    detail: { algorithm: algorithm.slice(0, 80) },
  });
}

async function openSession(deps: UploadDeps, repository: string, options: UploadOptions): Promise<Answer> {
  const id = await deps.uploads.begin(repository, options);
  return emptyAnswer(202, ...sessionHeaders({ repository, id }, 0));
}

/**
 * Whatever cannot be mounted, also what makes no sense, becomes a session: the client then pushes the bytes. A mount that names no
 * source would give the blobs of all repositories to whoever knows their digests, so it is for those alone who may see them anyway.
 */
async function tryMount(
  deps: OpeningDeps,
  wanted: { readonly repository: string; readonly mount: string; readonly from: string | undefined },
  request: ApiRequest,
): Promise<Answer | undefined> {
  const { repository, mount, from } = wanted;
  if (!isDigest(mount) || (from !== undefined && !isRepositoryName(from))) return undefined;
  if (from === undefined && !(await maySeeEverything(deps.access, request))) return undefined;
  const isMounted = await deps.blobs.mount({ repository, digest: mount, from, by: request.requester }, request.signal);
  return isMounted ? blobCreated(repository, mount) : undefined;
}

/** POST with the whole blob as its body. A failure leaves nothing, not even the session that it used. */
async function pushWhole(deps: UploadDeps, repository: string, request: ApiRequest): Promise<Answer> {
  const digest = digestParameter(request);
  const chunk = await wholeChunk(request);
  const isEmptyBlob = digest === EMPTY_DIGEST || digest === EMPTY_SHA512_DIGEST;
  const options = { algorithm: algorithmOf(digest), owner: request.subject };
  if (chunk === undefined && !isEmptyBlob) return openSession(deps, repository, options);
  const id = await deps.uploads.begin(repository, options);
  try {
    await deps.uploads.finish({ repository, id, digest, chunk, by: request.requester }, request.signal);
  } catch (error) {
    await deps.uploads.cancel(repository, id).catch((cancelError: unknown) => {
      // A wrong digest has already ended the session.
      if (!isAppError(cancelError, 'upload_unknown')) deps.log.warn({ err: cancelError }, 'upload session not removed');
    });
    throw error;
  }
  return blobCreated(repository, digest);
}

/** The body as one chunk; undefined when it is empty, which a chunked body only shows by ending at once. */
async function wholeChunk(request: ApiRequest): Promise<UploadChunk | undefined> {
  const { body } = request;
  if (!(await body.hasBytes(request.signal))) return undefined;
  const { lengthBytes } = body;
  return lengthBytes === undefined ? { body } : { lengthBytes, body };
}

async function appendChunk(deps: UploadDeps, path: PathOf<'upload'>, request: ApiRequest): Promise<Answer> {
  const { repository, id } = path;
  return inOrder(deps, path, async () => {
    const offset = await deps.uploads.append(repository, id, chunkOf(request), request.signal);
    return emptyAnswer(202, ...sessionHeaders(path, offset));
  });
}

async function finishUpload(deps: UploadDeps, path: PathOf<'upload'>, request: ApiRequest): Promise<Answer> {
  const { repository, id } = path;
  const digest = digestParameter(request);
  return inOrder(deps, path, async () => {
    const hasChunk = request.body.mayHaveBytes || request.headers['content-range'] !== undefined;
    const chunk = hasChunk ? chunkOf(request) : undefined;
    await deps.uploads.finish({ repository, id, digest, chunk, by: request.requester }, request.signal);
    return blobCreated(repository, digest);
  });
}

/** Answers a chunk that is out of order with where the session stands, so that the client can go on without asking. */
async function inOrder(deps: UploadDeps, path: PathOf<'upload'>, act: () => Promise<Answer>): Promise<Answer> {
  try {
    return await act();
  } catch (error) {
    if (!isAppError(error, 'upload_out_of_order', 'range_invalid')) throw error;
    const { offset } = error.detail;
    const known = typeof offset === 'number' ? offset : await deps.uploads.offset(path.repository, path.id);
    const answer = errorAnswer(error);
    return { ...answer, headers: [...answer.headers, ...sessionHeaders(path, known)] };
  }
}

/** @throws {AppError} `range_invalid`, `size_mismatch` */
function chunkOf(request: ApiRequest): UploadChunk {
  const chunkRange = parseChunkRange(request.headers['content-range']);
  const { lengthBytes } = request.body;
  switch (chunkRange.type) {
    case 'absent':
      return { ...(lengthBytes === undefined ? {} : { lengthBytes }), body: request.body };
    case 'broken':
      throw new AppError('range_invalid', 'Content-Range is not <first>-<last>');
    case 'range': {
      const expected = rangeLength(chunkRange.range);
      if (lengthBytes !== undefined && lengthBytes !== expected) {
        throw new AppError('size_mismatch', 'Content-Range and Content-Length differ', {
          detail: { expected, lengthBytes },
        });
      }
      return { firstByte: chunkRange.range.first, lengthBytes: expected, body: request.body };
    }
    default: {
      const never: never = chunkRange;
      return never;
    }
  }
}

/** @throws {AppError} `digest_invalid` when it is missing, malformed, not served, or said twice with different values. */
function digestParameter(request: ApiRequest): Digest {
  const values = request.query.all('digest');
  const [value] = values;
  if (value === undefined || new Set(values).size !== 1) {
    throw new AppError('digest_invalid', 'the digest parameter must be there, once');
  }
  return parseDigest(value);
}

/** `Range` is inclusive and without a unit; with nothing received it reads as with one byte, and clients know. */
function sessionHeaders(session: { readonly repository: string; readonly id: string }, offset: number): string[] {
  const location = `/v2/${session.repository}/blobs/uploads/${session.id}`;
  return ['Location', location, 'Range', `0-${Math.max(0, offset - 1)}`, 'Docker-Upload-UUID', session.id];
}

function blobCreated(repository: string, digest: Digest): Answer {
  return emptyAnswer(201, 'Location', `/v2/${repository}/blobs/${digest}`, 'Docker-Content-Digest', digest);
}

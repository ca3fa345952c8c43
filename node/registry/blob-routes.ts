// GET, HEAD and DELETE of blobs (distribution-spec v1.1, "Pulling blobs"; ranges by RFC 9110, section 14).

import { randomBytes } from 'node:crypto';
import { decideRange, rangeLength, type ByteRange } from '../../shared/oci/byte-range.ts';
import { classifyDigest, type Digest } from '../../shared/oci/digest.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { BlobReader } from '../content/blob-reader.ts';
import type { Blobs } from '../content/content.ts';
import type { PullEvents } from '../content/pull-events.ts';
import { API_VERSION, bareAnswer, emptyAnswer, type Answer, type BlobPart } from './answer.ts';
import type { ApiRequest } from './api-request.ts';
import { allowsRange, entityTag, matchesEntityTag } from './conditional.ts';
import { switchedOff, type Methods, type PathOf } from './route.ts';

const BLOB_TYPE = 'application/octet-stream';
/** A year: bytes under a digest never change. */
const CACHE_CONTROL = 'max-age=31536000';

interface BlobRouteDeps {
  readonly blobs: Blobs;
  readonly pullEvents?: PullEvents | undefined;
  readonly log: Logger;
}

export function blobRoutes(deps: BlobRouteDeps, options: { readonly isDeletable: boolean }): Methods<'blob'> {
  return {
    GET: (path, request) => getBlob(deps, path, request),
    HEAD: (path, request) => headBlob(deps, path, request),
    DELETE: (path, request) => {
      if (!options.isDeletable) throw switchedOff('blobs', 'GET, HEAD');
      return deleteBlob(deps, path, request);
    },
  };
}

async function getBlob(deps: BlobRouteDeps, path: PathOf<'blob'>, request: ApiRequest): Promise<Answer> {
  const digest = heldDigest(path.digest);
  if (matchesEntityTag(request.headers['if-none-match'], digest)) return headBlob(deps, path, request);
  const ifRange = request.headers['if-range'];
  const range = allowsRange(typeof ifRange === 'string' ? ifRange : undefined, digest)
    ? request.headers.range
    : undefined;
  const ranges = (sizeBytes: number): readonly ByteRange[] | undefined => rangesRead(range, sizeBytes);
  const reader = await deps.blobs.open(path.repository, digest, ranges, request.signal);
  if (reader === undefined) throw blobUnknown(digest);
  tellPull(deps, request, { repository: path.repository, digest, sizeBytes: reader.sizeBytes });
  return answerFrom(reader, digest, range);
}

/** Never opens the blob, so it never starts a download. `Range` means nothing here. */
async function headBlob(deps: BlobRouteDeps, path: PathOf<'blob'>, request: ApiRequest): Promise<Answer> {
  const digest = heldDigest(path.digest);
  const stat = await deps.blobs.stat(path.repository, digest, request.signal);
  if (stat === undefined) throw blobUnknown(digest);
  if (matchesEntityTag(request.headers['if-none-match'], digest)) {
    return bareAnswer(304, 'Docker-Content-Digest', digest, 'ETag', entityTag(digest));
  }
  tellPull(deps, request, { repository: path.repository, digest, sizeBytes: stat.sizeBytes });
  return { status: 200, headers: blobHeaders(digest, BLOB_TYPE, stat.sizeBytes) };
}

function tellPull(
  { pullEvents }: BlobRouteDeps,
  request: ApiRequest,
  blob: { readonly repository: string; readonly digest: Digest; readonly sizeBytes: number },
): void {
  if (pullEvents?.areWanted !== true) return;
  pullEvents.add({ kind: 'blob', ...blob, mediaType: BLOB_TYPE, by: request.requester });
}

async function deleteBlob(
  deps: { readonly blobs: Blobs; readonly log: Logger },
  path: PathOf<'blob'>,
  request: ApiRequest,
): Promise<Answer> {
  const digest = heldDigest(path.digest);
  await deps.blobs.remove({ repository: path.repository, digest, by: request.requester }, request.signal);
  deps.log.info({ repository: path.repository, digest }, 'blob deleted');
  return emptyAnswer(202);
}

/** What the answer will read of the blob; undefined for all of it. @param range as for `answerFrom`. */
function rangesRead(range: string | undefined, sizeBytes: number): readonly ByteRange[] | undefined {
  const decision = decideRange(range, sizeBytes);
  if (decision.type === 'unsatisfiable') return [];
  if (decision.type === 'multiple') return decision.ranges;
  if (decision.type === 'whole' || rangeLength(decision.range) === sizeBytes) return undefined;
  return [decision.range];
}

/** @param range the `Range` header, or undefined when it does not count. */
function answerFrom(reader: BlobReader, digest: Digest, range: string | undefined): Answer {
  const { sizeBytes } = reader;
  const decision = decideRange(range, sizeBytes);
  switch (decision.type) {
    case 'whole': {
      const headers = blobHeaders(digest, BLOB_TYPE, sizeBytes);
      const parts = sizeBytes === 0 ? [] : [{ range: { first: 0, last: sizeBytes - 1 } }];
      return { status: 200, headers, body: { digest, reader, parts } };
    }
    case 'single': {
      const headers = blobHeaders(digest, BLOB_TYPE, rangeLength(decision.range));
      headers.push('Content-Range', contentRange(decision.range, sizeBytes));
      return { status: 206, headers, body: { digest, reader, parts: [{ range: decision.range }] } };
    }
    case 'multiple':
      return multipartAnswer(reader, digest, decision.ranges);
    case 'unsatisfiable': {
      const headers = [...API_VERSION, 'Content-Length', '0', 'Content-Range', `bytes */${sizeBytes}`];
      return { status: 416, headers, body: { digest, reader, parts: [] } };
    }
    default: {
      const never: never = decision;
      return never;
    }
  }
}

/** RFC 9110, section 14.6. The boundary is random, so no content can hold it on purpose. */
function multipartAnswer(reader: BlobReader, digest: Digest, ranges: readonly ByteRange[]): Answer {
  const boundary = randomBytes(18).toString('hex');
  const parts: BlobPart[] = ranges.map((range, index) => {
    const lines = [
      `--${boundary}`,
      `Content-Type: ${BLOB_TYPE}`,
      `Content-Range: ${contentRange(range, reader.sizeBytes)}`,
      '',
      '',
    ];
    return { range, prefix: Buffer.from((index === 0 ? '' : '\r\n') + lines.join('\r\n')) };
  });
  const suffix = Buffer.from(`\r\n--${boundary}--\r\n`);
  let lengthBytes = suffix.byteLength;
  for (const part of parts) lengthBytes += rangeLength(part.range) + (part.prefix?.byteLength ?? 0);
  const headers = blobHeaders(digest, `multipart/byteranges; boundary=${boundary}`, lengthBytes);
  return { status: 206, headers, body: { digest, reader, parts, suffix } };
}

function blobHeaders(digest: Digest, contentType: string, lengthBytes: number): string[] {
  const content = ['Content-Type', contentType, 'Content-Length', String(lengthBytes)];
  const identity = ['Docker-Content-Digest', digest, 'ETag', entityTag(digest)];
  return [...API_VERSION, ...content, ...identity, 'Accept-Ranges', 'bytes', 'Cache-Control', CACHE_CONTROL];
}

function contentRange(range: ByteRange, sizeBytes: number): string {
  return `bytes ${range.first}-${range.last}/${sizeBytes}`;
}

/** A digest that this registry may hold. A legal one of another algorithm is just not there. */
function heldDigest(text: string): Digest {
  const result = classifyDigest(text);
  if (result.type === 'served') return result.digest;
  if (result.type === 'unserved') throw blobUnknown(text);
  throw new AppError('digest_invalid', 'malformed digest', { detail: { digest: text.slice(0, 160) } });
}

function blobUnknown(digest: string): AppError {
  return new AppError('blob_unknown', 'the repository does not have this blob', {
    detail: { digest: digest.slice(0, 160) },
  });
}

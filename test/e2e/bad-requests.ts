// Requests that are wrong in one way each, and what the API says of them (OCI distribution-spec v1.1; the codes that
// it leaves open are ours).

import type { HttpRequest } from '../support/http-exchange.ts';

/** Without a code the body is empty or free. */
export interface BadRequest {
  readonly what: string;
  readonly request: HttpRequest;
  readonly status: number;
  readonly code?: string;
}

/** What has to be there before: a blob of 2048 bytes in `bad/input`, and an open upload session. */
export interface Surroundings {
  readonly blobDigest: string;
  readonly sessionPath: string;
}

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const absent = `sha256:${'0'.repeat(64)}`;

/** Every one of them, made for these surroundings. None changes anything, so all can be sent again and again. */
export function badRequests({ blobDigest, sessionPath }: Surroundings): BadRequest[] {
  return [
    ...badNames(),
    ...badDigests(sessionPath),
    ...badRanges(blobDigest),
    ...badManifests(),
    ...badUploads(sessionPath),
  ];
}

function badNames(): BadRequest[] {
  const names = {
    'a capital': 'Capital',
    'an empty part': 'a//b',
    'a leading dash': '-a',
    'a parent folder, escaped': 'a/%2e%2e/b',
    'a slash, escaped': 'a%2fb',
    'a NUL, escaped': 'a%00b',
    'a backslash, escaped': 'a%5cb',
    'half a UTF-8 letter': 'a%c3',
    'more letters than allowed': 'a'.repeat(300),
  };
  const bad = Object.entries(names).map(([what, name]): BadRequest => {
    return { what: `a name with ${what}`, request: get(`/v2/${name}/tags/list`), status: 400, code: 'NAME_INVALID' };
  });
  return [
    ...bad,
    { what: 'an unknown path', request: get('/v2/bad/input/nothing'), status: 404, code: 'UNSUPPORTED' },
    { what: 'a wrong method', request: send('PUT', '/v2/bad/input/tags/list'), status: 405, code: 'UNSUPPORTED' },
    { what: 'a negative page', request: get('/v2/bad/input/tags/list?n=-1'), status: 400, code: 'UNSUPPORTED' },
  ];
}

function badDigests(sessionPath: string): BadRequest[] {
  const blob = (digest: string): HttpRequest => get(`/v2/bad/input/blobs/${digest}`);
  const close = (query: string): HttpRequest => send('PUT', `${sessionPath}${query}`);
  const md5 = 'md5:d41d8cd98f00b204e9800998ecf8427e';
  return [
    { what: 'a short digest', request: blob('sha256:abc'), status: 400, code: 'DIGEST_INVALID' },
    { what: 'capitals in a digest', request: blob(`sha256:${'A'.repeat(64)}`), status: 400, code: 'DIGEST_INVALID' },
    { what: 'a path in a digest', request: blob('sha256:..%2f..%2fetc'), status: 400, code: 'DIGEST_INVALID' },
    { what: 'a blob that is not there', request: blob(absent), status: 404, code: 'BLOB_UNKNOWN' },
    { what: 'an algorithm that is not served', request: blob(md5), status: 404, code: 'BLOB_UNKNOWN' },
    { what: 'an upload closed without digest', request: close(''), status: 400, code: 'DIGEST_INVALID' },
    { what: 'an upload closed with md5', request: close(`?digest=${md5}`), status: 400, code: 'DIGEST_INVALID' },
  ];
}

function badRanges(blobDigest: string): BadRequest[] {
  const ranged = (range: string): HttpRequest => ({ ...get(`/v2/bad/input/blobs/${blobDigest}`), headers: { range } });
  const many = Array.from({ length: 500 }, (_, index) => `${index}-${index}`).join(',');
  return [
    { what: 'a range past the end', request: ranged('bytes=5000-10000'), status: 416 },
    { what: 'a range backwards', request: ranged('bytes=500-0'), status: 416 },
    { what: 'a range of words', request: ranged('bytes=a-b'), status: 416 },
    { what: 'a range beyond all integers', request: ranged(`bytes=${'9'.repeat(40)}-`), status: 416 },
    { what: 'a range of another unit', request: ranged('items=0-1'), status: 200 },
    { what: 'more ranges than are served', request: ranged(`bytes=${many}`), status: 200 },
  ];
}

function badManifests(): BadRequest[] {
  const put = (body: string, type = ociManifest): HttpRequest => ({
    method: 'PUT',
    path: '/v2/bad/input/manifests/v1',
    headers: { 'content-type': type, 'content-length': Buffer.byteLength(body) },
    body,
  });
  const invalid = { status: 400, code: 'MANIFEST_INVALID' };
  const missing = { mediaType: ociManifest, digest: absent, size: 1 };
  const naming = JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, config: missing, layers: [] });
  const ambiguous = JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, layers: [], manifests: [] });
  const nested = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  return [
    { what: 'a manifest that is no JSON', request: put('{'), ...invalid },
    { what: 'a manifest that is null', request: put('null'), ...invalid },
    { what: 'a manifest nested without end', request: put(nested), ...invalid },
    { what: 'a manifest nested in an object', request: put(`{"schemaVersion":2,"layers":${nested}}`), ...invalid },
    { what: 'a manifest of schema 1', request: put('{"schemaVersion":1}'), ...invalid },
    { what: 'a manifest and an index in one', request: put(ambiguous), ...invalid },
    { what: 'a manifest of a page type', request: put(naming, 'text/html'), ...invalid },
    { what: 'a manifest of two types', request: put(naming, 'application/vnd.oci.image.index.v1+json'), ...invalid },
    { what: 'a manifest of missing blobs', request: put(naming), status: 400, code: 'MANIFEST_BLOB_UNKNOWN' },
    { what: 'a manifest above the limit', request: put(' '.repeat(4_194_305)), status: 413, code: 'MANIFEST_INVALID' },
    {
      what: 'an illegal tag',
      request: { ...put(naming), path: '/v2/bad/input/manifests/.v1' },
      status: 400,
      code: 'MANIFEST_INVALID',
    },
  ];
}

function badUploads(sessionPath: string): BadRequest[] {
  const patch = (range: string, body: string): HttpRequest => ({
    method: 'PATCH',
    path: sessionPath,
    headers: { 'content-range': range, 'content-length': body.length },
    body,
  });
  const unknown = '/v2/bad/input/blobs/uploads/';
  return [
    { what: 'a chunk with a gap', request: patch('100-104', 'aaaaa'), status: 416, code: 'BLOB_UPLOAD_INVALID' },
    { what: 'a chunk of words', request: patch('a-b', 'aaaaa'), status: 416, code: 'BLOB_UPLOAD_INVALID' },
    { what: 'a chunk shorter than it says', request: patch('0-9', 'aaaaa'), status: 400, code: 'SIZE_INVALID' },
    { what: 'an unknown upload', request: get(`${unknown}${absent}`), status: 404, code: 'BLOB_UPLOAD_UNKNOWN' },
    { what: 'a path as upload', request: get(`${unknown}..%2f..%2fetc`), status: 404, code: 'BLOB_UPLOAD_UNKNOWN' },
  ];
}

function get(path: string): HttpRequest {
  return { method: 'GET', path };
}

function send(method: string, path: string): HttpRequest {
  return { method, path, headers: { 'content-length': 0 } };
}

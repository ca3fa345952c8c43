// Paths of the registry API. Repository names contain slashes and may contain every word of the API, so the tail
// decides and all before it is the name: /v2/a/blobs/manifests/latest is the tag `latest` of `a/blobs`.
//
//   /v2, /v2/                                   base
//   /v2/auth                                    token
//   /v2/_catalog                                catalog
//   /v2/[<name>/]_<ext>/<component>/<module>    extension
//   /v2/<name>/blobs/uploads[/]                 uploads
//   /v2/<name>/blobs/uploads/<id>               upload
//   /v2/<name>/blobs/<digest>                   blob
//   /v2/<name>/manifests/<reference>            manifest
//   /v2/<name>/tags/list                        tags
//   /v2/<name>/referrers/<digest>               referrers

import { isRepositoryName } from './reference.ts';

/** What a path asks for. Names are checked; digests, references and ids are as they came, decoded once. */
export type ApiPath =
  | { readonly type: 'base' }
  /** Where tokens are given out; no repository has a path of one segment. */
  | { readonly type: 'token' }
  | { readonly type: 'catalog' }
  | { readonly type: 'extension'; readonly repository: string | undefined; readonly extension: string }
  | { readonly type: 'uploads'; readonly repository: string }
  | { readonly type: 'upload'; readonly repository: string; readonly id: string }
  | { readonly type: 'blob'; readonly repository: string; readonly digest: string }
  | { readonly type: 'manifest'; readonly repository: string; readonly reference: string }
  | { readonly type: 'tags'; readonly repository: string }
  | { readonly type: 'referrers'; readonly repository: string; readonly digest: string }
  /** A known tail after a name that breaks the grammar. */
  | { readonly type: 'name_invalid'; readonly repository: string }
  | { readonly type: 'unknown' };

/** Paths of one segment. */
const SINGLE: Readonly<Record<string, ApiPath>> = { auth: { type: 'token' }, _catalog: { type: 'catalog' } };
const UNKNOWN: ApiPath = { type: 'unknown' };
/** Longest path that is looked at, a longer one is unknown: far above any legal one, far below what a header may hold. */
const MAX_PATH_CHARS = 4096;
const EXTENSION_NAME = /^_[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const EXTENSION_PART = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

/** The path of a request target without its query, also when the target is absolute (`GET http://host/v2/`). */
export function splitTarget(target: string): { readonly path: string; readonly query: string } {
  const local = target.startsWith('/') ? target : target.replace(/^[a-z]+:\/\/[^/?]*/i, '');
  const mark = local.indexOf('?');
  return mark < 0 ? { path: local, query: '' } : { path: local.slice(0, mark), query: local.slice(mark + 1) };
}

/** True for a path that the registry API answers, with whatever. */
export function isApiPath(path: string): boolean {
  return path === '/v2' || path.startsWith('/v2/');
}

/** Takes an API path apart. Never throws; each segment is percent-decoded once, after splitting. */
export function parseApiPath(path: string): ApiPath {
  if (path === '/v2' || path === '/v2/') return { type: 'base' };
  if (!path.startsWith('/v2/') || path.length > MAX_PATH_CHARS) return UNKNOWN;
  const segments = path.slice('/v2/'.length).split('/').map(decodeSegment);
  if (segments.length === 1) return SINGLE[segments[0] ?? ''] ?? UNKNOWN;
  return parseUploads(segments) ?? parsePair(segments) ?? parseExtension(segments) ?? UNKNOWN;
}

function parseUploads(segments: readonly string[]): ApiPath | undefined {
  const last = segments.at(-1) ?? '';
  if (segments.at(-2) === 'blobs' && last === 'uploads')
    return named(segments, 2, (repository) => ({ type: 'uploads', repository }));
  if (segments.at(-3) !== 'blobs' || segments.at(-2) !== 'uploads') return undefined;
  if (last === '') return named(segments, 3, (repository) => ({ type: 'uploads', repository }));
  return named(segments, 3, (repository) => ({ type: 'upload', repository, id: last }));
}

function parsePair(segments: readonly string[]): ApiPath | undefined {
  const [word, value] = segments.slice(-2);
  if (value === undefined || value === '') return undefined;
  switch (word) {
    case 'blobs':
      return named(segments, 2, (repository) => ({ type: 'blob', repository, digest: value }));
    case 'manifests':
      return named(segments, 2, (repository) => ({ type: 'manifest', repository, reference: value }));
    case 'referrers':
      return named(segments, 2, (repository) => ({ type: 'referrers', repository, digest: value }));
    case 'tags':
      return value === 'list' ? named(segments, 2, (repository) => ({ type: 'tags', repository })) : undefined;
    default:
      return undefined;
  }
}

function parseExtension(segments: readonly string[]): ApiPath | undefined {
  const [name = '', component = '', module = ''] = segments.slice(-3);
  if (segments.length < 3 || !EXTENSION_NAME.test(name)) return undefined;
  if (!EXTENSION_PART.test(component) || !EXTENSION_PART.test(module)) return undefined;
  const extension = `${name}/${component}/${module}`;
  if (segments.length === 3) return { type: 'extension', repository: undefined, extension };
  return named(segments, 3, (repository) => ({ type: 'extension', repository, extension }));
}

function named(segments: readonly string[], tailLength: number, make: (repository: string) => ApiPath): ApiPath {
  const parts = segments.slice(0, -tailLength);
  const repository = parts.join('/');
  // An encoded slash is not a separator: a segment that holds one breaks the grammar of names.
  const isLegal = isRepositoryName(repository) && !parts.some((part) => part.includes('/'));
  return isLegal ? make(repository) : { type: 'name_invalid', repository };
}

function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    // A broken escape stays as it is; the percent sign then fails every grammar.
    return segment;
  }
}

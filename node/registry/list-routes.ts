// What can be listed: tags, repositories, referrers, extensions; and the base path that says that the API is served.

import { classifyDigest } from '../../shared/oci/digest.ts';
import { MAX_MANIFEST_BYTES } from '../../shared/oci/manifest.ts';
import { OCI_INDEX } from '../../shared/oci/media-types.ts';
import { MAX_LISTED_REFERRERS, type ReferrerDescriptor } from '../../shared/protocol/referrer-shape.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { Manifests, ReferrerPage } from '../content/content.ts';
import { bytesAnswer, jsonAnswer, type Answer } from './answer.ts';
import type { ApiRequest } from './api-request.ts';
import { nextLink, parsePage, type LargerPage, type Page } from './page-query.ts';
import type { Methods, PathOf, Route } from './route.ts';
import { warningLine } from './warning-line.ts';

/** Repositories in one answer when the client names no number, or fewer where fewer are allowed; the rest follows through its `Link` header. */
const DEFAULT_REPOSITORIES = 100;
/** A page of referrers stays below what clients take for an index; the rest follows through its `Link` header. */
const MAX_PAGE_BYTES = MAX_MANIFEST_BYTES - 64 * 1024;
/** Artifact types in one query; more are refused with 400. */
const MAX_ARTIFACT_TYPES = 100;
const DOCUMENTATION = 'https://github.com/opencontainers/distribution-spec/tree/main/extensions';

const API_IS_SERVED = Buffer.from('{}');
const OCI_EXTENSION = {
  name: '_oci',
  url: `${DOCUMENTATION}/_oci.md`,
  description: 'lists the extensions',
  endpoints: ['_oci/ext/discover'],
};
const CATALOG_EXTENSION = {
  name: '_catalog',
  url: DOCUMENTATION,
  description: 'lists the repositories',
  endpoints: ['_catalog'],
};

export const baseRoutes: Methods<'base'> = readOnly(() => bytesAnswer(200, 'application/json', API_IS_SERVED));

export const extensionRoutes: Methods<'extension'> = readOnly((path) => {
  if (path.extension !== '_oci/ext/discover') throw new AppError('not_supported', 'no such extension');
  const extensions = path.repository === undefined ? [OCI_EXTENSION, CATALOG_EXTENSION] : [OCI_EXTENSION];
  return jsonAnswer(200, { extensions });
});

export function tagRoutes(
  deps: { readonly manifests: Manifests },
  options: { readonly maxTags: number },
): Methods<'tags'> {
  return readOnly(async (path, request) => {
    const page = parsePage(request.query, { defaultLimit: options.maxTags, maxLimit: options.maxTags, larger: 'cut' });
    const { tags, hasMore } = await deps.manifests.tags(path.repository, page, request.signal);
    const link = namesLink(`/v2/${path.repository}/tags/list`, page, { names: tags, hasMore });
    return jsonAnswer(200, { name: path.repository, tags }, ...link);
  });
}

export function catalogRoutes(
  deps: { readonly manifests: Manifests },
  options: { readonly maxRepositories: number; readonly largerCatalogPages: LargerPage },
): Methods<'catalog'> {
  const { maxRepositories: maxLimit, largerCatalogPages: larger } = options;
  const defaultLimit = Math.min(DEFAULT_REPOSITORIES, maxLimit);
  return readOnly(async (_path, request) => {
    const page = parsePage(request.query, { defaultLimit, maxLimit, larger });
    const { repositories, hasMore } = await deps.manifests.repositories(page, request.signal);
    const link = namesLink('/v2/_catalog', page, { names: repositories, hasMore });
    return jsonAnswer(200, { repositories }, ...link);
  });
}

export function referrerRoutes(deps: { readonly manifests: Manifests }): Methods<'referrers'> {
  return readOnly((path, request) => listReferrers(deps.manifests, path, request));
}

function readOnly<T extends 'base' | 'catalog' | 'extension' | 'tags' | 'referrers'>(route: Route<T>): Methods<T> {
  return { GET: route, HEAD: route };
}

function namesLink(
  path: string,
  page: Page,
  listed: { readonly names: readonly string[]; readonly hasMore: boolean },
): string[] {
  const last = listed.names.at(-1);
  if (!listed.hasMore || last === undefined) return [];
  return nextLink(path, [
    ['n', String(page.limit)],
    ['last', last],
  ]);
}

/** Always 200 for a digest, whether or not anything here has it: clients probe with digests that nobody has. */
async function listReferrers(manifests: Manifests, path: PathOf<'referrers'>, request: ApiRequest): Promise<Answer> {
  const { repository, digest: subject } = path;
  if (classifyDigest(subject).type === 'malformed') {
    throw new AppError('digest_invalid', 'malformed digest', { detail: { digest: subject.slice(0, 160) } });
  }
  const artifactTypes = [...new Set(request.query.all('artifactType').filter((type) => type !== ''))];
  if (artifactTypes.length > MAX_ARTIFACT_TYPES) {
    throw new AppError('message_invalid', `at most ${MAX_ARTIFACT_TYPES} artifact types`);
  }
  // Their bytes bind earlier. Lists are not split without need, as some clients read one page only.
  const page = parsePage(request.query, {
    defaultLimit: MAX_LISTED_REFERRERS,
    maxLimit: MAX_LISTED_REFERRERS,
    larger: 'cut',
  });
  const query = { repository, subject, artifactTypes, ...page, maxBytes: MAX_PAGE_BYTES };
  const listed = await manifests.referrers(query, request.signal).catch(noneWhenUnknown);
  const { entries, isCut } = fitPage(listed.descriptors);
  const last = listed.descriptors[entries.length - 1]?.digest;
  const filter = artifactTypes.map((type) => ['artifactType', type] as const);
  const link =
    (listed.hasMore || isCut) && last !== undefined
      ? nextLink(`/v2/${repository}/referrers/${subject}`, [...filter, ['n', String(page.limit)], ['last', last]])
      : [];
  const applied = filter.length === 0 ? [] : ['OCI-Filters-Applied', 'artifactType'];
  const body = `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[${entries.join(',')}]}`;
  return bytesAnswer(200, OCI_INDEX, Buffer.from(body), ...applied, ...link, ...warningLine(listed.warning));
}

/** As many descriptors as a page takes, written out; always one, so that a reader of pages gets on. */
function fitPage(descriptors: readonly ReferrerDescriptor[]): {
  readonly entries: readonly string[];
  readonly isCut: boolean;
} {
  const entries: string[] = [];
  let sizeBytes = 0;
  for (const { mediaType, digest, sizeBytes: size, artifactType, annotations } of descriptors) {
    const entry = JSON.stringify({ mediaType, digest, size, artifactType, annotations });
    sizeBytes += Buffer.byteLength(entry) + 1;
    if (entries.length > 0 && sizeBytes > MAX_PAGE_BYTES) return { entries, isCut: true };
    entries.push(entry);
  }
  return { entries, isCut: false };
}

function noneWhenUnknown(error: unknown): ReferrerPage {
  if (isAppError(error, 'repository_unknown', 'manifest_unknown'))
    return { descriptors: [], hasMore: false, hasSubject: false };
  throw error;
}

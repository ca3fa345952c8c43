// GET, HEAD, PUT and DELETE of manifests (distribution-spec v1.1, "Pulling manifests", "Pushing manifests", "Deleting tags").

import { algorithmOf, classifyDigest, digestOf, parseDigest, type Digest } from '../../shared/oci/digest.ts';
import { MAX_MANIFEST_BYTES, parseManifest } from '../../shared/oci/manifest.ts';
import { isTag } from '../../shared/oci/reference.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { ManifestPush, ManifestReference, Manifests, PulledManifest } from '../content/content.ts';
import type { PullEvents } from '../content/pull-events.ts';
import { API_VERSION, bareAnswer, emptyAnswer, type Answer } from './answer.ts';
import type { ApiRequest } from './api-request.ts';
import type { BudgetShare, ByteBudget } from './byte-budget.ts';
import { entityTag, matchesEntityTag, parsePrecondition } from './conditional.ts';
import type { LayerUrls } from './layer-urls.ts';
import { switchedOff, type Methods, type PathOf } from './route.ts';
import { warningLine } from './warning-line.ts';

/** Tags in one push; more are refused. Ten must work; a hundred fit the header limit. */
const MAX_TAGS = 100;

export interface ManifestRouteDeps {
  readonly manifests: Manifests;
  readonly pullEvents?: PullEvents | undefined;
  readonly log: Logger;
  /** What the bodies of all pushes may take. */
  readonly bodyMemory: ByteBudget;
}

export interface ManifestRouteOptions {
  readonly areTagsDeletable: boolean;
  readonly areManifestsDeletable: boolean;
  /** A body that is not whole by then is given up. */
  readonly bodyTimeoutMs: number;
  /** Which URLs layers may name. */
  readonly layerUrls: LayerUrls;
}

export function manifestRoutes(deps: ManifestRouteDeps, options: ManifestRouteOptions): Methods<'manifest'> {
  return {
    GET: (path, request) => getManifest(deps, path, request),
    HEAD: (path, request) => getManifest(deps, path, request),
    PUT: (path, request) => putManifest(deps, options, path, request),
    DELETE: (path, request) => deleteManifest(deps, options, path, request),
  };
}

/** Neither `Accept` nor `Range` changes what is sent: a manifest that is there is 200, in the bytes that were pushed. */
async function getManifest(deps: ManifestRouteDeps, path: PathOf<'manifest'>, request: ApiRequest): Promise<Answer> {
  const { manifests, pullEvents } = deps;
  const reference = heldReference(path.reference);
  const pulled = await pull(manifests, path.repository, reference, request);
  const { digest, bytes, mediaType, warning } = pulled;
  const warningHeader = warningLine(warning);
  if (matchesEntityTag(request.headers['if-none-match'], digest)) {
    return bareAnswer(304, 'Docker-Content-Digest', digest, 'ETag', entityTag(digest), ...warningHeader);
  }
  if (pullEvents?.areWanted === true) {
    const { repository } = path;
    const { requester: by } = request;
    pullEvents.add({ kind: 'manifest', repository, ...reference, digest, mediaType, sizeBytes: bytes.byteLength, by });
  }
  const length = String(bytes.byteLength);
  const headers = [
    'Content-Type',
    mediaType,
    'Content-Length',
    length,
    'Docker-Content-Digest',
    digest,
    'ETag',
    entityTag(digest),
  ];
  return { status: 200, headers: [...API_VERSION, ...headers, ...warningHeader], body: bytes };
}

/** An unknown repository is an unknown manifest here: podman takes only that code for "no such signature". */
async function pull(
  manifests: Manifests,
  repository: string,
  reference: ManifestReference,
  client: ApiRequest,
): Promise<PulledManifest> {
  try {
    return await manifests.pull(repository, reference, client);
  } catch (error) {
    if (!isAppError(error, 'repository_unknown')) throw error;
    throw new AppError('manifest_unknown', 'no such manifest', { cause: error });
  }
}

async function putManifest(
  deps: ManifestRouteDeps,
  options: ManifestRouteOptions,
  path: PathOf<'manifest'>,
  request: ApiRequest,
): Promise<Answer> {
  const { lengthBytes = MAX_MANIFEST_BYTES } = request.body;
  const memory = await deps.bodyMemory.take(Math.min(lengthBytes, MAX_MANIFEST_BYTES), request.signal);
  try {
    return await pushManifest(deps, path, request, { ...options, memory });
  } finally {
    memory.release();
  }
}

async function pushManifest(
  deps: ManifestRouteDeps,
  path: PathOf<'manifest'>,
  request: ApiRequest,
  { memory, bodyTimeoutMs, layerUrls }: ManifestRouteOptions & { readonly memory: BudgetShare },
): Promise<Answer> {
  const { repository } = path;
  const target = pushTarget(path.reference, request);
  const bytes = await request.body.readWhole({ limitBytes: MAX_MANIFEST_BYTES, timeoutMs: bodyTimeoutMs });
  memory.shrink(bytes.byteLength);
  const digest = checkedDigest(bytes, target.digest);
  const { mediaType, urls } = parseManifest(bytes, request.headers['content-type']);
  layerUrls.check(urls);
  const precondition = target.digest === undefined ? parsePrecondition(request.headers) : undefined;
  const by = request.requester;
  const push: ManifestPush = { repository, digest, mediaType, bytes, tags: target.tags, by };
  const { subject } = await deps.manifests.push(
    precondition === undefined ? push : { ...push, precondition },
    request.signal,
  );
  deps.log.info({ repository, digest, tags: target.tags, bytes: bytes.byteLength }, 'manifest pushed');
  const tagHeaders = target.digest === undefined ? [] : target.tags.flatMap((tag) => ['OCI-Tag', tag]);
  const subjectHeader = subject === undefined ? [] : ['OCI-Subject', subject];
  const location = `/v2/${repository}/manifests/${digest}`;
  return emptyAnswer(201, 'Location', location, 'Docker-Content-Digest', digest, ...subjectHeader, ...tagHeaders);
}

/** Where a push goes: to the tag in the path, or under the digest in the path and the tags of the query. */
function pushTarget(
  reference: string,
  request: ApiRequest,
): { readonly digest?: Digest; readonly tags: readonly string[] } {
  const queryTags = request.query.all('tag');
  if (!reference.includes(':')) {
    if (!isTag(reference)) throw illegalTag(reference);
    if (queryTags.length > 0) throw new AppError('manifest_invalid', 'tag parameters go with a push by digest');
    return { tags: [reference] };
  }
  const digest = parseDigest(reference);
  if (queryTags.length > MAX_TAGS) throw new AppError('too_many_tags', `at most ${MAX_TAGS} tags in one push`);
  for (const tag of queryTags) if (!isTag(tag)) throw illegalTag(tag);
  return { digest, tags: [...new Set(queryTags)] };
}

function checkedDigest(bytes: Uint8Array, wanted: Digest | undefined): Digest {
  if (wanted === undefined) return digestOf(bytes);
  const found = digestOf(bytes, algorithmOf(wanted));
  if (found === wanted) return found;
  throw new AppError('digest_mismatch', 'the manifest does not have the digest of its URL', {
    detail: { wanted, found },
  });
}

async function deleteManifest(
  deps: ManifestRouteDeps,
  options: ManifestRouteOptions,
  path: PathOf<'manifest'>,
  request: ApiRequest,
): Promise<Answer> {
  const { repository } = path;
  const reference = heldReference(path.reference);
  if ('tag' in reference && !options.areTagsDeletable) throw switchedOff('tags', 'GET, HEAD, PUT');
  if ('digest' in reference && !options.areManifestsDeletable) throw switchedOff('manifests', 'GET, HEAD, PUT');
  await deps.manifests.remove({ repository, reference, by: request.requester }, request.signal);
  deps.log.info({ repository, ...reference }, 'tag' in reference ? 'tag deleted' : 'manifest deleted');
  return emptyAnswer(202);
}

/** A reference that this registry may hold: what is neither a tag nor a digest of ours is just not there. */
function heldReference(text: string): ManifestReference {
  if (!text.includes(':')) {
    if (isTag(text)) return { tag: text };
    throw manifestUnknown(text);
  }
  const result = classifyDigest(text);
  if (result.type === 'served') return { digest: result.digest };
  if (result.type === 'unserved') throw manifestUnknown(text);
  throw new AppError('digest_invalid', 'malformed digest', { detail: { digest: text.slice(0, 160) } });
}

function illegalTag(tag: string): AppError {
  return new AppError('manifest_invalid', 'not a legal tag', { detail: { tag: tag.slice(0, 160) } });
}

function manifestUnknown(reference: string): AppError {
  return new AppError('manifest_unknown', 'no such manifest', { detail: { reference: reference.slice(0, 160) } });
}

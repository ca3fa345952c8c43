// From a request to the answer of its route: parse the path, decide the access, choose the route.

import type { ApiPath } from '../../shared/oci/api-path.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Content } from '../content/content.ts';
import type { PullEvents } from '../content/pull-events.ts';
import { accessNeeds, type AccessPolicy } from './access.ts';
import { emptyAnswer, type Answer } from './answer.ts';
import type { ApiRequest } from './api-request.ts';
import { blobRoutes } from './blob-routes.ts';
import { ByteBudget } from './byte-budget.ts';
import { baseRoutes, catalogRoutes, extensionRoutes, referrerRoutes, tagRoutes } from './list-routes.ts';
import { LayerUrls } from './layer-urls.ts';
import { inNamespace, namespaceHeader, type UpstreamContent } from './namespace.ts';
import { manifestRoutes } from './manifest-routes.ts';
import type { RegistryOptions } from './registry-options.ts';
import { chooseRoute, type Methods } from './route.ts';
import { tokenRoutes, type TokenSource } from './token-routes.ts';
import { uploadRoutes, uploadsRoutes } from './upload-routes.ts';

export interface DispatchDeps {
  readonly content: Content;
  /** Present when this registry is a cache of others, too. */
  readonly upstreams?: UpstreamContent | undefined;
  readonly access: AccessPolicy;
  /** Present when this registry gives out tokens itself. */
  readonly tokens?: TokenSource | undefined;
  readonly pullEvents?: PullEvents | undefined;
  readonly log: Logger;
}

/** @throws {AppError} for every expected failure; the caller makes an answer of it. */
export type Dispatch = (path: ApiPath, request: ApiRequest) => Promise<Answer>;

type Routes = { readonly [T in Exclude<ApiPath['type'], 'unknown' | 'name_invalid'>]: Methods<T> };

export function createDispatch(deps: DispatchDeps, options: RegistryOptions): Dispatch {
  const bodyMemory = new ByteBudget({ capacityBytes: options.manifestMemoryBytes });
  const ownRoutes = createRoutes({ ...deps, bodyMemory }, options);
  const { upstreams } = deps;
  const allRoutes = upstreams === undefined ? ownRoutes : createRoutes({ ...deps, ...upstreams, bodyMemory }, options);
  return async (asked, request) => {
    const place = inNamespace(asked, request.query.first('ns'), upstreams);
    const { path } = place;
    const routes = place.isOwnAlone ? ownRoutes : allRoutes;
    // The grammar of names tells nothing about what exists, so it comes before access.
    if (path.type === 'name_invalid') {
      throw new AppError('name_invalid', 'not a repository name', { detail: { name: path.repository.slice(0, 300) } });
    }
    if (request.method === 'OPTIONS') return allowedMethods(routes, path);
    const needs = accessNeeds(path, request);
    if (needs.length > 0) request.subject = await deps.access.authorize(request, needs);
    if (options.readOnly && changesContent(path, request.method)) {
      throw new AppError('access_denied', 'this registry is read-only for now; nothing can be pushed or deleted');
    }
    const answer = await callRoute(routes, path, request);
    return place.namespace === undefined ? answer : namespaceHeader(answer, place.namespace);
  };
}

/**
 * Browsers ask before they let a page of another host send what it wants, and never with credentials: so the answer says
 * which methods a path has and nothing of what is there. The headers that let pages in are the operator's.
 */
function allowedMethods(routes: Routes, path: Exclude<ApiPath, { readonly type: 'name_invalid' }>): Answer {
  if (path.type === 'unknown') throw new AppError('not_supported', 'no such path');
  return emptyAnswer(200, 'Allow', [...Object.keys(routes[path.type]), 'OPTIONS'].join(', '));
}

function changesContent(path: ApiPath, method: string): boolean {
  const isContent = ['blob', 'manifest', 'upload', 'uploads'].includes(path.type);
  return isContent && method !== 'GET' && method !== 'HEAD';
}

function createRoutes(deps: DispatchDeps & { readonly bodyMemory: ByteBudget }, options: RegistryOptions): Routes {
  const { content, log, pullEvents, bodyMemory } = deps;
  const { manifests, blobs, uploads } = content;
  const { deletion } = options;
  return {
    base: baseRoutes,
    token: tokenRoutes(deps.tokens, { bodyTimeoutMs: options.manifestBodyTimeoutMs }),
    catalog: catalogRoutes({ manifests }, options),
    extension: extensionRoutes,
    uploads: uploadsRoutes({ uploads, blobs, log, access: deps.access }),
    upload: uploadRoutes({ uploads, blobs, log }),
    blob: blobRoutes({ blobs, pullEvents, log }, { isDeletable: deletion.blobs }),
    manifest: manifestRoutes(
      { manifests, pullEvents, log, bodyMemory },
      {
        areTagsDeletable: deletion.tags,
        areManifestsDeletable: deletion.manifests,
        bodyTimeoutMs: options.manifestBodyTimeoutMs,
        layerUrls: new LayerUrls(options),
      },
    ),
    tags: tagRoutes({ manifests }, { maxTags: options.maxTags }),
    referrers: referrerRoutes({ manifests }),
  };
}

function callRoute(
  routes: Routes,
  path: Exclude<ApiPath, { readonly type: 'name_invalid' }>,
  request: ApiRequest,
): Answer | Promise<Answer> {
  const { method } = request;
  switch (path.type) {
    case 'manifest':
      return chooseRoute(routes.manifest, method)(path, request);
    case 'blob':
      return chooseRoute(routes.blob, method)(path, request);
    case 'upload':
      return chooseRoute(routes.upload, method)(path, request);
    case 'uploads':
      return chooseRoute(routes.uploads, method)(path, request);
    case 'tags':
      return chooseRoute(routes.tags, method)(path, request);
    case 'referrers':
      return chooseRoute(routes.referrers, method)(path, request);
    case 'catalog':
      return chooseRoute(routes.catalog, method)(path, request);
    case 'extension':
      return chooseRoute(routes.extension, method)(path, request);
    case 'token':
      return chooseRoute(routes.token, method)(path, request);
    case 'base':
      return chooseRoute(routes.base, method)(path, request);
    case 'unknown':
      throw new AppError('not_supported', 'no such path');
    default: {
      const never: never = path;
      return never;
    }
  }
}

// The `ns` parameter, by which containerd tells a mirror whose repository it means: `/v2/org/app/…?ns=quay.io` is
// `/v2/quay.io/org/app/…`. The path is changed before access is decided, so rights are those of the name that stands for it here.

import type { ApiPath } from '../../shared/oci/api-path.ts';
import { isRepositoryName } from '../../shared/oci/reference.ts';
import type { Content } from '../content/content.ts';
import type { Answer } from './answer.ts';

/** What this registry serves as a cache of others. */
export interface UpstreamContent {
  /** What names without an upstream's stand for, too. */
  readonly content: Content;
  /** The first part of a repository's name that stands for this namespace; undefined for one that is no upstream. */
  readonly ofNamespace: (namespace: string) => string | undefined;
}

export interface PlacedPath {
  readonly path: ApiPath;
  /** The namespace that counted. */
  readonly namespace?: string;
  /** The client means a registry that is no upstream: what an upstream has under this name would be something else. */
  readonly isOwnAlone: boolean;
}

/** Where a request leads to. Without upstreams the parameter means nothing: a mirror of ours has names of its own. */
export function inNamespace(
  path: ApiPath,
  namespace: string | undefined,
  upstreams: Pick<UpstreamContent, 'ofNamespace'> | undefined,
): PlacedPath {
  if (upstreams === undefined || namespace === undefined || namespace === '') return { path, isOwnAlone: false };
  const name = upstreams.ofNamespace(namespace);
  if (name === undefined) return { path, isOwnAlone: true };
  if (!('repository' in path) || path.repository === undefined) return { path, isOwnAlone: false };
  const repository = `${name}/${path.repository}`;
  if (path.type === 'name_invalid' || !isRepositoryName(repository))
    return { path: { type: 'name_invalid', repository }, isOwnAlone: false };
  return { path: { ...path, repository }, namespace, isOwnAlone: false };
}

/** Says which namespace the answer is for, as mirrors do. */
export function namespaceHeader(answer: Answer, namespace: string): Answer {
  const safe = namespace.replaceAll(/[^\x21-\x7e]/g, '');
  return { ...answer, headers: [...answer.headers, 'OCI-Namespace', safe] };
}

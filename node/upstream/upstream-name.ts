// Which repositories belong to which upstream, by their names. Pure.
//
//   quay.io/org/app       asked for as it stands            org/app of quay.io
//   org/app?ns=quay.io    becomes quay.io/org/app           org/app of quay.io
//   library/nginx         is not here, docker.io default:   library/nginx of docker.io, here docker.io/library/nginx

import { isRepositoryName } from '../../shared/oci/reference.ts';

/** Docker's hub answers under another name than people call it by, and its own images lie in `library/`. */
export const DOCKER_HUB = {
  name: 'docker.io',
  apiHost: 'registry-1.docker.io',
  hosts: [
    'docker.io',
    'www.docker.io',
    'index.docker.io',
    'registry.docker.io',
    'hub.docker.com',
    'registry.hub.docker.com',
  ],
  otherNames: ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'],
} as const;

/** True for the names that people give to docker's hub. */
export function isDockerHub(hostname: string): boolean {
  return DOCKER_HUB.hosts.some((host) => host === hostname);
}

/** A repository that is a copy of an upstream's. */
export interface CachedRepository {
  /** Of the upstream. */
  readonly upstream: string;
  /** What the upstream calls it. */
  readonly remote: string;
  /** What it is called here. */
  readonly repository: string;
}

/** The name of an upstream that was given none: its host, and its port when that is not the usual one. */
export function nameOfUrl(url: URL): string {
  if (url.hostname === DOCKER_HUB.apiHost) return DOCKER_HUB.name;
  return url.host
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
}

/** The names of all upstreams. */
export class UpstreamNames {
  readonly #names: ReadonlySet<string>;
  readonly #byNamespace = new Map<string, string>();
  readonly #default: string | undefined;

  constructor(
    upstreams: readonly { readonly name: string; readonly otherNames: readonly string[] }[],
    defaultName: string | undefined,
  ) {
    this.#names = new Set(upstreams.map(({ name }) => name));
    for (const { name, otherNames } of upstreams) for (const other of otherNames) this.#byNamespace.set(other, name);
    for (const { name } of upstreams) this.#byNamespace.set(name, name);
    this.#default = defaultName;
  }

  /** The one that names without an upstream's stand for. */
  get defaultUpstream(): string | undefined {
    return this.#default;
  }

  /** The upstream that a client calls so in `?ns=`. */
  ofNamespace(namespace: string): string | undefined {
    return this.#byNamespace.get(namespace.toLowerCase());
  }

  /** What this repository is a copy of; undefined for one of our own. */
  cached(repository: string): CachedRepository | undefined {
    const slash = repository.indexOf('/');
    const upstream = repository.slice(0, Math.max(slash, 0));
    return this.#names.has(upstream) ? this.#of(upstream, repository.slice(slash + 1)) : undefined;
  }

  /** What a repository of our own stands for when it is not here. */
  standsFor(repository: string): CachedRepository | undefined {
    if (this.#default === undefined || this.cached(repository) !== undefined) return undefined;
    return this.#of(this.#default, repository);
  }

  #of(upstream: string, name: string): CachedRepository | undefined {
    const remote = upstream === DOCKER_HUB.name && !name.includes('/') ? `library/${name}` : name;
    const repository = `${upstream}/${remote}`;
    return isRepositoryName(repository) ? { upstream, remote, repository } : undefined;
  }
}

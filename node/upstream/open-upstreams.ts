// Puts a node's content and its upstreams together.

import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError, invariant } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import type { ArrivingLeaves } from '../content/arriving-leaves.ts';
import type { AdoptedBlob, ArrivingStore, BlobStore } from '../content/blob-store.ts';
import type { Content } from '../content/content.ts';
import type { DigestLocks } from '../content/digest-locks.ts';
import type { KnownIndex } from '../content/known-index.ts';
import { BlobFetches } from './blob-fetches.ts';
import { CachedBlobs } from './cached-blobs.ts';
import { CachedManifests } from './cached-manifests.ts';
import { CachedUploads } from './cached-uploads.ts';
import { proxyMetrics } from './proxy-metrics.ts';
import { UpstreamClient } from './upstream-client.ts';
import { UpstreamNames } from './upstream-name.ts';
import { readUpstreams, type UpstreamSettings } from './upstream-settings.ts';

export interface UpstreamsDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly link: CoordinatorLink;
  readonly known: Pick<KnownIndex, 'rememberBlob'>;
  /** Other hosts' side of what is fetched. */
  readonly leaves: ArrivingLeaves;
  readonly store: { readonly blobs: Pick<BlobStore, 'open' | 'stat' | 'table'>; readonly arriving: ArrivingStore };
  readonly locks: DigestLocks;
  readonly onAdopted: (blob: AdoptedBlob) => void;
}

/** The content of a node that is a cache, too. Disposing it ends fetches and connections. */
export interface OpenedUpstreams extends AsyncDisposable {
  readonly content: Content;
  /** The same for those who name a registry that is no upstream: nothing stands for what is not here. */
  readonly namedContent: Content;
  /** The first part of a repository's name that a client means by `?ns=`. */
  readonly ofNamespace: (namespace: string) => string | undefined;
}

/**
 * @param own content without upstreams.
 * @returns undefined when there are no upstreams. None of them is asked anything here: they may be away.
 * @throws {AppError} `config_invalid`
 */
export async function openUpstreams(
  deps: UpstreamsDeps,
  own: Content,
  settings: UpstreamSettings,
): Promise<OpenedUpstreams | undefined> {
  const { upstreams, defaultName } = await readUpstreams(settings);
  if (upstreams.length === 0) return undefined;
  const log = deps.log.child({ part: 'upstream' });
  const metrics = proxyMetrics(deps.metrics);
  await using opening = new ResourceStack();
  const clients = new Map(upstreams.map((upstream) => [upstream.name, new UpstreamClient(deps, upstream)]));
  for (const client of clients.values()) opening.defer(() => client[Symbol.dispose]());
  const clientOf = (name: string): UpstreamClient => {
    const client = clients.get(name);
    invariant(client !== undefined, 'names are those of upstreams that there are');
    return client;
  };
  const onReceived = (bytes: number): void => metrics.pulled('blob', bytes);
  const fetches = opening.use(
    new BlobFetches({ ...deps, log, store: deps.store.arriving, blobs: deps.store.blobs, onReceived }),
  );
  const stopping = new AbortController();
  opening.defer(() => stopping.abort(new AppError('shutting_down', 'the node is stopping')));
  const contentBy = (names: UpstreamNames): Content => {
    const shared = { ...deps, log, metrics, names, clientOf, stopping: stopping.signal };
    return {
      manifests: new CachedManifests({ ...shared, held: own.manifests }, settings),
      blobs: new CachedBlobs({ ...shared, held: own.blobs, fetches, store: deps.store.blobs }),
      uploads: new CachedUploads({ own: own.uploads, names }),
    };
  };
  const allNames = new UpstreamNames(upstreams, defaultName);
  for (const { name, url } of upstreams)
    log.info({ upstream: name, url: url.href }, 'this registry is a cache of another');
  const resources = opening.move();
  return {
    content: contentBy(allNames),
    namedContent: contentBy(new UpstreamNames(upstreams, undefined)),
    ofNamespace: (namespace) => allNames.ofNamespace(namespace),
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}

// The composition root of a node: opens the store, starts the swarm, the link and the registry API, in this order,
// and closes them in reverse.

import { networkInterfaces } from 'node:os';
import type { Digest } from '../shared/oci/digest.ts';
import type { CoordinatorLink, Params, PeerLinks } from '../shared/protocol/coordinator-methods.ts';
import { LATER_ORDERS, SESSION_PROTOCOL } from '../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../shared/runtime/clock.ts';
import { dataFolder } from '../shared/runtime/data-folder.ts';
import { AppError } from '../shared/runtime/errors.ts';
import { isLoopback, parseHostPort } from '../shared/runtime/host-port.ts';
import type { LineSink, Logger } from '../shared/runtime/log.ts';
import type { Metrics } from '../shared/runtime/metrics.ts';
import { ResourceStack } from '../shared/runtime/resource-stack.ts';
import { startAdminServer } from './admin/admin-server.ts';
import type { NodeConfig } from './config.ts';
import { NodeBlobs } from './content/node-blobs.ts';
import { NodeManifests } from './content/node-manifests.ts';
import { DigestLocks } from './content/digest-locks.ts';
import { NodeImports } from './content/node-imports.ts';
import { NodeUploads } from './content/node-uploads.ts';
import type { AdoptedBlob } from './content/blob-store.ts';
import type { Content } from './content/content.ts';
import type { KnownIndex } from './content/known-index.ts';
import { Announcer } from './coordinator-link/announcer.ts';
import { Orders } from './coordinator-link/orders.ts';
import { PullTeller } from './coordinator-link/pull-teller.ts';
import { keepReporting } from './coordinator-link/reporter.ts';
import { Removals } from './coordinator-link/removals.ts';
import { Evictor } from './eviction/evictor.ts';
import { keepRenewed } from './identity/certificate-renewal.ts';
import type { NodeIdentityFile } from './identity/node-identity.ts';
import { PullBook } from './pulls/pull-book.ts';
import { ResolvedImages } from './pulls/resolved-images.ts';
import { listening } from './listening.ts';
import { openHealthChecks } from './health/open-health-checks.ts';
import { Readiness } from './readiness.ts';
import { serveRegistry } from './serve-registry.ts';
import { PullReportsFile } from './store/pull-reports-file.ts';
import { KnownJournal, KNOWN_JOURNAL_DEFAULTS } from './store/known-journal.ts';
import { KnownPeersFile, KnownRendezvousFile } from './store/known-files.ts';
import { openStore, type Store } from './store/store.ts';
import { HyperswarmMember } from './swarm/hyperswarm/hyperswarm-member.ts';
import { PeerTransports } from './swarm/peer-transports.ts';
import { Swarm } from './swarm/swarm.ts';
import { TlsTransport } from './swarm/tls-transport.ts';
import { openUpstreams, type OpenedUpstreams } from './upstream/open-upstreams.ts';

/** A link that connects only when told to, so that every part listens before the first session. */
export interface StartableLink extends CoordinatorLink, AsyncDisposable {
  start(): void;
}

export interface NodeDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly identity: NodeIdentityFile;
  /** Keeps every committed blob. */
  readonly isOrigin: boolean;
  /** Makes the way to the coordinator: a session over the network, or a call within the process. */
  readonly makeLink: (hello: Params<'session.hello'>) => StartableLink;
  readonly version: string;
  /** Takes a line for each registry request; absent when there is no access log. */
  readonly accessLines?: LineSink | undefined;
}

/** A node that serves. Disposing it drains: no new requests, running ones finish until `drainMs`, then everything closes. */
export interface RunningNode extends AsyncDisposable {
  readonly nodeId: string;
  /** What the registry API speaks. */
  readonly scheme: 'http' | 'https';
  /** `host:port` of the registry API. */
  readonly httpAddress: string;
  readonly swarmAddress: string;
  /** Takes up those settings that may change while it runs. */
  tune(config: Pick<NodeConfig, 'peers'>): void;
}

/** @throws {AppError} `config_invalid`; what it opened before a failure is closed again. */
export async function startNode(config: NodeConfig, deps: NodeDeps): Promise<RunningNode> {
  const { clock, log, metrics, random, identity } = deps;
  const folder = dataFolder(config.data);
  await using opening = new ResourceStack();
  const store = opening.use(
    await openStore({ clock, log: log.child({ part: 'store' }), metrics }, { ...config.store, folder: folder.store }),
  );
  const known = opening.use(await KnownJournal.open({ log }, { ...KNOWN_JOURNAL_DEFAULTS, folder: folder.known }));
  const swarmAddress = config.advertise ?? advertisedAddress(config.swarm);
  const link = opening.use(
    deps.makeLink({
      protocol: SESSION_PROTOCOL,
      version: deps.version,
      isOrigin: deps.isOrigin,
      swarmAddress,
      ...(config.zone === undefined ? {} : { zone: config.zone }),
      ...(config.rack === undefined ? {} : { rack: config.rack }),
      hasSlowLink: config.peers.slowLink,
      carriesOut: [...LATER_ORDERS],
    }),
  );
  const checks = opening.use(openHealthChecks(config, { clock, log }));
  const health = new Readiness({ clock, link, checks });

  const announcer = opening.use(new Announcer({ link, blobs: store.blobs, clock, log, random }));
  const images = new ResolvedImages();
  const memory = opening.use(new PullReportsFile({ log }, { folder: folder.known }));
  const pulls = await PullBook.open({ clock, memory, images }, config.peers);
  const parts = { ...deps, link, store, announcer, opening };
  const { swarm, links } = await startSwarm(config, { ...parts, pulls, swarmAddress });
  const holding = startHolding(config, { ...parts, swarm });
  opening.use(keepReporting({ link, blobs: store.blobs, swarm, links, clock, log }));
  const pullEvents = opening.use(new PullTeller({ link, clock, log, metrics }));
  opening.use(keepRenewed({ identity, link, clock, log, random }));

  const { content, upstreams } = await openContent(config, { ...parts, ...holding, known, swarm, images });
  link.start();
  const serving = { ...deps, link, content, upstreams, checks, health, pulls, pullEvents };
  const registry = opening.use(await serveRegistry(config, serving));
  opening.defer(() => health.stop());
  const imports = importsOf({ ...holding, log: log.child({ part: 'import' }), link, known, store, announcer, content });
  opening.use(await startAdminServer({ log: log.child({ part: 'admin' }), imports }, folder.nodeSocket));

  const resources = opening.move();
  return {
    nodeId: identity.nodeId,
    scheme: registry.scheme,
    httpAddress: registry.address,
    swarmAddress,
    tune: (next) => swarm.tune(next.peers),
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}

/** What this host holds: what it is ordered to fetch and to delete, and what it deletes to make room. */
function startHolding(
  config: NodeConfig,
  deps: NodeDeps & {
    readonly link: CoordinatorLink;
    readonly store: Store;
    readonly swarm: Swarm;
    readonly announcer: Announcer;
    readonly opening: ResourceStack;
  },
): { readonly locks: DigestLocks; readonly onUse: (digest: Digest) => void } {
  const { clock, link, log, opening, isOrigin } = deps;
  const { blobs } = deps.store;
  const locks = new DigestLocks();
  opening.use(new Orders({ ...deps, blobs, locks }));
  const removals = opening.use(new Removals({ ...deps, blobs, locks }));
  if (isOrigin) return { locks, onUse: () => undefined };
  const evictor = opening.use(new Evictor({ blobs, clock, link, log, removals }, config.eviction));
  return { locks, onUse: (digest) => evictor.used(digest) };
}

/** The fleet's own content and, where this node is a cache, that of upstreams. `deps.opening` owns what it opens. */
async function openContent(
  config: NodeConfig,
  deps: Parameters<typeof contentOf>[1] & { readonly opening: ResourceStack },
): Promise<{ readonly content: Content; readonly upstreams: OpenedUpstreams | undefined }> {
  const { announcer, opening } = deps;
  const own = contentOf(config, deps);
  const onAdopted = (blob: AdoptedBlob): void => announcer.add(blob);
  const upstreams = await openUpstreams({ ...deps, onAdopted, leaves: deps.swarm.arriving }, own, config.upstreams);
  if (upstreams === undefined) return { content: own, upstreams };
  opening.use(upstreams);
  return { content: upstreams.namedContent, upstreams };
}

function contentOf(
  config: NodeConfig,
  deps: NodeDeps & {
    readonly link: CoordinatorLink;
    readonly known: KnownIndex;
    readonly store: Store;
    readonly swarm: Swarm;
    readonly announcer: Announcer;
    readonly images: ResolvedImages;
    readonly locks: DigestLocks;
    readonly onUse: (digest: Digest) => void;
  },
): Content {
  const { link, known, store, swarm, announcer, images, locks, metrics, onUse } = deps;
  const log = deps.log.child({ part: 'content' });
  return {
    manifests: new NodeManifests({ link, known, images, log }, { staleTags: config.staleTags }),
    blobs: new NodeBlobs({ link, known, store: store.blobs, swarm, metrics, onUse }),
    uploads: new NodeUploads({ link, known, store: store.uploads, locks, onAdopted: (blob) => announcer.add(blob) }),
  };
}

/** Takes over images of other registries, as a push does. */
function importsOf(deps: {
  readonly link: CoordinatorLink;
  readonly log: Logger;
  readonly known: KnownIndex;
  readonly store: Store;
  readonly announcer: Announcer;
  readonly locks: DigestLocks;
  readonly content: Content;
}): NodeImports {
  const { announcer, content, store } = deps;
  const { manifests, uploads } = content;
  return new NodeImports({
    ...deps,
    files: store.files,
    manifests,
    uploads,
    onAdopted: (blob) => announcer.add(blob),
  });
}

/** Opens the transports and the swarm on them; `deps.opening` owns what it opens. */
async function startSwarm(
  config: NodeConfig,
  deps: NodeDeps & {
    readonly link: CoordinatorLink;
    readonly store: Store;
    readonly announcer: Announcer;
    readonly pulls: PullBook;
    readonly swarmAddress: string;
    readonly opening: ResourceStack;
  },
): Promise<{ readonly swarm: Swarm; readonly links: () => PeerLinks }> {
  const { clock, log, metrics, random, identity, link, store, announcer, pulls, opening, swarmAddress } = deps;
  const { nodeId, fleetId } = identity;
  const tls = new TlsTransport({ tls: () => identity.tls(), log }, { listen: config.swarm, fleetId });
  identity.onChange(() => tls.renew());
  const transports = new PeerTransports({ tls, clock, metrics });
  const hyperswarm = makeHyperswarm(config, { ...deps, transports });
  if (hyperswarm !== undefined) opening.use(hyperswarm);
  const starting = Swarm.start(
    {
      clock,
      log,
      metrics,
      random,
      link,
      transport: transports,
      pulls,
      store: store.blobs,
      partials: store.partials,
      memory: new KnownPeersFile({ log }, { folder: dataFolder(config.data).known }),
      onAdopted: (digest, sizeBytes) => announcer.add({ digest, sizeBytes }),
    },
    { ...config.peers, nodeId, fleetId, zone: config.zone, advertise: swarmAddress },
  );
  const swarm = opening.use(await listening(starting, { address: config.swarm, flag: '--swarm' }));
  await hyperswarm?.start(swarm.known);
  const links = (): PeerLinks => ({ ...swarm.linkCounts(), hyperswarmState: hyperswarm?.state ?? 'off' });
  return { swarm, links };
}

/** @returns undefined where hyperswarm is not wanted on this host. */
function makeHyperswarm(
  config: NodeConfig,
  deps: NodeDeps & {
    readonly link: CoordinatorLink;
    readonly transports: PeerTransports;
    readonly swarmAddress: string;
  },
): HyperswarmMember | undefined {
  const { identity, isOrigin, swarmAddress } = deps;
  const { enabled, reachable, bytesPerSecond } = config.udp;
  const { host } = parseHostPort(config.swarm);
  // IPv4 alone: an address of the other kind leaves TLS.
  if (!enabled || host.includes(':')) return undefined;
  const { known, noiseSeed } = dataFolder(config.data);
  return new HyperswarmMember(
    { ...deps, tls: () => identity.tls(), memory: new KnownRendezvousFile(deps, { folder: known }) },
    {
      fleetId: identity.fleetId,
      listen: config.swarm,
      address: swarmAddress,
      seedPath: noiseSeed,
      reachable: reachable === 'yes' || (reachable === 'auto' && isOrigin) ? 'yes' : 'measured',
      bytesPerSecond,
      maxConnections: config.peers.maxConnections,
    },
  );
}

/** The first address of this host that others may dial, with the port that peers listen on. */
function advertisedAddress(swarm: string): string {
  const { host, port } = parseHostPort(swarm);
  if (port === 0 && isLoopback(host)) return swarm; // nobody else could dial it in any case
  if (port === 0) {
    throw new AppError(
      'config_invalid',
      'peers must know where to dial: give --swarm a port, or say it with --advertise',
    );
  }
  if (host !== '0.0.0.0' && host !== '::') return swarm;
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address, family, internal } of addresses ?? []) {
      if (!internal && family === 'IPv4') return `${address}:${port}`;
    }
  }
  return `127.0.0.1:${port}`;
}

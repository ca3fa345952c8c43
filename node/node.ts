// The composition root of a node: opens the store, starts the swarm, the link and the registry API, in this order,
// and closes them in reverse.

import { networkInterfaces } from 'node:os';
import type { CoordinatorLink, Params } from '../shared/protocol/coordinator-methods.ts';
import { SESSION_PROTOCOL } from '../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../shared/runtime/clock.ts';
import { dataFolder } from '../shared/runtime/data-folder.ts';
import { parseHostPort } from '../shared/runtime/host-port.ts';
import type { Logger } from '../shared/runtime/log.ts';
import type { Metrics } from '../shared/runtime/metrics.ts';
import { ResourceStack } from '../shared/runtime/resource-stack.ts';
import type { NodeConfig } from './config.ts';
import { NodeBlobs } from './content/node-blobs.ts';
import { NodeManifests } from './content/node-manifests.ts';
import { NodeUploads } from './content/node-uploads.ts';
import type { Content } from './content/content.ts';
import { Announcer } from './coordinator-link/announcer.ts';
import { Orders } from './coordinator-link/orders.ts';
import { keepReporting } from './coordinator-link/reporter.ts';
import { keepRenewed } from './identity/certificate-renewal.ts';
import type { NodeIdentityFile } from './identity/node-identity.ts';
import { readiness } from './readiness.ts';
import { openAccess } from './registry/access.ts';
import { createRegistryApp } from './registry/registry-app.ts';
import { KnownJournal, KNOWN_JOURNAL_DEFAULTS } from './store/known-journal.ts';
import { openStore, type Store } from './store/store.ts';
import { Swarm } from './swarm/swarm.ts';
import { TlsTransport } from './swarm/tls-transport.ts';

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
  /** Makes the way to the coordinator: a session over the network, or a call within the process. */
  readonly makeLink: (hello: Params<'session.hello'>) => StartableLink;
  readonly version: string;
}

/** A node that serves. Disposing it drains: no new requests, running ones finish until `drainMs`, then everything closes. */
export interface RunningNode extends AsyncDisposable {
  readonly nodeId: string;
  /** `host:port` of the registry API. */
  readonly httpAddress: string;
  readonly swarmAddress: string;
}

/** @throws {AppError} `config_invalid`; what it opened before a failure is closed again. */
export async function startNode(config: NodeConfig, deps: NodeDeps): Promise<RunningNode> {
  const { clock, log, metrics, random, identity } = deps;
  const folder = dataFolder(config.data);
  await using opening = new ResourceStack();
  const store = opening.use(
    await openStore(
      { clock, log: log.child({ part: 'store' }), metrics },
      { ...config.store, directory: folder.store },
    ),
  );
  const known = opening.use(await KnownJournal.open({ log }, { ...KNOWN_JOURNAL_DEFAULTS, directory: folder.known }));
  const swarmAddress = config.advertise ?? advertisedAddress(config.swarm);
  const link = opening.use(
    deps.makeLink({ protocol: SESSION_PROTOCOL, version: deps.version, isOrigin: config.origin, swarmAddress }),
  );
  const session = watchSession(link);

  const announcer = opening.use(new Announcer({ link, blobs: store.blobs, clock, log, random }));
  const swarm = opening.use(await startSwarm(config, { ...deps, link, store, announcer }));
  opening.use(new Orders({ link, blobs: store.blobs, swarm, announcer, clock, log, metrics, random }));
  opening.use(keepReporting({ link, blobs: store.blobs, swarm, clock, log }));
  opening.use(keepRenewed({ identity, link, clock, log, random }));

  const content: Content = {
    manifests: new NodeManifests({ link, known, log: log.child({ part: 'content' }) }, { staleTags: config.staleTags }),
    blobs: new NodeBlobs({ link, known, store: store.blobs, swarm }),
    uploads: new NodeUploads({ link, known, store: store.uploads, onAdopted: (blob) => announcer.add(blob) }),
  };
  const startedMs = clock.nowMs();
  let isStopping = false;
  const health = {
    isReady: () => readiness({ isStopping, hadSession: session.hadOne, upMs: clock.nowMs() - startedMs }),
  };
  const app = createRegistryApp(
    { content, access: openAccess, health, log: log.child({ part: 'registry' }), metrics, clock },
    { ...config.registry, deletion: config.deletion },
  );
  opening.defer(() => drain(app, { clock, drainMs: config.drainMs }));
  opening.defer(() => {
    isStopping = true;
  });
  link.start();
  await app.listen(parseHostPort(config.http));

  const resources = opening.move();
  return {
    nodeId: identity.nodeId,
    httpAddress: listeningAddress(app.server.address(), config.http),
    swarmAddress,
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}

async function startSwarm(
  config: NodeConfig,
  deps: NodeDeps & { readonly link: CoordinatorLink; readonly store: Store; readonly announcer: Announcer },
): Promise<Swarm> {
  const { clock, log, metrics, random, identity, link, store, announcer } = deps;
  const { nodeId, fleetId } = identity;
  const transport = new TlsTransport({ tls: () => identity.tls(), log }, { listen: config.swarm, fleetId });
  identity.onChange(() => transport.renew());
  return Swarm.start(
    {
      clock,
      log,
      metrics,
      random,
      link,
      transport,
      store: store.blobs,
      partials: store.partials,
      onAdopted: (digest, sizeBytes) => announcer.add({ digest, sizeBytes }),
    },
    { ...config.peers, nodeId, fleetId, isOrigin: config.origin },
  );
}

function watchSession(link: CoordinatorLink): { readonly hadOne: boolean } {
  const seen = { hadOne: link.isConnected };
  link.listen({
    onConnected: () => {
      seen.hadOne = true;
    },
  });
  return seen;
}

interface ClosableApp {
  close(): Promise<void>;
  readonly server: { closeAllConnections(): void };
}

/** Lets running requests finish until the deadline, then cuts them. */
async function drain(app: ClosableApp, options: { readonly clock: Clock; readonly drainMs: number }): Promise<void> {
  const deadline = options.clock.schedule(options.drainMs, () => app.server.closeAllConnections());
  try {
    await app.close();
  } finally {
    deadline.cancel();
  }
}

function listeningAddress(
  address: string | { readonly address: string; readonly port: number } | null,
  configured: string,
): string {
  if (address === null || typeof address === 'string') return configured;
  return `${address.address}:${address.port}`;
}

/** The first address of this host that others may dial, with the port that peers listen on. */
function advertisedAddress(swarm: string): string {
  const { host, port } = parseHostPort(swarm);
  if (host !== '0.0.0.0' && host !== '::') return swarm;
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { address, family, internal } of addresses ?? []) {
      if (!internal && family === 'IPv4') return `${address}:${port}`;
    }
  }
  return `127.0.0.1:${port}`;
}

// A whole fleet in the process of a test: the real coordinator and real nodes, put together as the program does it,
// on free ports of loopback and in folders of their own.

import { join } from 'node:path';
import { Check, Default, Errors } from 'typebox/value';
import { coordinatorConfig } from './coordinator-config.ts';
import { eventually } from './eventually.ts';
import { findFreePorts } from './free-ports.ts';
import { startCoordinator, type AdminAccess, type RunningCoordinator } from '../../coordinator/coordinator.ts';
import { NodeConfig } from '../../node/config.ts';
import { SessionLink } from '../../node/coordinator-link/session-link.ts';
import { joinFleet, joinInProcess } from '../../node/identity/join-fleet.ts';
import { NodeIdentityFile } from '../../node/identity/node-identity.ts';
import { startNode, type RunningNode, type StartableLink } from '../../node/node.ts';
import type { CoordinatorTarget } from '../../shared/protocol/coordinator-api.ts';
import type { Params } from '../../shared/protocol/coordinator-methods.ts';
import { systemClock as clock, type Clock } from '../../shared/runtime/clock.ts';
import { dataFolder } from '../../shared/runtime/data-folder.ts';
import { silentLogger as log, type Logger } from '../../shared/runtime/log.ts';
import { Metrics } from '../../shared/runtime/metrics.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { openTemporaryFolder } from './temporary-folder.ts';

/** Overrides of settings by key, as in a configuration file. */
type Overrides = Readonly<Record<string, unknown>>;

/** A node of the fleet, with what a test looks into. */
export interface FleetNode extends AsyncDisposable {
  readonly running: RunningNode;
  readonly metrics: Metrics;
  readonly baseUrl: string;
}

export class ComposedFleet implements AsyncDisposable {
  readonly folder: string;
  readonly #resources: ResourceStack;
  readonly #log: Logger;
  #coordinator: RunningCoordinator | undefined;
  #coordinatorPort = 0;
  #admin: CoordinatorTarget | undefined;
  readonly #overrides: Overrides;

  private constructor(
    folder: string,
    resources: ResourceStack,
    options: { readonly log: Logger; readonly overrides: Overrides },
  ) {
    this.folder = folder;
    this.#resources = resources;
    this.#log = options.log;
    this.#overrides = options.overrides;
  }

  /** Starts the coordinator. @param overrides of its settings. */
  static async start(overrides: Overrides = {}, logger: Logger = log): Promise<ComposedFleet> {
    const resources = new ResourceStack();
    const folder = resources.use(await openTemporaryFolder('fleet'));
    const fleet = new ComposedFleet(folder.path, resources, { log: logger, overrides });
    [fleet.#coordinatorPort = 0] = await findFreePorts(1);
    await fleet.startCoordinator();
    resources.defer(() => fleet.stopCoordinator());
    return fleet;
  }

  get coordinator(): RunningCoordinator {
    if (this.#coordinator === undefined) throw new Error('the coordinator of this test is stopped');
    return this.#coordinator;
  }

  /** How the command line on the coordinator's host reaches it. */
  get admin(): CoordinatorTarget {
    if (this.#admin === undefined) throw new Error('the coordinator of this test never ran');
    return this.#admin;
  }

  /** Starts it again, on the same port and folder. */
  async startCoordinator(): Promise<void> {
    const config = coordinatorConfig({
      ...this.#overrides,
      data: join(this.folder, 'coordinator'),
      listen: `127.0.0.1:${this.#coordinatorPort}`,
    });
    const deps = {
      clock,
      log: this.#log,
      metrics: new Metrics(),
      version: 'test',
      keepAdminAccess: async ({ address, fleetId, tls }: AdminAccess) => {
        this.#admin = { address, fleetId, ...tls };
      },
    };
    this.#coordinator = await startCoordinator(config, deps);
  }

  async stopCoordinator(): Promise<void> {
    const coordinator = this.#coordinator;
    this.#coordinator = undefined;
    await coordinator?.[Symbol.asyncDispose]();
  }

  /** A node in the coordinator's process, as `shoal up` starts it, each time the same; it has its session. @param nodeClock what it takes for the time. */
  startOwnNode(overrides: Overrides = {}, nodeClock: Clock = clock): Promise<FleetNode> {
    return this.#startNode({ name: 'own', nodeClock }, { origin: true, ...overrides }, async (config) => {
      const path = dataFolder(config.data).nodeIdentity;
      const known = await NodeIdentityFile.open({ log: this.#log }, path);
      const identity =
        known ?? (await joinInProcess({ path, enrol: async (request) => this.coordinator.enrolOwn(request) }));
      return { identity, makeLink: (hello) => this.coordinator.linkInProcess({ nodeId: identity.nodeId, hello }) };
    });
  }

  /**
   * A node that joins over the network; one that was stopped comes back under the same name. It has its session, unless the coordinator
   * is stopped. @param nodeClock what it takes for the time.
   */
  startNode(name: string, overrides: Overrides = {}, nodeClock: Clock = clock): Promise<FleetNode> {
    return this.#startNode({ name, nodeClock }, overrides, async (config, metrics) => {
      const coordinator = `127.0.0.1:${this.#coordinatorPort}`;
      const path = dataFolder(config.data).nodeIdentity;
      const identity = (await NodeIdentityFile.open({ log: this.#log }, path)) ?? (await this.#join(path, coordinator));
      const deps = { clock, log: this.#log, metrics, random: Math.random, identity };
      return { identity, makeLink: (hello) => new SessionLink(deps, { coordinator, hello }) };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }

  #join(path: string, coordinator: string): Promise<NodeIdentityFile> {
    const { token } = this.coordinator.createToken({ ttlMs: 60_000, uses: 1 });
    return joinFleet({ clock }, { path, coordinator, token }, new AbortController().signal);
  }

  async #startNode(
    { name, nodeClock }: { readonly name: string; readonly nodeClock: Clock },
    overrides: Overrides,
    join_: (
      config: NodeConfig,
      metrics: Metrics,
    ) => Promise<Pick<Parameters<typeof startNode>[1], 'identity' | 'makeLink'>>,
  ): Promise<FleetNode> {
    const [port = 0] = await findFreePorts(1);
    const swarm = `127.0.0.1:${port}`;
    const config = nodeConfig({
      ...overrides,
      data: join(this.folder, name),
      http: '127.0.0.1:0',
      swarm,
      advertise: swarm,
    });
    const metrics = new Metrics();
    const isOrigin = config.origin ?? false;
    const log_ = this.#log.child({ node: name });
    const deps = { clock: nodeClock, log: log_, metrics, random: Math.random, version: 'test', isOrigin };
    const { identity, makeLink } = await join_(config, metrics);
    const links: StartableLink[] = [];
    const makeKnownLink = (hello: Params<'session.hello'>): StartableLink => {
      const link = makeLink(hello);
      links.push(link);
      return link;
    };
    const running = await startNode(config, { ...deps, identity, makeLink: makeKnownLink });
    const stop = once(() => running[Symbol.asyncDispose]());
    this.#resources.defer(stop);
    if (this.#coordinator !== undefined)
      await eventually({ what: `${name} to have a session`, intervalMs: 5 }, () => links[0]?.isConnected === true);
    return { running, metrics, baseUrl: `http://${running.httpAddress}`, [Symbol.asyncDispose]: stop };
  }
}

function nodeConfig(raw: Overrides): NodeConfig {
  const value: unknown = Default(NodeConfig, {
    store: {},
    peers: {},
    registry: {},
    deletion: {},
    access: {},
    log: {},
    ...raw,
  });
  if (Check(NodeConfig, value)) return value;
  throw new Error(JSON.stringify(Errors(NodeConfig, value)));
}

function once(act: () => PromiseLike<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= Promise.resolve(act()));
}

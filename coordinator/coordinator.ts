// A coordinator: its parts put together, started, and stopped in the right order. The only file that knows them all.

import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TlsMaterial } from '../shared/identity/tls-material.ts';
import type { EnrolResponse, TokenRequest, TokenResponse } from '../shared/protocol/admin-api.ts';
import type { Clock } from '../shared/runtime/clock.ts';
import { dataFolder } from '../shared/runtime/data-folder.ts';
import { AppError } from '../shared/runtime/errors.ts';
import { formatHostPort, parseHostPort } from '../shared/runtime/host-port.ts';
import type { Logger } from '../shared/runtime/log.ts';
import type { Metrics } from '../shared/runtime/metrics.ts';
import { ResourceStack } from '../shared/runtime/resource-stack.ts';
import type { CoordinatorConfig } from './config.ts';
import { FleetDatabase } from './database/fleet-database.ts';
import { CoordinatorCore } from './coordinator-core.ts';
import { RendezvousPoint } from './hyperswarm/rendezvous-point.ts';
import { Access } from './http/access.ts';
import { createHttpApp } from './http/http-app.ts';
import { OpenSockets } from './http/open-sockets.ts';
import { openAuthority, type Authority } from './identity/authority.ts';
import { keepCertificatesFresh } from './identity/server-certificate.ts';
import { Enrolment } from './roster/enrolment.ts';
import { FleetStatusReader } from './roster/fleet-status.ts';
import { InProcessLink, type InProcessLinkOptions } from './sessions/in-process-link.ts';
import { SessionServer, type SessionServerDeps } from './sessions/session-server.ts';

/** How long requests of the HTTPS API may take when the coordinator stops; they take milliseconds. */
const DRAIN_MS = 3_000;
/** From a connection to the end of its TLS handshake; then it is cut. Node's own limit is two minutes, and a LAN needs milliseconds. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
const serverOptions = {
  requestCert: true,
  rejectUnauthorized: false, // browsers and joining nodes have none; each request is checked
  minVersion: 'TLSv1.3',
  handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
} as const;

export interface CoordinatorDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Where the reference registry's names of what is counted here go, if they are wanted. */
  readonly referenceMetrics?: Metrics | undefined;
  /** Of this program, for status. */
  readonly version: string;
  /** Takes the administrator's certificate at start and when it may have changed, for the command line on this host. */
  readonly keepAdminAccess: (access: AdminAccess) => Promise<void>;
}

/** How the command line on this host reaches the coordinator. */
export interface AdminAccess {
  /** `host:port`, on loopback when the coordinator listens on all addresses. */
  readonly address: string;
  readonly fleetId: string;
  readonly tls: TlsMaterial;
}

/** A coordinator that runs. Disposing drains: no new sessions or requests, sessions closed, the database last. */
export interface RunningCoordinator extends AsyncDisposable {
  readonly fleetId: string;
  /** The port that it listens on. */
  readonly port: number;
  /** Makes a join token. */
  createToken(request: TokenRequest): TokenResponse;
  /** Lets the node of this process into the fleet; for its first start. @throws {AppError} `message_invalid` */
  enrolOwn(request: { readonly csr: string; readonly name: string }): EnrolResponse;
  /** Whether a node ever joined this fleet, as far as the index knows; one that was removed did. */
  knowsNode(nodeId: string): boolean;
  /** A link for the node of this process. The caller closes it, before the coordinator. */
  linkInProcess(options: InProcessLinkOptions): InProcessLink;
}

/**
 * Opens the data folder, makes what is missing there, and listens.
 * @throws {AppError} `config_invalid` when the folder or the address cannot be used.
 */
export async function startCoordinator(config: CoordinatorConfig, deps: CoordinatorDeps): Promise<RunningCoordinator> {
  await using starting = new ResourceStack();
  const { clock, metrics } = deps;
  const log = deps.log.child({ part: 'coordinator' });
  const folder = dataFolder(config.data);
  const authority = await openAuthority(folder.authority, { clock, log });
  const database = FleetDatabase.open(folder.database, { metrics });
  starting.defer(() => database[Symbol.dispose]());
  const shared = { clock, database, log, metrics, referenceMetrics: deps.referenceMetrics };
  const enrolment = new Enrolment({ authority, ...shared });
  const rendezvous = await RendezvousPoint.open(config, { authority, ...shared });
  if (rendezvous !== undefined) starting.use(rendezvous);
  const core = starting.use(
    new CoordinatorCore(
      {
        ...shared,
        authority,
        rendezvous: rendezvous?.desk,
        renewCertificate: (node, csr) => enrolment.renew(node, csr),
      },
      { config, fleetId: authority.fleetId, seed: randomInt(2 ** 31) },
    ),
  );
  const { complaints, notifications, refused, roster, sessions, traffics } = core;
  const status = new FleetStatusReader(
    { clock, database, complaints, refused, roster, sessions, traffics },
    { fleetId: authority.fleetId, version: deps.version, copies: config.durability.copies },
  );

  const hosts = [...config.hosts, parseHostPort(config.listen).host];
  const tls = await authority.serverTls(hosts);
  const server = createServer({ ...tls, ...serverOptions });
  const sockets = new OpenSockets(server, { maxStrangers: config.limits.strangers });
  const access = new Access({ clock, database }, authority);
  let isReady = false;
  const api = { ...apiOf(core), access, enrolment, status };
  const app = createHttpApp({ ...api, log, metrics, isReady: () => isReady }, server);
  await app.ready();
  starting.defer(() => app.close());
  let closed = Promise.resolve();
  starting.defer(() => closed);
  const sessionServer = starting.use(
    new SessionServer(
      { clock, log, metrics, openSession: core.openSession, ...admissionOf(access, core) },
      { maxSessions: config.limits.sessions },
    ),
  );
  sessionServer.attach(server);
  const port = await listen(server, config.listen);
  starting.defer(() => {
    closed = closeServer(server, { clock, sockets }); // sockets of sessions belong to it: it is waited for when they are closed
  });
  const address = formatHostPort({ host: reachableHost(config.listen), port });
  await keepFresh({ ...deps, log }, { authority, server, hosts, tls, address, resources: starting });
  notifications.start();
  isReady = true;
  starting.defer(() => (isReady = false));
  log.info({ address, fleet: authority.fleetId }, 'coordinator started');
  return running({ authority, core, enrolment, log, clock }, { port, resources: starting.move() });
}

/** Who may have a session, and what becomes of the others. */
function admissionOf(
  access: Access,
  { refused }: CoordinatorCore,
): Pick<SessionServerDeps, 'identifyNode' | 'onRefused'> {
  return {
    identifyNode: (socket) => access.requireNode(socket),
    onRefused: (nodeId, why) => refused.note(nodeId, why),
  };
}

/** What the HTTPS API needs of the core. */
function apiOf(
  core: CoordinatorCore,
): Pick<CoordinatorCore, 'audit' | 'collection' | 'notifications' | 'removeNode' | 'rollouts' | 'users'> {
  const { audit, collection, notifications, removeNode, rollouts, users } = core;
  return { audit, collection, notifications, removeNode, rollouts, users };
}

function running(
  deps: {
    readonly authority: Authority;
    readonly core: CoordinatorCore;
    readonly enrolment: Enrolment;
    readonly log: Logger;
    readonly clock: Clock;
  },
  options: { readonly port: number; readonly resources: ResourceStack },
): RunningCoordinator {
  const { authority, core, enrolment, log, clock } = deps;
  return {
    fleetId: authority.fleetId,
    port: options.port,
    createToken: (request) => enrolment.createToken(request),
    enrolOwn: (request) => enrolment.enrolOwn(request),
    knowsNode: (nodeId) => enrolment.knows(nodeId),
    linkInProcess: (link) => new InProcessLink({ clock, log, openSession: core.openSession }, link),
    async [Symbol.asyncDispose]() {
      await options.resources[Symbol.asyncDispose]();
      log.info({}, 'coordinator stopped');
    },
  };
}

/** Renews the certificates of this process while it runs, and hands the administrator's on. */
async function keepFresh(
  deps: CoordinatorDeps,
  options: {
    readonly authority: Authority;
    readonly server: Server;
    readonly hosts: readonly string[];
    readonly tls: TlsMaterial;
    readonly address: string;
    readonly resources: ResourceStack;
  },
): Promise<void> {
  const { authority, server, hosts, tls, address, resources } = options;
  const { fleetId } = authority;
  const applyAdmin = (admin: TlsMaterial): Promise<void> => deps.keepAdminAccess({ address, fleetId, tls: admin });
  await applyAdmin(await authority.adminTls());
  resources.use(
    keepCertificatesFresh(
      { authority, clock: deps.clock, log: deps.log },
      { hosts, current: tls, apply: (fresh) => server.setSecureContext(fresh), applyAdmin },
    ),
  );
}

function listen(server: Server, address: string): Promise<number> {
  const { host, port } = parseHostPort(address);
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new AppError('config_invalid', `cannot listen on ${address}: ${cause.message}`, { cause }));
    });
    server.listen({ host, port }, () => resolve(portOf(server)));
  });
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

/** Where this host reaches an address to listen on: "all addresses" includes loopback. */
function reachableHost(listenAddress: string): string {
  const { host } = parseHostPort(listenAddress);
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** Stops accepting at once; requests under way may end, for a bounded time. */
function closeServer(server: Server, deps: { readonly clock: Clock; readonly sockets: OpenSockets }): Promise<void> {
  return new Promise((resolve) => {
    const timer = deps.clock.schedule(DRAIN_MS, () => deps.sockets.destroyAll());
    server.close(() => {
      timer.cancel();
      resolve(); // an error would only say that it was closed already
    });
    server.closeIdleConnections();
  });
}

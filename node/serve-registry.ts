// The registry API on its address, from the first connection to the last.

import { isLoopback, formatHostPort, parseHostPort } from '../shared/runtime/host-port.ts';
import type { Clock } from '../shared/runtime/clock.ts';
import type { LineSink, Logger } from '../shared/runtime/log.ts';
import type { Metrics } from '../shared/runtime/metrics.ts';
import type { CoordinatorLink } from '../shared/protocol/coordinator-methods.ts';
import { ResourceStack } from '../shared/runtime/resource-stack.ts';
import { dataFolder } from '../shared/runtime/data-folder.ts';
import { LocalAdmin } from './access/local-admin.ts';
import { openPolicy, type AccessDeps, type OpenedAccess } from './access/open-policy.ts';
import type { NodeConfig } from './config.ts';
import { startDebugServer } from './health/debug-server.ts';
import type { HealthChecks } from './health/health-checks.ts';
import { listening } from './listening.ts';
import type { Health } from './registry/operations-routes.ts';
import { createRegistryApp, type RegistryDeps } from './registry/registry-app.ts';
import { openTls } from './tls/open-tls.ts';

type RegistryApp = ReturnType<typeof createRegistryApp>;

export interface ServeDeps extends Pick<RegistryDeps, 'content' | 'upstreams' | 'health' | 'pulls' | 'pullEvents'> {
  /** This node, which signs the tokens that are given out here. */
  readonly identity: AccessDeps['identity'];
  readonly link: CoordinatorLink;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly checks: HealthChecks;
  readonly version: string;
  /** Takes a line for each registry request; absent when there is no access log. */
  readonly accessLines?: LineSink | undefined;
}

/** Disposing it stops accepting; running requests may finish until the deadline, then they are cut. */
export interface ServedRegistry extends AsyncDisposable {
  readonly scheme: 'http' | 'https';
  /** `host:port`, with the port that was taken. */
  readonly address: string;
}

/** @throws {AppError} `config_invalid` when the address cannot be listened on, or the certificate cannot be used. */
export async function serveRegistry(config: NodeConfig, deps: ServeDeps): Promise<ServedRegistry> {
  const { clock, log } = deps;
  const { http, drainMs } = config;
  await using opening = new ResourceStack();
  const tls = await openTls(config, { clock, log });
  if (tls !== undefined) opening.use(tls);
  const policy = opening.use(
    await openPolicy({ ...deps, log: log.child({ part: 'access' }) }, config.access, {
      policyPath: dataFolder(config.data).accessPolicy,
      isLocal: isLoopback(parseHostPort(http).host),
    }),
  );
  const localAdmin = new LocalAdmin(policy);
  const app = createRegistryApp(
    {
      ...deps,
      health: unlessNobodyGetsIn(deps.health, policy),
      access: localAdmin,
      tokens: policy.tokens,
      log: log.child({ part: 'registry' }),
      makeServer: tls?.makeServer,
    },
    { ...config.registry, deletion: config.deletion, allowedHosts: checkedHosts(config) },
  );
  opening.defer(() => drain(app, { clock, drainMs }));
  await listening(listenHttp(app, http), { address: http, flag: '--http' });
  await startDebug(opening, config, deps);
  const scheme = tls === undefined ? 'http' : 'https';
  const address = takenAddress(app.server.address(), http);
  await localAdmin.publish(dataFolder(config.data).nodeAccess, { scheme, listen: http, address });
  const resources = opening.move();
  return {
    scheme,
    address,
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  };
}

/** A node that lets nobody in is not ready: whatever balances load goes on to another one. */
function unlessNobodyGetsIn(health: Health, policy: Pick<OpenedAccess, 'problem'>): Health {
  return {
    get failing() {
      return health.failing;
    },
    isReady: () => {
      const reason = policy.problem();
      const { ready, ...rest } = health.isReady();
      return ready && reason !== undefined ? { ready: false, reason } : { ready, ...rest };
    },
  };
}

/** The address for operators, if there is to be one. */
async function startDebug(resources: ResourceStack, { debug }: NodeConfig, deps: ServeDeps): Promise<void> {
  const { listen, metrics, metricsPath } = debug;
  if (listen === undefined) return;
  const starting = startDebugServer(deps, { listen, metricsPath: metrics ? metricsPath : undefined });
  const server = resources.use(await listening(starting, { address: listen, flag: '--debug-listen' }));
  deps.log.info({ address: server.address }, 'debug address is open');
}

/** Beyond loopback the operator gave the registry a name, and with TLS a page of another name has no certificate for it. */
function checkedHosts({ http, tls, registry }: NodeConfig): readonly string[] | undefined {
  return isLoopback(parseHostPort(http).host) && tls.certificate === undefined ? registry.allowedHosts : undefined;
}

/** All addresses of the host, when these are asked for, also where there is no IPv6. */
async function listenHttp(app: RegistryApp, address: string): Promise<void> {
  const { host, port } = parseHostPort(address);
  try {
    await app.listen({ host, port });
  } catch (error) {
    const hasNoIpv6 = error instanceof Error && 'code' in error && error.code === 'EAFNOSUPPORT';
    if (host !== '::' || !hasNoIpv6) throw error;
    await app.listen({ host: '0.0.0.0', port });
  }
}

async function drain(app: RegistryApp, options: { readonly clock: Clock; readonly drainMs: number }): Promise<void> {
  const deadline = options.clock.schedule(options.drainMs, () => app.server.closeAllConnections());
  try {
    await app.close();
  } finally {
    deadline.cancel();
  }
}

function takenAddress(
  address: string | { readonly address: string; readonly port: number } | null,
  configured: string,
): string {
  if (address === null || typeof address === 'string') return configured;
  return formatHostPort({ host: address.address, port: address.port });
}

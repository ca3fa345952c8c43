// The registry API on its address, from the first connection to the last.

import type { Clock } from '../shared/runtime/clock.ts';
import { formatHostPort, parseHostPort } from '../shared/runtime/host-port.ts';
import { listening } from './listening.ts';
import type { createRegistryApp } from './registry/registry-app.ts';

type RegistryApp = ReturnType<typeof createRegistryApp>;

/** Disposing it stops accepting; running requests may finish until the deadline, then they are cut. */
export interface RegistryListener extends AsyncDisposable {
  /** `host:port`, with the port that was taken. */
  readonly address: string;
}

/** @throws {AppError} `config_invalid` when the address cannot be listened on; the app is closed then. */
export async function listenRegistry(
  app: RegistryApp,
  deps: { readonly clock: Clock },
  options: { readonly http: string; readonly drainMs: number },
): Promise<RegistryListener> {
  const { http, drainMs } = options;
  try {
    await listening(listenHttp(app, http), { address: http, flag: '--http' });
  } catch (error) {
    await app.close();
    throw error;
  }
  return {
    address: takenAddress(app.server.address(), http),
    [Symbol.asyncDispose]: () => drain(app, { ...deps, drainMs }),
  };
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

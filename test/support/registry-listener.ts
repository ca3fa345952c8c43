// A registry app on a free port of loopback, for tests.

import type { AddressInfo } from 'node:net';
import { openAccess } from '../../node/registry/access.ts';
import { createRegistryApp, type RegistryDeps } from '../../node/registry/registry-app.ts';
import type { RegistryOptions } from '../../node/registry/registry-options.ts';
import { systemClock } from '../../shared/runtime/clock.ts';
import { silentLogger } from '../../shared/runtime/log.ts';
import { Metrics } from '../../shared/runtime/metrics.ts';
import { createFakeContent } from './fake-content.ts';

export interface RegistryListener extends AsyncDisposable {
  readonly baseUrl: string;
  readonly metrics: Metrics;
  /** Stops as the program does: what runs is finished first. */
  close(): Promise<void>;
}

const noPulls: RegistryDeps['pulls'] = {
  list: () => ({ nowMs: 0, kept: { blobs: 0, ageMs: 0 }, pulls: [] }),
  detail: () => undefined,
};

/** Everything that is not given is a small working fake, or the default. Disposing cuts open connections. */
export async function listenRegistry(
  deps: Partial<RegistryDeps> = {},
  options: Partial<RegistryOptions> = {},
): Promise<RegistryListener> {
  const metrics = deps.metrics ?? new Metrics();
  const app = createRegistryApp(
    {
      content: createFakeContent(),
      access: openAccess,
      health: { isReady: () => ({ ready: true }), failing: new Map() },
      pulls: noPulls,
      log: silentLogger,
      clock: systemClock,
      ...deps,
      metrics,
    },
    options,
  );
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}`,
    metrics,
    close: async () => {
      await app.close();
    },
    [Symbol.asyncDispose]: async () => {
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

// Starts a coordinator in this process, and keeps the command line's way to it.

import type { CoordinatorConfig } from '../../coordinator/config.ts';
import type { RunningCoordinator } from '../../coordinator/coordinator.ts';
import { writeAdminAccess } from '../../shared/identity/admin-access.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { dataFolder } from '../../shared/runtime/data-folder.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { Metrics } from '../../shared/runtime/metrics.ts';

/** @throws as `startCoordinator`. The caller disposes what it gets. */
export async function startOwnCoordinator(
  config: CoordinatorConfig,
  deps: {
    readonly clock: Clock;
    readonly log: Logger;
    readonly version: string;
    readonly referenceMetrics?: Metrics | undefined;
  },
): Promise<RunningCoordinator> {
  // Loaded here alone: a node has no use for SQLite.
  const { startCoordinator } = await import('../../coordinator/coordinator.ts');
  const metrics = new Metrics();
  metrics.collectProcess();
  const path = dataFolder(config.data).adminAccess;
  return startCoordinator(config, {
    ...deps,
    metrics,
    keepAdminAccess: ({ address, fleetId, tls }) => {
      const { cert, key, ca } = tls;
      return writeAdminAccess(path, { address, fleetId, cert, key, ca });
    },
  });
}

// The health checks that the settings want.

import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { NodeConfig } from '../config.ts';
import { HealthChecks } from './health-checks.ts';
import { checkOf, storageCheck } from './kinds-of-checks.ts';

/** The caller disposes them. Those of the settings begin at once. */
export function openHealthChecks(
  config: Pick<NodeConfig, 'data' | 'health'>,
  deps: { readonly clock: Clock; readonly log: Logger },
): HealthChecks {
  const { storage, storageIntervalMs: intervalMs, storageThreshold: threshold, checks } = config.health;
  const ofStorage = storage ? [storageCheck(config.data, { intervalMs, threshold })] : [];
  return new HealthChecks({ ...deps, log: deps.log.child({ part: 'health' }) }, [...ofStorage, ...checks.map(checkOf)]);
}

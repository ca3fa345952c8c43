// Coordinator and node of a data folder that nobody serves, for a command that works on it: they take no requests of others.

import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { startFleetOfOne } from './start-fleet-of-one.ts';
import type { UpConfig } from './up-config.ts';

/** A port of loopback that nobody knows. */
const NOWHERE = '127.0.0.1:0';
/** Pause between two looks at whether it is ready. */
const LOOK_MS = 20;
/** Looks before it is given up; it takes a few turns of the event loop. */
const MAX_LOOKS = 500;

/** @throws {AppError} `config_invalid` when another process has the folder. */
export async function startForMaintenance(
  config: UpConfig,
  deps: { readonly clock: Clock; readonly log: Logger; readonly version: string; readonly resources: ResourceStack },
  signal: AbortSignal,
): Promise<void> {
  const { certificate: _certificate, key: _key, ...tls } = config.tls;
  const { listen: _listen, ...debug } = config.debug;
  const quiet: UpConfig = {
    ...config,
    http: NOWHERE,
    listen: NOWHERE,
    swarm: NOWHERE,
    tls,
    debug,
    registry: { ...config.registry, accessLog: false, readOnly: true },
  };
  const node = await startFleetOfOne(quiet, deps);
  for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
    const { ok } = await fetch(`http://${node.httpAddress}/readyz`, { signal });
    if (ok) return;
    await deps.clock.sleep(LOOK_MS, signal);
  }
  throw new AppError('timed_out', 'the data folder was opened, and did not become ready');
}

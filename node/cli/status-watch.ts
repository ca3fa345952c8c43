// `shoal status --watch`

import type { FleetStatus } from '../../shared/protocol/admin-api.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { showLive } from './live-screen.ts';
import { renderStatus } from './status-view.ts';
import type { Terminal } from './terminal.ts';

/** Pause between two looks: as long as between two reports of a node. */
const REFRESH_MS = 2_000;

/** Shows the fleet until `signal` aborts. */
export async function watchStatus(
  deps: {
    readonly clock: Clock;
    readonly terminal: Pick<Terminal, 'out' | 'size'>;
    readonly read: () => Promise<FleetStatus>;
  },
  signal: AbortSignal,
): Promise<void> {
  await showLive({ ...deps, render: renderStatus }, { refreshMs: REFRESH_MS }, signal);
}

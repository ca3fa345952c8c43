// A node's link to a coordinator of the test.

import { SessionLink } from '../../node/coordinator-link/session-link.ts';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { silentLogger } from '../../shared/runtime/log.ts';
import { Metrics } from '../../shared/runtime/metrics.ts';
import { FakeClock } from './fake-clock.ts';
import type { TestFleet } from './fleet-identity.ts';
import type { SessionServer } from './session-server.ts';

/** What the link says of its node. */
export const hello = { protocol: 1, version: '0.1.0', isOrigin: false, swarmAddress: '127.0.0.1:5110' };

/**
 * Starts a link; its waits are as long as they may be. The clock stands still unless the test gives one.
 * @param options.certificateOf the fleet that the node shows a certificate of, when it is not its own.
 */
export function startLink(
  fleet: TestFleet,
  address: string,
  options: { readonly clock?: Clock; readonly certificateOf?: TestFleet } = {},
): SessionLink {
  const tls = (options.certificateOf ?? fleet).nodeTls('n-1');
  const link = new SessionLink(
    {
      clock: options.clock ?? new FakeClock(),
      log: silentLogger,
      metrics: new Metrics(),
      random: () => 1,
      identity: {
        nodeId: 'n-1',
        fleetId: fleet.fleetId,
        tls: () => ({ ...tls, ca: fleet.authority.caCertificatePem }),
      },
    },
    { coordinator: address, hello },
  );
  link.start();
  return link;
}

/** Settles when the link tells this the next time. */
export function next(link: CoordinatorLink, what: 'onConnected' | 'onDisconnected'): Promise<void> {
  return new Promise((resolve) => {
    const remove = link.listen({
      [what]: () => {
        remove();
        resolve();
      },
    });
  });
}

/** Starts a link and waits for its first session. */
export async function connected(
  fleet: TestFleet,
  server: SessionServer,
  clock: Clock = new FakeClock(),
): Promise<SessionLink> {
  const link = startLink(fleet, server.address, { clock });
  await next(link, 'onConnected');
  return link;
}

// Taking a node out of the fleet: it is cut off here at once, and everybody else is told to cut it off too.

import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { Directory } from '../directory/directory.ts';
import type { SessionTable } from '../sessions/session-table.ts';

/** Its copies count no longer. @throws {AppError} `identity_refused` when there is no such node in the roster. */
export function removeNode(
  deps: {
    readonly clock: Clock;
    readonly database: FleetDatabase;
    readonly directory: Directory;
    readonly log: Logger;
    readonly sessions: SessionTable;
  },
  nodeId: string,
): void {
  const { clock, database, directory, log, sessions } = deps;
  const held = database.change('roster', () => {
    const row = database.nodes.find(nodeId);
    if (row === undefined || !database.nodes.remove(nodeId, clock.wallMs())) {
      throw new AppError('identity_refused', 'there is no such node in the fleet', { detail: { node: nodeId } });
    }
    const copies = database.copies.ofNode(row.node);
    database.copies.removeNode(row.node);
    database.removals.removeNode(row.node);
    return copies;
  });
  sessions.get(nodeId)?.close('removed from the fleet');
  sessions.tell(
    directory.removeNode(
      nodeId,
      held.map(({ digest }) => digest),
    ),
  );
  sessions.forgetNode(nodeId);
  for (const session of sessions.all()) session.notify({ type: 'roster.removed', nodeIds: [nodeId] });
  log.info({ node: nodeId, blobs: held.length }, 'removed a node from the fleet');
}

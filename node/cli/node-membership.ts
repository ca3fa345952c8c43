// Which node of which fleet a starting process is: known from before, or joining now.

import { parseJoinToken } from '../../shared/identity/join-token.ts';
import type { EnrolResponse } from '../../shared/protocol/admin-api.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { joinFleet, joinInProcess } from '../identity/join-fleet.ts';
import { NodeIdentityFile } from '../identity/node-identity.ts';

export interface MembershipDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The identity of a node whose coordinator is elsewhere. A token is only used by a host that is of no fleet yet, so a unit
 * file may keep it; a new address of the coordinator is kept.
 * @throws {AppError} `config_invalid` when something is missing, and as `joinFleet`.
 */
export async function remoteMembership(
  deps: MembershipDeps,
  options: { readonly path: string; readonly coordinator: string | undefined; readonly join: string | undefined },
  signal: AbortSignal,
): Promise<{ readonly identity: NodeIdentityFile; readonly coordinator: string }> {
  const { path, join: token } = options;
  const kept = await NodeIdentityFile.open(deps, path);
  if (kept === undefined) {
    if (options.coordinator === undefined || token === undefined) throw notJoined();
    const identity = await joinFleet(deps, { path, coordinator: options.coordinator, token }, signal);
    deps.log.info({ node: identity.nodeId, fleet: identity.fleetId }, 'joined the fleet');
    return { identity, coordinator: options.coordinator };
  }
  const coordinator = options.coordinator ?? kept.coordinator;
  if (coordinator === undefined) {
    throw new AppError(
      'config_invalid',
      'this data folder belongs to `shoal up`; give --coordinator HOST:PORT to make it a plain node',
    );
  }
  if (token !== undefined && parseJoinToken(token).fingerprint !== kept.fingerprint) {
    throw new AppError(
      'join_refused',
      `this host is node ${kept.nodeId} of fleet ${kept.fleetId}, and the token is of another fleet; ` +
        `remove ${path} to join that one, or use another --data`,
    );
  }
  if (coordinator !== kept.coordinator) await kept.moveCoordinator(coordinator);
  return { identity: kept, coordinator };
}

/**
 * The identity of the node of the coordinator's own process; it joins without a token on the first start, and again
 * when the coordinator's index was lost or is an older copy.
 * @throws {AppError} `config_invalid` when the data folder is that of a node of another fleet.
 */
export async function ownMembership(
  deps: MembershipDeps,
  options: {
    readonly path: string;
    readonly fleetId: string;
    /** Whether the coordinator has a node in its roster, removed or not: one that was removed stays so. */
    readonly knowsNode: (nodeId: string) => boolean;
    readonly enrol: (request: { readonly csr: string; readonly name: string }) => EnrolResponse;
  },
): Promise<NodeIdentityFile> {
  const { path, fleetId, knowsNode, enrol } = options;
  const kept = await NodeIdentityFile.open(deps, path);
  const isOfFleet = kept?.fleetId === fleetId;
  if (isOfFleet && knowsNode(kept.nodeId)) return kept;
  if (!isOfFleet && kept?.coordinator !== undefined) {
    throw new AppError(
      'config_invalid',
      `this data folder is that of node ${kept.nodeId} of another fleet (${kept.fleetId}); use another --data, or \`shoal node\``,
    );
  }
  const identity = await joinInProcess({ path, enrol: (request) => Promise.resolve(enrol(request)) });
  if (isOfFleet) {
    const fields = { node: identity.nodeId, before: kept.nodeId, fleet: fleetId };
    deps.log.warn(fields, 'the index does not know the node of this host; it joined anew');
  } else deps.log.info({ node: identity.nodeId, fleet: fleetId }, 'made the node of this host');
  return identity;
}

function notJoined(): AppError {
  return new AppError(
    'config_invalid',
    'this host is of no fleet yet. On its first start a node needs\n' +
      '  shoal node --coordinator HOST:PORT --join TOKEN\n' +
      "with a token that `shoal token create` prints on the coordinator's host",
  );
}

/**
 * Whether a node is an origin: what it was told now, or else what it was before. What it is told is kept, so that an origin
 * that is started again without a word stays one.
 */
export async function originRole(identity: NodeIdentityFile, told: boolean | undefined): Promise<boolean> {
  const isOrigin = told ?? identity.isOrigin ?? false;
  await identity.keepRole({ isOrigin });
  return isOrigin;
}

// Hands the users of the fleet to nodes as a signed document that runs out (shared/access/access-policy.ts), and tells those that
// go by it when it changed.

import {
  MAX_REMOVED_NODES,
  signPolicy,
  type AccessPolicyDocument,
  type PolicyAccount,
  type SignedPolicy,
} from '../../shared/access/access-policy.ts';
import { parseActions } from '../../shared/access/grant.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { AccountRow } from '../database/account-table.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { Authority } from '../identity/authority.ts';
import type { SessionTable } from '../sessions/session-table.ts';

/** A document is signed anew when this share of its life is over; until then all nodes get the same one. */
const FRESH_SHARE = 1 / 20;

export interface PolicyDeskDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly sessions: Pick<SessionTable, 'all'>;
  readonly authority: Pick<Authority, 'sign'>;
}

export class PolicyDesk {
  readonly #deps: PolicyDeskDeps;
  readonly #options: { readonly fleetId: string; readonly lifeMs: number };
  #kept: { readonly signed: SignedPolicy; readonly untilMs: number } | undefined;

  constructor(deps: PolicyDeskDeps, options: { readonly fleetId: string; readonly lifeMs: number }) {
    this.#deps = deps;
    this.#options = options;
  }

  /** The document as of now. */
  read(): SignedPolicy {
    const { authority, clock } = this.#deps;
    const { lifeMs } = this.#options;
    const nowMs = clock.wallMs();
    const kept = this.#kept;
    // A wall clock that was set back must not leave an old document in use.
    if (kept !== undefined && nowMs < kept.untilMs && nowMs >= kept.untilMs - lifeMs * FRESH_SHARE) return kept.signed;
    const signed = signPolicy(this.#document(nowMs), (bytes) => authority.sign(bytes));
    this.#kept = { signed, untilMs: nowMs + lifeMs * FRESH_SHARE };
    return signed;
  }

  /** Users, rights or the roster changed: every node that goes by them is told at once. */
  changed(): void {
    this.#kept = undefined;
    for (const session of this.#deps.sessions.all()) {
      if (session.followsPolicy) session.notify({ type: 'access.changed' });
    }
  }

  #document(nowMs: number): AccessPolicyDocument {
    const { database } = this.#deps;
    const { fleetId, lifeMs } = this.#options;
    return database.read('users', () => ({
      version: 1,
      fleetId,
      issuedAtMs: nowMs,
      expiresAtMs: nowMs + lifeMs,
      accounts: database.accounts.all().map(policyAccount),
      grants: database.grants.all().map(({ who, actions, repositories }) => ({
        who,
        actions: [...parseActions(actions)],
        repositories,
      })),
      removedNodes: database.nodes.allRemoved(MAX_REMOVED_NODES),
    }));
  }
}

function policyAccount({ name, kind, secretHash, expiresMs }: AccountRow): PolicyAccount {
  if (kind === 'user') return { kind, name, passwordHash: secretHash };
  return { kind, name, secretHash, expiresAtMs: expiresMs ?? 0 };
}

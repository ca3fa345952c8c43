// The fleet in one document, for `shoal status` and the like.

import type { FleetStatus, NodeStatus } from '../../shared/protocol/admin-api.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { NodeRow } from '../database/node-table.ts';
import type { PeerComplaints } from '../sessions/peer-complaints.ts';
import type { RefusedNodes } from '../sessions/refused-nodes.ts';
import type { SessionTable } from '../sessions/session-table.ts';
import type { RosterWriter } from './roster-writer.ts';
import type { ZoneTraffics } from './zone-traffic.ts';

/** How long totals are kept: to compute them whole tables are read, and many people may watch. */
const TOTALS_KEPT_MS = 2000;

type Totals = Pick<FleetStatus, 'repositories' | 'tags' | 'blobs'>;

export class FleetStatusReader {
  readonly #deps: {
    readonly clock: Clock;
    readonly complaints: PeerComplaints;
    readonly database: FleetDatabase;
    readonly refused: Pick<RefusedNodes, 'why'>;
    readonly roster: RosterWriter;
    readonly sessions: SessionTable;
    readonly traffics: ZoneTraffics;
  };
  readonly #options: { readonly fleetId: string; readonly version: string; readonly copies: number };
  readonly #startedAtMs: number;
  #totals: { readonly value: Totals; readonly atMs: number } | undefined;

  constructor(
    deps: {
      readonly clock: Clock;
      readonly complaints: PeerComplaints;
      readonly database: FleetDatabase;
      readonly refused: Pick<RefusedNodes, 'why'>;
      readonly roster: RosterWriter;
      readonly sessions: SessionTable;
      readonly traffics: ZoneTraffics;
    },
    options: { readonly fleetId: string; readonly version: string; readonly copies: number },
  ) {
    this.#deps = deps;
    this.#options = options;
    this.#startedAtMs = deps.clock.wallMs();
  }

  read(): FleetStatus {
    const { clock } = this.#deps;
    const { fleetId, version } = this.#options;
    return {
      fleetId,
      version,
      nowMs: clock.wallMs(),
      startedAtMs: this.#startedAtMs,
      ...this.#readTotals(),
      zones: this.#deps.traffics.list(),
      nodes: this.nodes(),
    };
  }

  /** Every node that ever joined. */
  nodes(): NodeStatus[] {
    const { database } = this.#deps;
    return database.read('status', () => database.nodes.all()).map((row) => this.#nodeStatus(row));
  }

  #readTotals(): Totals {
    const { clock, database, roster } = this.#deps;
    const kept = this.#totals;
    if (kept !== undefined && clock.nowMs() - kept.atMs < TOTALS_KEPT_MS) return kept.value;
    roster.flush(); // who is an origin decides what is under-replicated
    const value = database.read('status', () => ({
      repositories: database.repositories.count(),
      tags: database.tags.count(),
      blobs: {
        ...database.blobs.totals(),
        underReplicated: database.copies.underReplicatedCount(this.#options.copies),
      },
    }));
    this.#totals = { value, atMs: clock.nowMs() };
    return value;
  }

  #nodeStatus(row: NodeRow): NodeStatus {
    const { clock, complaints, refused, sessions } = this.#deps;
    const { nodeId } = row;
    const session = sessions.get(nodeId);
    const report = sessions.report(nodeId);
    const isConnected = session !== undefined;
    const refusal = isConnected ? undefined : refused.why(nodeId);
    const lastSeenMs = isConnected ? clock.wallMs() : row.lastSeenMs;
    const swarmAddress = session?.hello?.swarmAddress ?? row.swarmAddress;
    const version = session?.hello?.version ?? row.version;
    const { zone, rack } = session?.hello ?? { zone: row.zone ?? undefined, rack: row.rack ?? undefined };
    return {
      nodeId,
      state: stateOf(row, isConnected),
      ...(refusal === undefined ? {} : { refusal }),
      isOrigin: session?.isOrigin ?? row.isOrigin === 1,
      ...(zone === undefined ? {} : { zone }),
      ...(rack === undefined ? {} : { rack }),
      ...(swarmAddress === null ? {} : { swarmAddress }),
      ...(version === null ? {} : { version }),
      ...(lastSeenMs === null ? {} : { lastSeenMs }),
      blobCount: report?.blobCount ?? 0,
      blobBytes: report?.blobBytes ?? 0,
      ...(report === undefined ? {} : { freeBytes: report.freeBytes }),
      badPieces: complaints.badPieces(nodeId),
      ...(report?.links === undefined || !isConnected ? {} : { links: report.links }),
      downloads: isConnected && report !== undefined ? [...report.downloads] : [],
    };
  }
}

function stateOf(row: NodeRow, isConnected: boolean): NodeStatus['state'] {
  if (row.removedMs !== null) return 'removed';
  return isConnected ? 'connected' : 'lost';
}

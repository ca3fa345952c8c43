// The coordinator without its network: index, directory, replication and sessions, joined. A session over a socket, one within the
// process and the simulator's all begin at `openSession`.

import type { Clock, Scheduled } from '../shared/runtime/clock.ts';
import type { Logger } from '../shared/runtime/log.ts';
import type { Metrics } from '../shared/runtime/metrics.ts';
import { AuditLog } from './audit/audit-log.ts';
import { PullRecorder } from './changes/pull-recorder.ts';
import { ChangeRecorder } from './changes/change-recorder.ts';
import { CachedCopies } from './cache/cached-copies.ts';
import { Collection } from './collection/collection.ts';
import type { CoordinatorConfig } from './config.ts';
import type { FleetDatabase } from './database/fleet-database.ts';
import { Directory } from './directory/directory.ts';
import type { RendezvousDesk } from './hyperswarm/rendezvous-desk.ts';
import { Notifications } from './notifications/notifications.ts';
import { CopyRecord, type CopyRecordDeps } from './replication/copy-record.ts';
import { Replication, type ReplicationDeps, type ReplicationOptions } from './replication/replication.ts';
import { removeNode } from './roster/remove-node.ts';
import { AskedImages } from './rollout/asked-images.ts';
import { RolloutReader } from './rollout/rollout-reader.ts';
import { RosterWriter } from './roster/roster-writer.ts';
import { ZoneTraffics } from './roster/zone-traffic.ts';
import { PeerComplaints } from './sessions/peer-complaints.ts';
import { sessionMethods } from './sessions/session-methods.ts';
import { RefusedNodes } from './sessions/refused-nodes.ts';
import { SessionTable } from './sessions/session-table.ts';
import { FleetUsers } from './users/fleet-users.ts';
import { PolicyDesk, type PolicyDeskDeps } from './users/policy-desk.ts';
import { Session, type Methods, type SessionCarrier } from './sessions/session.ts';
import { ManifestResolver } from './tags/manifest-resolver.ts';

/** How often grace times that are over are ended, and sightings of nodes written: a second more matters to nobody. */
const HOUSEKEEPING_MS = 1000;

export interface CoordinatorCoreDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Where the reference registry's names go, if they are wanted. */
  readonly referenceMetrics?: Metrics | undefined;
  /** Absent while hyperswarm is off. */
  readonly rendezvous?: RendezvousDesk | undefined;
  readonly renewCertificate: (nodeId: string, csrPem: string) => string;
  readonly authority: PolicyDeskDeps['authority'];
}

export interface CoordinatorCoreOptions {
  readonly config: CoordinatorConfig;
  readonly fleetId: string;
  /** Draws the neighbours. */
  readonly seed: number;
}

export class CoordinatorCore implements AsyncDisposable {
  readonly audit: AuditLog;
  readonly collection: Collection;
  readonly complaints: PeerComplaints;
  readonly notifications: Notifications;
  readonly refused: RefusedNodes;
  readonly rollouts: RolloutReader;
  readonly roster: RosterWriter;
  readonly sessions = new SessionTable();
  readonly traffics = new ZoneTraffics();
  readonly users: FleetUsers;
  readonly #deps: CoordinatorCoreDeps;
  readonly #cachedCopies: CachedCopies;
  readonly #copyRecord: CopyRecord;
  readonly #directory: Directory;
  readonly #policy: PolicyDesk;
  readonly #methods: Methods;
  readonly #images = new AskedImages();
  readonly #replication: Replication;
  #housekeeping: Scheduled | undefined;

  constructor(deps: CoordinatorCoreDeps, options: CoordinatorCoreOptions) {
    this.#deps = deps;
    const { clock, database, log, metrics } = deps;
    const { config, fleetId, seed } = options;
    // First, since it refuses settings that are wrong: nothing runs yet that would have to be stopped.
    this.notifications = new Notifications(deps, config.notifications);
    const { sessions } = this;
    const directory = new Directory({ seed, graceMs: config.graceMs });
    this.#directory = directory;
    this.#policy = new PolicyDesk({ ...deps, sessions }, { fleetId, lifeMs: config.users.policyLifeMs });
    this.audit = new AuditLog(deps, config.audit);
    this.users = new FleetUsers({ ...deps, audit: this.audit, onChange: () => this.#policy.changed() });
    this.complaints = new PeerComplaints({ log, metrics });
    this.refused = new RefusedNodes(deps);
    this.roster = new RosterWriter({ database });
    const send: ReplicationDeps['send'] = (nodeId, event) => sessions.send(nodeId, event);
    const replication = new Replication({ clock, database, directory, log, metrics, send }, replicationOptions(config));
    this.#replication = replication;
    this.#cachedCopies = new CachedCopies({ clock, database, log }, config.cache);
    this.#copyRecord = new CopyRecord({
      clock,
      database,
      directory,
      tell: (changes) => sessions.tell(changes),
      ...this.#copyListeners(),
    });
    const times = { pushGraceMs: config.collection.pushGraceMs, deleteDelayMs: config.collection.deleteDelayMs };
    const { everyMs, untagged } = config.collection;
    this.collection = new Collection(
      { clock, database, log, metrics, sessions },
      { times, everyMs, untagged, retryMs: config.orderRetryMs },
    );
    this.rollouts = new RolloutReader({ clock, database, directory, images: this.#images, sessions });
    this.#methods = sessionMethods({
      ...deps,
      ...this.#recorders(config),
      copies: config.durability.copies,
      times,
      complaints: this.complaints,
      copyRecord: this.#copyRecord,
      directory,
      fleetId,
      images: this.#images,
      resolver: new ManifestResolver({ database }),
      policy: this.#policy,
      refused: this.refused,
      replication,
      roster: this.roster,
      sessions,
      cachedCopies: this.#cachedCopies,
      traffics: this.traffics,
    });
    this.#load();
    this.#addMetrics(metrics);
    this.#keepHouse();
  }

  /** Those who heed what hosts come to hold, and lose. */
  #copyListeners(): Pick<CopyRecordDeps, 'onCopy' | 'onLoss' | 'onUnknown'> {
    const { clock } = this.#deps;
    return {
      onCopy: (nodeId, digest) => {
        this.#replication.copyConfirmed(nodeId, digest);
        this.#images.held(nodeId, digest, clock.nowMs());
        this.collection.orphans.settled(nodeId, digest);
      },
      onLoss: (nodeId, digest) => {
        this.#images.lost(nodeId, digest);
        this.collection.orphans.settled(nodeId, digest);
      },
      onUnknown: (nodeId, digest) => this.collection.orphans.noticed(nodeId, digest),
    };
  }

  /** What keeps account of who did what. */
  #recorders(config: CoordinatorConfig): { readonly changes: ChangeRecorder; readonly pullRecorder: PullRecorder } {
    const { clock, database } = this.#deps;
    const changes = new ChangeRecorder({ clock, keepers: [this.audit, this.notifications.outbox] });
    const areWanted = config.audit.pulls || this.notifications.wantsPulls;
    const { includeReferences } = config.notifications;
    return { changes, pullRecorder: new PullRecorder({ changes, clock, database }, { areWanted, includeReferences }) };
  }

  /** Begins a session of a node whose certificate was checked; the carrier ends it with `Session.end`. */
  readonly openSession = (nodeId: string, carrier: SessionCarrier): Session =>
    new Session({ methods: this.#methods, carrier, onEnd: (session) => this.#sessionEnded(session) }, { nodeId });

  /** Takes a node out of the fleet. @throws {AppError} `identity_refused` when there is none of this id */
  readonly removeNode = (nodeId: string): void => {
    removeNode({ ...this.#deps, directory: this.#directory, sessions: this.sessions }, nodeId);
    this.#images.forgetNode(nodeId);
    this.collection.orphans.forgetNode(nodeId);
    this.#deps.rendezvous?.remove(nodeId);
    this.#policy.changed();
  };

  /** Writes what was gathered. Sessions are closed by those who carry them, before this. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#housekeeping?.cancel();
    this.audit[Symbol.dispose]();
    this.#cachedCopies[Symbol.dispose]();
    await this.notifications[Symbol.asyncDispose]();
    await this.collection[Symbol.asyncDispose]();
    await this.#replication[Symbol.asyncDispose]();
    this.#copyRecord.close();
    this.roster.flush();
  }

  /** Takes the durable record into memory. Every holder has the grace time to come back before it counts as out of reach. */
  #load(): void {
    const { clock, database } = this.#deps;
    for (const row of database.nodes.all()) {
      if (row.removedMs !== null) continue;
      const isOrigin = row.isOrigin === 1;
      const zone = row.zone ?? undefined;
      this.#directory.setNode(row.nodeId, { isOrigin, zone, rack: row.rack ?? undefined });
      if (row.swarmAddress === null) continue;
      const peer = { nodeId: row.nodeId, address: row.swarmAddress, isOrigin };
      this.sessions.setPeer(zone === undefined ? peer : { ...peer, zone });
      this.#directory.disconnect(row.nodeId, clock.nowMs());
    }
    for (const { nodeId, digest } of database.copies.all()) this.#directory.addHolding(nodeId, digest);
  }

  #sessionEnded(session: Session): void {
    const { clock, log } = this.#deps;
    const { nodeId, hello } = session;
    if (!this.sessions.remove(session) || hello === undefined) return;
    this.#cachedCopies.nodeLeft(nodeId);
    this.#replication.originDisconnected(nodeId);
    this.#deps.rendezvous?.left(nodeId);
    this.sessions.tell(this.#directory.disconnect(nodeId, clock.nowMs()));
    this.roster.seen({ ...hello, nodeId, atMs: clock.wallMs() });
    log.info({ node: nodeId }, 'a node disconnected');
  }

  #keepHouse(): void {
    this.#housekeeping = this.#deps.clock.schedule(HOUSEKEEPING_MS, () => {
      try {
        this.sessions.tell(this.#directory.expire(this.#deps.clock.nowMs()));
        this.roster.flush();
      } catch (err) {
        this.#deps.log.error({ err }, 'housekeeping failed; trying again');
      }
      this.#keepHouse();
    });
  }

  #addMetrics(metrics: Metrics): void {
    metrics.gaugeOf({ name: 'shoal_sessions_open', help: 'Nodes with a session.' }, () => this.sessions.count);
    metrics.gaugeOf(
      { name: 'shoal_directory_swarms', help: 'Blobs that somebody is downloading.' },
      () => this.#directory.counts().swarms,
    );
    metrics.gaugeOf(
      { name: 'shoal_directory_blobs', help: 'Blobs that somebody holds.' },
      () => this.#directory.counts().blobs,
    );
  }
}

function replicationOptions(config: CoordinatorConfig): ReplicationOptions {
  return {
    copies: config.durability.copies,
    waitMs: config.durability.waitMs,
    maxWaiting: config.limits.waitingManifests,
    maxOrdersPerOrigin: config.limits.ordersPerOrigin,
    orderRetryMs: config.orderRetryMs,
    sweepEveryMs: config.sweepEveryMs,
  };
}

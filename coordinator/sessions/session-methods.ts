// Each method of a session and the use case that answers it.

import type { Digest } from '../../shared/oci/digest.ts';
import { SESSION_PROTOCOL, type Params, type Result } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { PullRecorder } from '../changes/pull-recorder.ts';
import type { ChangeRecorder } from '../changes/change-recorder.ts';
import type { CachedCopies } from '../cache/cached-copies.ts';
import { releaseCopy } from '../collection/release-copy.ts';
import type { ReviewTimes } from '../collection/review-times.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { Directory } from '../directory/directory.ts';
import type { CopyRecord } from '../replication/copy-record.ts';
import type { RendezvousDesk } from '../hyperswarm/rendezvous-desk.ts';
import type { Replication } from '../replication/replication.ts';
import type { AskedImages } from '../rollout/asked-images.ts';
import type { RosterWriter } from '../roster/roster-writer.ts';
import type { ZoneTraffics } from '../roster/zone-traffic.ts';
import { commitManifest } from '../tags/commit-manifest.ts';
import { deleteManifest } from '../tags/delete-manifest.ts';
import { listRepositories, listTags } from '../tags/list-content.ts';
import { listReferrers } from '../tags/list-referrers.ts';
import { addBlob, mountBlob, removeBlob, statBlob } from '../tags/repository-blobs.ts';
import type { ManifestResolver } from '../tags/manifest-resolver.ts';
import { announcementSpreadMs } from './announcement-pace.ts';
import { cacheMethods } from './cache-methods.ts';
import type { PolicyDesk } from '../users/policy-desk.ts';
import type { PeerComplaints } from './peer-complaints.ts';
import type { RefusedNodes } from './refused-nodes.ts';
import type { Methods, Session } from './session.ts';
import type { SessionTable } from './session-table.ts';

export interface SessionServices {
  readonly pullRecorder: PullRecorder;
  /** Keeps account of what is done to repositories. */
  readonly changes: ChangeRecorder;
  readonly clock: Clock;
  readonly complaints: PeerComplaints;
  readonly copyRecord: CopyRecord;
  readonly database: FleetDatabase;
  readonly directory: Directory;
  readonly fleetId: string;
  /** Who asked for what, for those who watch a release. */
  readonly images: AskedImages;
  readonly log: Logger;
  readonly policy: Pick<PolicyDesk, 'read'>;
  /** Absent while hyperswarm is off. */
  readonly rendezvous?: RendezvousDesk | undefined;
  readonly refused: RefusedNodes;
  readonly replication: Replication;
  readonly resolver: ManifestResolver;
  readonly roster: RosterWriter;
  readonly sessions: SessionTable;
  readonly cachedCopies: CachedCopies;
  readonly times: ReviewTimes;
  readonly traffics: ZoneTraffics;
  /** Origins that are to hold each blob. */
  readonly copies: number;
  /** Signs a new key of a node of the roster. @throws {AppError} `identity_refused`, `message_invalid` */
  readonly renewCertificate: (nodeId: string, csrPem: string) => string;
}

/** Removed nodes told at hello, the newest: older ones' certificates run out within days anyway. */
const MAX_REMOVED_TOLD = 10_000;

/** The dispatch table. */
export function sessionMethods(services: SessionServices): Methods {
  const { changes, complaints, database, directory, sessions } = services;
  const commitDeps = { ...services, durability: services.replication };
  const listDeps = { ...services, listed: services.cachedCopies.referrers };
  return {
    'session.hello': (session, params) => hello(services, session, params),
    'manifest.resolve': (session, params) => resolve(services, session, params),
    'manifest.put': ({ nodeId }, params, signal) =>
      commitManifest({ ...commitDeps, record: changes.for(nodeId, params.by) }, params, signal),
    'manifest.delete': ({ nodeId }, params) => {
      deleteManifest({ ...services, record: changes.for(nodeId, params.by) }, params);
      return {};
    },
    ...cacheMethods(services),
    'tags.list': (_, params) => listTags(services, params),
    'repositories.list': (_, params) => listRepositories(services, params),
    'referrers.list': (_, params) => listReferrers(listDeps, params),
    'blob.stat': (_, params) => {
      const sizeBytes = statBlob(services, params);
      return sizeBytes === undefined ? {} : { sizeBytes };
    },
    'blob.add': (session, params) => recordBlob(services, session, params),
    'blob.mount': ({ nodeId }, params) => ({
      isMounted: mountBlob({ ...services, record: changes.for(nodeId, params.by) }, params),
    }),
    'blob.remove': ({ nodeId }, params) => {
      removeBlob({ ...services, record: changes.for(nodeId, params.by) }, params);
      return {};
    },
    'blob.release': (session, params) => ({ isReleased: releaseCopy(services, session, params) }),
    'blob.copies': (_, { digests }) => ({ counts: digests.map((digest) => directory.originCopies(digest)) }),
    'blob.locate': (session, params) => locate(services, session, params),
    'blob.leave': (session, { digest, isWhole = false, otherZoneBytes = 0 }) => {
      noteOtherZones(services, session, { digest, bytes: otherZoneBytes });
      if (isWhole) directory.finish(session.nodeId, digest);
      else sessions.tell(directory.leave(session.nodeId, digest));
      session.dropEventsOf(digest);
      return {};
    },
    ...paceMethods(services),
    'holdings.announce': (session, params) => announce(services, session, params),
    'pulls.tell': ({ nodeId }, { pulls }) => services.pullRecorder.record(nodeId, pulls),
    'peer.report': (session, params) => {
      if (database.nodes.find(params.nodeId) !== undefined) complaints.add(session.nodeId, params);
      return {};
    },
    'node.report': (session, params) => {
      sessions.setReport(session.nodeId, params);
      return {};
    },
    'hyperswarm.join': (session, params) => joinHyperswarm(services, session, params),
    'access.policy': (session) => {
      session.followsPolicy = true;
      return services.policy.read();
    },
    'certificate.renew': (session, { csr }) => ({ certificate: services.renewCertificate(session.nodeId, csr) }),
  };
}

/** What members say of the pace at which pieces come. */
function paceMethods({
  clock,
  directory,
  log,
  sessions,
}: SessionServices): Pick<Methods, 'blob.lagging' | 'swarm.behind'> {
  return {
    'blob.lagging': ({ nodeId }, { digest, classes }) => {
      sessions.tell(directory.complain(nodeId, digest, { classes, nowMs: clock.nowMs() }));
      return {};
    },
    'swarm.behind': ({ nodeId }) => {
      log.info({ node: nodeId }, 'a node gets a blob much more slowly than its neighbours');
      sessions.tell(directory.fallBehind(nodeId, clock.nowMs()));
      return {};
    },
  };
}

/** @throws {AppError} `protocol_mismatch`, `identity_refused` */
function hello(services: SessionServices, session: Session, params: Params<'session.hello'>): Result<'session.hello'> {
  const { clock, database, directory, log, replication, sessions } = services;
  const { nodeId } = session;
  const { protocol, version, isOrigin, swarmAddress, zone, rack, hasSlowLink } = params;
  if (protocol !== SESSION_PROTOCOL) {
    const text = `the coordinator speaks session protocol ${SESSION_PROTOCOL}, the node ${protocol}; run the same version on both`;
    const detail = { coordinator: SESSION_PROTOCOL, node: protocol };
    throw refuse(services, session, new AppError('protocol_mismatch', text, { detail }));
  }
  const row = database.nodes.find(nodeId);
  if (row === undefined || row.removedMs !== null) {
    const text = 'this node is not of the fleet, or was removed from it';
    throw refuse(services, session, new AppError('identity_refused', text, { detail: { node: nodeId } }));
  }
  services.refused.admitted(nodeId);
  services.roster.seen({ ...params, nodeId, atMs: clock.wallMs() });
  session.isOpen = true;
  session.isOrigin = isOrigin;
  session.hello = params;
  sessions.setPeer({ nodeId, address: swarmAddress, isOrigin, ...(zone === undefined ? {} : { zone }) });
  // With an older session goes what it had joined: the node says again what it downloads.
  if (sessions.get(nodeId) !== undefined) sessions.tell(directory.disconnect(nodeId, clock.nowMs()));
  sessions.set(session);
  sessions.tell(directory.setNode(nodeId, { isOrigin, zone, rack, hasSlowLink }));
  sessions.tell(directory.connect(nodeId));
  if (isOrigin) replication.originConnected(nodeId);
  log.info({ node: nodeId, origin: isOrigin, version }, 'a node connected');
  return { fleetId: services.fleetId, nodeId, removedNodes: database.nodes.removed(clock.wallMs(), MAX_REMOVED_TOLD) };
}

/** @returns `why`, after it was put down for those who look for the node. */
function refuse({ refused }: SessionServices, { nodeId }: Session, why: AppError): AppError {
  refused.note(nodeId, why);
  return why;
}

function resolve(
  services: SessionServices,
  { nodeId }: Session,
  params: Params<'manifest.resolve'>,
): Result<'manifest.resolve'> {
  const { cachedCopies, clock, directory, images } = services;
  const answer = services.resolver.resolve(params);
  if (!answer.found) return answer;
  const { digest, blobs } = answer;
  const at = { nowMs: clock.nowMs(), holds: (blob: Digest) => directory.holds(nodeId, blob) };
  images.asked(nodeId, { repository: params.repository, digest, blobs }, at);
  const checkedAgeMs = cachedCopies.asked(params, digest);
  return checkedAgeMs === undefined ? answer : { ...answer, checkedAgeMs };
}

/** Nothing in the answer while hyperswarm is off. Who joined before hears when the way in changed. */
function joinHyperswarm(
  { clock, rendezvous, sessions }: SessionServices,
  { nodeId }: Session,
  params: Params<'hyperswarm.join'>,
): Result<'hyperswarm.join'> {
  if (rendezvous === undefined) return {};
  const { noiseKey, udpAddress } = params;
  if (noiseKey === undefined) return { rendezvous: rendezvous.describe() };
  const joined = rendezvous.join(nodeId, { noiseKey, udpAddress }, clock.nowMs());
  sessions.setNoiseKey(nodeId, noiseKey);
  if (joined.isListChanged) {
    const bootstrap = [...joined.rendezvous.bootstrap];
    for (const other of rendezvous.connected()) {
      if (other !== nodeId) sessions.send(other, { type: 'hyperswarm.bootstrap', bootstrap });
    }
  }
  return { rendezvous: joined.rendezvous };
}

function noteOtherZones(
  { clock, database, traffics }: SessionServices,
  session: Session,
  { digest, bytes }: { readonly digest: Digest; readonly bytes: number },
): void {
  if (bytes === 0) return;
  const blob = database.read('locate', () => database.blobs.find(digest));
  if (blob === undefined) return;
  const { sizeBytes } = blob;
  traffics.received({ digest, sizeBytes }, { zone: session.hello?.zone, bytes, nowMs: clock.nowMs() });
}

function recordBlob(services: SessionServices, session: Session, params: Params<'blob.add'>): Result<'blob.add'> {
  const { changes, copyRecord, replication } = services;
  copyRecord.settle(session.nodeId);
  addBlob({ ...services, record: changes.for(session.nodeId, params.by) }, session, params);
  session.snapshot.note(params.digest);
  copyRecord.recorded(session.nodeId, params.digest);
  replication.replicate({ digest: params.digest, sizeBytes: params.table.sizeBytes });
  return {};
}

/** A blob that nobody of the fleet ever recorded has no table, and no swarm to join. */
function locate(services: SessionServices, session: Session, { digest }: Params<'blob.locate'>): Result<'blob.locate'> {
  const { database, directory, sessions } = services;
  const table = database.read('locate', () => database.blobs.table(digest));
  if (table === undefined) return { neighbours: [] };
  const joined = directory.join(session.nodeId, digest);
  if (joined === undefined) throw new AppError('too_many_requests', 'this node downloads too many blobs at once');
  session.dropEventsOf(digest);
  services.images.located(session.nodeId, digest, services.clock.nowMs());
  sessions.tell(joined.changes);
  return { table, neighbours: sessions.peers(joined.neighbours) };
}

async function announce(
  services: SessionServices,
  session: Session,
  params: Params<'holdings.announce'>,
): Promise<Result<'holdings.announce'>> {
  const everything = session.snapshot.take(params);
  const { added, removed } = params;
  const { nodeId, isOrigin } = session;
  await services.copyRecord.announce({ nodeId, isOrigin, added, removed, everything });
  if (everything !== undefined && isOrigin && !session.signal.aborted) services.replication.resweep(nodeId);
  return { spreadMs: announcementSpreadMs(session, services.sessions.count) };
}

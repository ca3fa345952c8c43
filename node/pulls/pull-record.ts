// The story of one blob's way to this host, gathered while it happens. Pure: the download tells what happens and when.
//
//   begun ─granted─▶ ─locating─▶ ─located─▶ ─first byte─▶ … ─fetched─▶ ─ended

import type { Digest } from '../../shared/oci/digest.ts';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import {
  MAX_PEERS_TOLD,
  type BlobPull,
  type BlobState,
  type Bound,
  type PeerShare,
  type PullCause,
} from '../../shared/protocol/pull-report.ts';
import { isAppError } from '../../shared/runtime/errors.ts';
import { PeerTally, type TallyOwner } from './peer-tally.ts';
import { judge, type Loss } from './pull-verdict.ts';

export interface PullSubject {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly cause: PullCause;
  /** The repository of the first request for it. */
  readonly repository?: string | undefined;
}

/** Peers that one pull counts one by one; further ones share one line. Far above the neighbours of a blob. */
const MAX_PEERS_COUNTED = 256;

export class PullRecord {
  readonly subject: PullSubject;
  readonly startedMs: number;
  readonly #startedAtMs: number;
  readonly #onEnded: (record: PullRecord, nowMs: number) => void;
  readonly #owner: TallyOwner;
  readonly #tallies = new Map<string, PeerTally>();
  readonly #named = new Map<string, Peer>();
  #clients = 0;
  #clientAskedMs: number | undefined;
  #clientServedMs: number | undefined;
  #grantedMs: number | undefined;
  #locatingMs: number | undefined;
  #locateMs = 0;
  #locatedMs: number | undefined;
  #firstByteMs: number | undefined;
  #fetchedMs: number | undefined;
  #hereBytes: number | undefined;
  #silentMs = 0;
  /** The first peer that failed to send something in the present pause. */
  #failing: { readonly tally: PeerTally; readonly atMs: number } | undefined;
  #retries = 0;
  #endedMs: number | undefined;
  #failure: BlobPull['failure'];

  constructor(
    subject: PullSubject,
    at: { readonly nowMs: number; readonly wallMs: number },
    onEnded: (record: PullRecord, nowMs: number) => void,
  ) {
    this.subject = subject;
    this.startedMs = at.nowMs;
    this.#startedAtMs = at.wallMs;
    this.#onEnded = onEnded;
    this.#owner = {
      lastByteMs: undefined,
      pauseEnded: (tally, nowMs) => this.#pauseEnded(tally, nowMs),
      failedUs: (tally, nowMs) => {
        if (this.#failingTally === undefined) this.#failing = { tally, atMs: nowMs };
      },
      requested: ({ isAgain }) => {
        if (isAgain) this.#retries += 1;
      },
    };
  }

  get endedMs(): number | undefined {
    return this.#endedMs;
  }

  clientJoined(nowMs: number): void {
    this.#clients += 1;
    this.#clientAskedMs ??= nowMs;
  }

  /** Bytes can be given to a client. Only the first call counts. */
  clientServed(nowMs: number): void {
    this.#clientServedMs ??= nowMs;
  }

  get isClientServed(): boolean {
    return this.#clientServedMs !== undefined;
  }

  /** The download may run. */
  granted(nowMs: number): void {
    this.#grantedMs = nowMs;
  }

  locating(nowMs: number): void {
    this.#locatingMs = nowMs;
  }

  located(nowMs: number, neighbours: readonly Peer[]): void {
    this.#locateMs += nowMs - (this.#locatingMs ?? nowMs);
    this.#locatedMs ??= nowMs;
    this.named(neighbours);
  }

  /** Notes which of these nodes are origins, and in which zone, as the coordinator says. */
  named(peers: readonly Peer[]): void {
    for (const peer of peers) {
      if (this.#named.has(peer.nodeId) || this.#named.size < MAX_PEERS_COUNTED) this.#named.set(peer.nodeId, peer);
    }
  }

  /** The partial blob is open with so many bytes in it. Fewer than there were: what came so far was thrown away. */
  opened(hereBytes: number): void {
    if (this.#hereBytes !== undefined && hereBytes >= this.#hereBytes + this.#usefulBytes()) return;
    for (const tally of this.#tallies.values()) tally.usefulBytes = 0;
    this.#hereBytes = hereBytes;
  }

  /** The tally of a peer over one transport. */
  peer(nodeId: string, transport: string): PeerTally {
    const isRoom = this.#tallies.size < MAX_PEERS_COUNTED;
    const key = `${transport} ${nodeId}`;
    const known = this.#tallies.get(key) ?? (isRoom ? undefined : this.#tallies.get(''));
    if (known !== undefined) return known;
    const tally = new PeerTally(this.#owner, isRoom ? { nodeId, transport } : {});
    this.#tallies.set(isRoom ? key : '', tally);
    return tally;
  }

  /** The last piece is here. */
  fetched(nowMs: number): void {
    this.#fetchedMs = nowMs;
  }

  /** The blob is adopted, or was given up. @param failure why; absent when all is well. */
  ended(nowMs: number, failure?: unknown): void {
    if (this.#endedMs !== undefined) return;
    if (failure !== undefined) {
      const message = failure instanceof Error ? failure.message : 'for an unknown reason';
      this.#failure = isAppError(failure) ? { code: failure.code, message } : { message };
      this.#countPause(this.#failingTally, nowMs);
    }
    this.#endedMs = nowMs;
    this.#onEnded(this, nowMs);
  }

  report(nowMs: number, link?: { readonly bytesPerSecond: number }): BlobPull {
    const { digest, repository, sizeBytes, cause } = this.subject;
    const untilMs = this.#endedMs ?? nowMs;
    const shares = this.#shares();
    const fetchedBytes = this.#usefulBytes();
    const wastedBytes = sum(shares, ({ receivedBytes, usefulBytes }) => receivedBytes - usefulBytes);
    const tookMs = untilMs - this.startedMs;
    const times = this.#times(untilMs);
    const bytesPerSecond = rateOf(fetchedBytes, times.fetchMs);
    const bound = boundOf(fetchedBytes, tookMs, link);
    const facts = { tookMs, fetchedBytes, wastedBytes, boundFraction: bound?.fraction, peers: shares };
    const state = this.#state();
    const failure = this.#failure;
    return {
      digest,
      ...(repository === undefined ? {} : { repository }),
      sizeBytes,
      cause,
      clients: this.#clients,
      state,
      ...(failure === undefined ? {} : { failure }),
      startedAtMs: Math.round(this.#startedAtMs),
      ...(this.#endedMs === undefined ? {} : { endedAtMs: Math.round(this.#startedAtMs + tookMs) }),
      tookMs: Math.round(tookMs),
      ...times.told,
      ...(this.#clientServedMs === undefined || this.#clientAskedMs === undefined
        ? {}
        : { firstByteMs: Math.round(this.#clientServedMs - this.#clientAskedMs) }),
      hereBytes: this.#hereBytes ?? 0,
      fetchedBytes,
      wastedBytes,
      ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
      ...(bound === undefined ? {} : { bound }),
      requests: sum(shares, ({ requests }) => requests),
      retries: this.#retries,
      stalls: sum(shares, ({ stalls }) => stalls),
      wrongPieces: sum(shares, ({ wrongPieces }) => wrongPieces),
      peers: topShares(shares),
      verdict: judge({
        ...facts,
        state: state === 'done' || state === 'failed' ? state : 'running',
        failure: failure?.message,
        losses: this.#losses(times.told),
      }),
    };
  }

  #state(): BlobState {
    if (this.#endedMs !== undefined) return this.#failure === undefined ? 'done' : 'failed';
    if (this.#fetchedMs !== undefined) return 'checking';
    if (this.#locatedMs !== undefined) return 'fetching';
    return this.#grantedMs === undefined ? 'waiting' : 'locating';
  }

  /** Lengths of the stretches until `untilMs`, whole milliseconds but for the one that rates are made of. */
  #times(untilMs: number): {
    readonly fetchMs: number;
    readonly told: Pick<BlobPull, 'placeMs' | 'locateMs' | 'connectMs' | 'silentMs' | 'lastPeerMs' | 'checkMs'>;
  } {
    const grantedMs = this.#grantedMs ?? untilMs;
    const isLocating = this.#grantedMs !== undefined && this.#locatedMs === undefined;
    const locatedMs = this.#locatedMs ?? untilMs;
    const fetchedMs = this.#fetchedMs ?? untilMs;
    const lastPeerMs = this.#lastPeerMs();
    return {
      fetchMs: fetchedMs - locatedMs,
      told: {
        placeMs: Math.round(grantedMs - this.startedMs),
        locateMs: Math.round(this.#locateMs + (isLocating ? untilMs - (this.#locatingMs ?? untilMs) : 0)),
        ...(this.#firstByteMs === undefined ? {} : { connectMs: Math.round(this.#firstByteMs - locatedMs) }),
        silentMs: Math.round(this.#silentMs),
        ...(lastPeerMs === undefined ? {} : { lastPeerMs: Math.round(lastPeerMs) }),
        checkMs: Math.round(untilMs - fetchedMs),
      },
    };
  }

  #losses(times: Pick<BlobPull, 'placeMs' | 'locateMs' | 'connectMs' | 'silentMs' | 'lastPeerMs' | 'checkMs'>): Loss[] {
    const [slowest] = this.#byLastByte();
    let awaited: PeerTally | undefined;
    for (const tally of this.#tallies.values()) if (tally.waitedMs > (awaited?.waitedMs ?? 0)) awaited = tally;
    return [
      { code: 'waited_for_place', ms: times.placeMs },
      { code: 'waited_to_locate', ms: times.locateMs },
      { code: 'waited_to_connect', ms: times.connectMs ?? 0 },
      { code: 'waited_for_peer', ms: times.silentMs, peer: awaited?.nodeId },
      // What was silence is told as silence.
      { code: 'waited_for_last_peer', ms: (times.lastPeerMs ?? 0) - times.silentMs, peer: slowest?.nodeId },
      { code: 'waited_for_disk', ms: times.checkMs },
    ];
  }

  #lastPeerMs(): number | undefined {
    const [last, beforeLast] = this.#byLastByte();
    if (last?.lastByteMs === undefined || beforeLast?.lastByteMs === undefined) return undefined;
    return last.lastByteMs - beforeLast.lastByteMs;
  }

  /** Peers that sent something, the one whose last byte came latest first. */
  #byLastByte(): PeerTally[] {
    const senders = [...this.#tallies.values()].filter(({ lastByteMs }) => lastByteMs !== undefined);
    return senders.sort((left, right) => (right.lastByteMs ?? 0) - (left.lastByteMs ?? 0));
  }

  #pauseEnded(tally: PeerTally, nowMs: number): void {
    if (this.#firstByteMs === undefined) this.#firstByteMs = nowMs;
    // Who was silent past its deadline is to blame, not who filled in for it.
    else this.#countPause(this.#failingTally ?? tally, nowMs);
  }

  /** The first peer that failed to send something since the last byte from any peer; undefined when none did. */
  get #failingTally(): PeerTally | undefined {
    const { lastByteMs } = this.#owner;
    if (this.#failing === undefined || (lastByteMs !== undefined && this.#failing.atMs < lastByteMs)) return undefined;
    return this.#failing.tally;
  }

  #countPause(tally: PeerTally | undefined, nowMs: number): void {
    const { lastByteMs } = this.#owner;
    if (lastByteMs === undefined || this.#fetchedMs !== undefined) return;
    this.#silentMs += nowMs - lastByteMs;
    if (tally !== undefined) tally.waitedMs += nowMs - lastByteMs;
  }

  #usefulBytes(): number {
    let bytes = 0;
    for (const tally of this.#tallies.values()) bytes += tally.usefulBytes;
    return bytes;
  }

  #shares(): PeerShare[] {
    const shares: PeerShare[] = [];
    for (const tally of this.#tallies.values()) {
      if (tally.requests === 0 && tally.receivedBytes === 0) continue;
      shares.push(tally.share(tally.nodeId === undefined ? {} : this.#named.get(tally.nodeId)));
    }
    return shares.sort((left, right) => right.usefulBytes - left.usefulBytes);
  }
}

/** The first peers one by one, the others added up in one line. */
function topShares(shares: readonly PeerShare[]): PeerShare[] {
  const rest = shares.slice(MAX_PEERS_TOLD);
  const told = shares.slice(0, MAX_PEERS_TOLD);
  if (rest.length === 0) return told;
  const added = (pick: (share: PeerShare) => number): number => sum(rest, pick);
  return [
    ...told,
    {
      receivedBytes: added((share) => share.receivedBytes),
      usefulBytes: added((share) => share.usefulBytes),
      requests: added((share) => share.requests),
      stalls: added((share) => share.stalls),
      refusals: added((share) => share.refusals),
      wrongPieces: added((share) => share.wrongPieces),
      waitedMs: added((share) => share.waitedMs),
    },
  ];
}

/** @returns undefined when there is nothing to divide. */
export function rateOf(bytes: number, ms: number): number | undefined {
  return bytes > 0 && ms > 0 ? Math.round((bytes * 1000) / ms) : undefined;
}

/** How near `bytes` in `ms` came to what the link carries; undefined while nobody said what that is. */
export function boundOf(
  bytes: number,
  ms: number,
  link: { readonly bytesPerSecond: number } | undefined,
): Bound | undefined {
  if (link === undefined || bytes === 0 || ms <= 0) return undefined;
  const fraction = Math.round((1000 * bytes * 1000) / link.bytesPerSecond / ms) / 1000;
  return { kind: 'link', bytesPerSecond: link.bytesPerSecond, fraction };
}

function sum(shares: readonly PeerShare[], pick: (share: PeerShare) => number): number {
  let total = 0;
  for (const share of shares) total += pick(share);
  return total;
}

// Why a pull took its time, in words. Pure. What cost at least a quarter of the time is told first; where nothing did, who gave
// the bytes.

import type { PeerShare, Verdict } from '../../shared/protocol/pull-report.ts';

/** A stretch of a pull in which no byte came that could have come. */
export interface Loss {
  readonly code: Extract<Verdict['code'], `waited_${string}`>;
  readonly ms: number;
  readonly peer?: string | undefined;
}

export interface PullFacts {
  readonly state: 'running' | 'done' | 'failed';
  readonly failure?: string | undefined;
  readonly tookMs: number;
  readonly fetchedBytes: number;
  readonly wastedBytes: number;
  /** The fraction of what the link carries that was reached; undefined when nobody said what it carries. */
  readonly boundFraction?: number | undefined;
  readonly losses: readonly Loss[];
  readonly peers: readonly PeerShare[];
}

/** A pull that took less than this is quick: nobody asks why it was slow. */
const QUICK_MS = 1000;
/** A loss counts as a reason from this fraction of the time on. */
const LOSS_SHARE = 0.25;
/** Waste is mentioned from this fraction of the useful bytes on. */
const WASTE_SHARE = 0.1;
/** From this fraction of what the link carries on, a pull counts as having filled it. */
const FULL_LINK_FRACTION = 0.8;

export function judge(facts: PullFacts): Verdict {
  const { state, fetchedBytes, tookMs, wastedBytes, boundFraction } = facts;
  if (state === 'failed') return { code: 'failed', text: `failed: ${facts.failure ?? 'for an unknown reason'}` };
  const loss = largest(facts.losses);
  const isLong = loss !== undefined && loss.ms >= Math.max(QUICK_MS * LOSS_SHARE, LOSS_SHARE * tookMs);
  if (state === 'running') {
    return isLong && tookMs >= QUICK_MS ? told(loss) : { code: 'running', text: 'on its way' };
  }
  if (fetchedBytes === 0) return { code: 'here_already', text: 'all of it was on this disk' };
  const liar = facts.peers.find(({ wrongPieces }) => wrongPieces > 0)?.nodeId;
  if (liar !== undefined) {
    return { code: 'wrong_pieces', text: `wrong pieces came from ${liar}, which was dropped`, peer: liar };
  }
  if (tookMs < QUICK_MS) return { code: 'quick', text: `quick, ${givers(facts.peers)}` };
  if (isLong) return told(loss);
  if (wastedBytes > WASTE_SHARE * fetchedBytes) {
    const percent = Math.round((100 * wastedBytes) / fetchedBytes);
    return { code: 'wasteful', text: `${percent}% came twice or too late to be of use` };
  }
  if (boundFraction !== undefined && boundFraction >= FULL_LINK_FRACTION) {
    return { code: 'full_link', text: `as fast as this host's link, ${givers(facts.peers)}` };
  }
  return bySource(facts.peers);
}

function largest(losses: readonly Loss[]): Loss | undefined {
  let most: Loss | undefined;
  for (const loss of losses) if (loss.ms > (most?.ms ?? 0)) most = loss;
  return most;
}

function told({ code, ms, peer }: Loss): Verdict {
  const time = showSeconds(ms);
  const texts: Readonly<Record<Loss['code'], string>> = {
    waited_for_place: `waited ${time} for a place: as many downloads as allowed were running`,
    waited_to_locate: `waited ${time} to learn who has it`,
    waited_to_connect: `waited ${time} for the first byte of a peer`,
    waited_for_peer: `waited ${time} for ${peer === undefined ? 'peers, none of which sent anything' : `peer ${peer}`}`,
    waited_for_last_peer: `waited ${time} for the last pieces, from peer ${peer ?? 'unknown'}`,
    waited_for_disk: `waited ${time} for this disk: checking the whole and flushing it`,
    waited_for_client: `the client asked for nothing for ${time}`,
  };
  return { code, text: texts[code], ...(peer === undefined ? {} : { peer }), lostMs: Math.round(ms) };
}

function bySource(peers: readonly PeerShare[]): Verdict {
  const giving = peers.filter(({ usefulBytes }) => usefulBytes > 0);
  if (giving.length > 0 && giving.every(({ isOrigin }) => isOrigin === true)) {
    const [only] = giving;
    const text =
      giving.length === 1
        ? `from the origin ${only?.nodeId} alone: no other peer had it`
        : `from origins alone: no other peer had it`;
    return {
      code: 'origin_only',
      text,
      ...(giving.length === 1 && only?.nodeId !== undefined ? { peer: only.nodeId } : {}),
    };
  }
  const [first] = giving;
  if (giving.length === 1 && first?.nodeId !== undefined) {
    return { code: 'one_peer', text: `from one peer alone, ${first.nodeId}`, peer: first.nodeId };
  }
  return { code: 'shared', text: givers(peers) };
}

/** `from 3 peers and an origin`. */
function givers(peers: readonly PeerShare[]): string {
  const giving = peers.filter(({ usefulBytes }) => usefulBytes > 0);
  const origins = giving.filter(({ isOrigin }) => isOrigin === true).length;
  const others = giving.length - origins;
  const parts: string[] = [];
  if (others > 0) parts.push(others === 1 ? 'one peer' : `${others} peers`);
  if (origins > 0) parts.push(origins === 1 ? 'the origin' : `${origins} origins`);
  return parts.length === 0 ? 'from nobody' : `from ${parts.join(' and ')}`;
}

function showSeconds(ms: number): string {
  return ms < 60_000
    ? `${(ms / 1000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

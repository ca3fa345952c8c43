// What nodes say of content of upstreams.

import type { CACHE_METHODS } from '../../shared/protocol/cache-methods.ts';
import type { Params, Result } from '../../shared/protocol/coordinator-methods.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { CachedCopies } from '../cache/cached-copies.ts';
import type { FetchAnswer } from '../cache/fleet-fetches.ts';
import type { Directory } from '../directory/directory.ts';
import type { Methods, Session } from './session.ts';
import type { SessionTable } from './session-table.ts';

interface CacheServices {
  readonly cachedCopies: CachedCopies;
  readonly clock: Clock;
  readonly directory: Directory;
  readonly sessions: SessionTable;
}

/** The methods `cache.…`. */
export function cacheMethods(services: CacheServices): Pick<Methods, keyof typeof CACHE_METHODS> {
  const { cachedCopies, clock } = services;
  const { leases, fetches } = cachedCopies;
  return {
    'cache.manifest': (_, params) => {
      cachedCopies.keep(params);
      return {};
    },
    'cache.lease': (session, params) => lease(services, session, params),
    'cache.offer': ({ nodeId, hello }, offer) => {
      const nowMs = clock.nowMs();
      // After a start the first who says that it fetches does; one whose turn another has taken offers nothing.
      if (!leases.take(offer.digest, nodeId, nowMs)) return { knownPieces: 0 };
      return { knownPieces: fetches.offer(offer, { nodeId, zone: hello?.zone, nowMs }) };
    },
    'cache.unlease': ({ nodeId }, { digest, isWrong }) => {
      if (isWrong === true) fetches.revoke(digest, nodeId);
      leases.end(digest, nodeId);
      fetches.end(digest, nodeId);
      return {};
    },
    'cache.checked': (_, params) => {
      cachedCopies.checked(params);
      return {};
    },
    'cache.referrers': (_, params) => {
      cachedCopies.listed(params);
      return {};
    },
  };
}

function lease(
  { cachedCopies, clock, directory, sessions }: CacheServices,
  { nodeId, hello }: Session,
  { digest, reads }: Params<'cache.lease'>,
): Result<'cache.lease'> {
  const nowMs = clock.nowMs();
  const isHeld = directory.isAvailable(digest, nodeId);
  if (isHeld && reads?.isReading !== true) return { state: 'held' };
  const isTurn = !isHeld && cachedCopies.leases.take(digest, nodeId, nowMs);
  const state = isHeld ? 'held' : waitOr(isTurn);
  if (reads === undefined) return { state };
  const role = isTurn ? ('fetcher' as const) : ('reader' as const);
  const answer = cachedCopies.fetches.read(digest, reads, { nodeId, zone: hello?.zone, nowMs, role });
  return answer === undefined ? { state } : { state, fetch: named(answer, sessions) };
}

function waitOr(isTurn: boolean): 'turn' | 'wait' {
  return isTurn ? 'turn' : 'wait';
}

function named(
  { sourceId, ...answer }: FetchAnswer,
  sessions: SessionTable,
): NonNullable<Result<'cache.lease'>['fetch']> {
  const [source] = sourceId === undefined ? [] : sessions.peers([{ nodeId: sourceId }]);
  return source === undefined ? answer : { ...answer, source };
}

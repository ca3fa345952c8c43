// Manifests of a repository whose `subject` is a given digest (F-1 to F-10), and of a copy what its upstream said of them.

import type { Params, Result } from '../../shared/protocol/coordinator-methods.ts';
import type { ReferrerDescriptor } from '../../shared/protocol/referrer-shape.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { ListedReferrers } from '../cache/listed-referrers.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { HeldReferrer, Referrer } from '../database/manifest-table.ts';

/** What one descriptor takes beside its annotations and the two media types: digest of 135 characters, keys and quotes. */
const ENVELOPE_BYTES = 300;
/** Largest page whatever is asked, so that it fits a session message; the rest comes with the next page. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;

interface ListDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly listed: Pick<ListedReferrers, 'find'>;
}

type ReferrerPage = Pick<Result<'referrers.list'>, 'descriptors' | 'hasMore'>;

/** Never an error for what is not there (F-1). At least one descriptor per page, so that paging comes to an end. */
export function listReferrers(
  { clock, database, listed }: ListDeps,
  params: Params<'referrers.list'>,
): Result<'referrers.list'> {
  const { repository, subject, last = '' } = params;
  const upstream = listed.find(repository, subject);
  const checked = upstream === undefined ? {} : { checkedAgeMs: ageMs(upstream.atMs, clock.nowMs()) };
  const theirs = upstream?.referrers.filter(({ digest }) => digest > last) ?? [];
  return database.read('list', () => {
    const repositoryId = database.repositories.find(repository);
    if (repositoryId === undefined) return { ...pageOf(theirs, params), hasSubject: false, ...checked };
    const hasSubject = database.manifests.isPresent(repositoryId, subject);
    const held = database.manifests.referrers(repositoryId, subject, last);
    return { ...pageOf(upstream === undefined ? held : merged(held, theirs), params), hasSubject, ...checked };
  });
}

function pageOf(referrers: Iterable<Referrer>, params: Params<'referrers.list'>): ReferrerPage {
  const { limit } = params;
  const maxBytes = Math.min(params.maxBytes, MAX_PAGE_BYTES);
  const artifactTypes = new Set(params.artifactTypes);
  const descriptors: ReferrerDescriptor[] = [];
  if (limit === 0) return { descriptors, hasMore: false };
  let pageBytes = 0;
  for (const referrer of referrers) {
    if (artifactTypes.size > 0 && !artifactTypes.has(referrer.artifactType ?? '')) continue;
    pageBytes += sizeOf(referrer);
    const isFull = descriptors.length >= limit || (descriptors.length > 0 && pageBytes > maxBytes);
    if (isFull) return { descriptors, hasMore: true };
    descriptors.push(toDescriptor(referrer));
  }
  return { descriptors, hasMore: false };
}

/** At most what it takes in a message, written by whoever pushed it: a type may be as long as a manifest. */
function sizeOf({ mediaType, artifactType, annotations }: Referrer): number {
  const types = Buffer.byteLength(mediaType) + Buffer.byteLength(artifactType ?? '');
  return ENVELOPE_BYTES + types + Buffer.byteLength(annotations ?? '');
}

/**
 * Both are in order of digest; so is what comes out, each once, and what is held goes before what was said of it. A copy that the upstream
 * does not list is left out: it was deleted there.
 */
function* merged(held: Iterable<HeldReferrer>, theirs: readonly Referrer[]): Generator<Referrer, void> {
  let next = 0;
  for (const referrer of held) {
    for (let other = theirs[next]; other !== undefined && other.digest < referrer.digest; other = theirs[next]) {
      yield other;
      next += 1;
    }
    const isListed = theirs[next]?.digest === referrer.digest;
    if (isListed) next += 1;
    if (isListed || !referrer.isCopy) yield referrer;
  }
  yield* theirs.slice(next);
}

function ageMs(atMs: number, nowMs: number): number {
  return Math.max(0, Math.round(nowMs - atMs));
}

function toDescriptor(referrer: Referrer): ReferrerDescriptor {
  const { mediaType, digest, sizeBytes, artifactType, annotations } = referrer;
  return {
    mediaType,
    digest,
    sizeBytes,
    ...(artifactType === null ? {} : { artifactType }),
    ...(annotations === null ? {} : { annotations: parseAnnotations(annotations) }),
  };
}

/** Written by `ManifestTable.put` or `ListedReferrers.keep` from a checked record. */
function parseAnnotations(text: string): Record<string, string> {
  return JSON.parse(text) as Record<string, string>;
}

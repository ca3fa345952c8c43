// The pulls of this node, running and recent: begins a record for each blob, groups the blobs of one image, and forgets what is old.

import Type, { type Static } from 'typebox';
import type { Digest } from '../../shared/oci/digest.ts';
import {
  BlobPull,
  PulledImage,
  type PullCause,
  type PullDetail,
  type PullList,
} from '../../shared/protocol/pull-report.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { PullRecord, type PullSubject } from './pull-record.ts';
import { mergePeers, summarize } from './pull-summary.ts';

/** Reports of blobs that clients wanted, the oldest images go first: 80 images of ten layers, 5 MB at the very most. */
const MAX_CLIENT_REPORTS = 800;
/** Reports of blobs that were ordered; of their own, so that an origin that copies a fleet's worth still tells its clients' pulls. */
const MAX_ORDER_REPORTS = 200;
/** Older reports are dropped: a week, so that Monday can ask about Friday. */
const MAX_AGE_MS = 7 * 24 * 60 * 60 * 1000;
/** Blobs of one image that come within so long of each other are one pull: a client that unpacks a large layer asks for nothing. */
const SAME_PULL_MS = 60_000;
/** Blobs in one pull; the next begins another. Images have tens of layers. */
const MAX_BLOBS_PER_PULL = 128;

/** One line of what is kept over a restart. */
export const KeptReport = Type.Object(
  { id: Type.Integer({ minimum: 0 }), image: Type.Optional(PulledImage), blob: BlobPull },
  { additionalProperties: false },
);
export type KeptReport = Readonly<Static<typeof KeptReport>>;

/** Where reports outlive a restart. Losing them costs nothing but the answer to a question. */
export interface PullMemory {
  /** Oldest first. */
  load(): Promise<readonly KeptReport[]>;
  /** Keeps one more. @param all every report worth keeping, this one included, should the file be written anew. */
  append(report: KeptReport, all: () => Iterable<KeptReport>): void;
}

export interface PullBookDeps {
  readonly clock: Clock;
  readonly memory: PullMemory;
  /** Which image a blob is wanted for. */
  readonly images: { imageOf(repository: string, digest: Digest): PulledImage | undefined };
}

export interface PullBookOptions {
  /** What this host's link carries; absent when nobody said. */
  readonly linkBytesPerSecond?: number | undefined;
}

interface Pull {
  readonly id: number;
  readonly image: PulledImage | undefined;
  readonly cause: PullCause;
  /** A record while it runs, then its report. */
  readonly blobs: Array<PullRecord | BlobPull>;
  /** By the monotonic clock. */
  lastActiveMs: number;
  runningCount: number;
}

export class PullBook {
  readonly #deps: PullBookDeps;
  readonly #link: { readonly bytesPerSecond: number } | undefined;
  /** By id, oldest first. */
  readonly #pulls = new Map<number, Pull>();
  /** The latest pull of each image. */
  readonly #latest = new Map<string, Pull>();
  readonly #reportCounts: Record<PullCause, number> = { client: 0, order: 0 };
  #nextId = 1;

  private constructor(deps: PullBookDeps, options: PullBookOptions) {
    this.#deps = deps;
    const { linkBytesPerSecond } = options;
    this.#link = linkBytesPerSecond === undefined ? undefined : { bytesPerSecond: linkBytesPerSecond };
  }

  /** Takes up what was kept. */
  static async open(deps: PullBookDeps, options: PullBookOptions = {}): Promise<PullBook> {
    const book = new PullBook(deps, options);
    for (const kept of await deps.memory.load()) book.#takeUp(kept);
    book.#dropOld();
    return book;
  }

  /** A blob is wanted that is not here. The caller tells its record what happens, and that it ended. */
  begin(subject: PullSubject): PullRecord {
    const { clock } = this.#deps;
    const nowMs = clock.nowMs();
    const pull = this.#pullFor(subject, nowMs);
    const record = new PullRecord(subject, { nowMs, wallMs: clock.wallMs() }, (ended, endedMs) =>
      this.#ended(pull, ended, endedMs),
    );
    pull.blobs.push(record);
    pull.runningCount += 1;
    pull.lastActiveMs = nowMs;
    return record;
  }

  /** Newest first. @param limit how many at most. */
  list(limit: number): PullList {
    this.#dropOld();
    const pulls = [...this.#pulls.values()].reverse().slice(0, limit);
    return {
      nowMs: Math.round(this.#deps.clock.wallMs()),
      kept: { blobs: MAX_CLIENT_REPORTS + MAX_ORDER_REPORTS, ageMs: MAX_AGE_MS },
      pulls: pulls.map((pull) => summarize({ ...pull, blobs: this.#reports(pull), link: this.#link })),
    };
  }

  /** @returns undefined when there is none of this id, or not any more. */
  detail(id: number): PullDetail | undefined {
    const pull = this.#pulls.get(id);
    if (pull === undefined) return undefined;
    const blobs = this.#reports(pull);
    const nowMs = Math.round(this.#deps.clock.wallMs());
    return { ...summarize({ ...pull, blobs, link: this.#link }), nowMs, peers: mergePeers(blobs), blobs };
  }

  #reports(pull: Pull): BlobPull[] {
    const nowMs = this.#deps.clock.nowMs();
    const reports = pull.blobs.map((blob) => (blob instanceof PullRecord ? blob.report(nowMs, this.#link) : blob));
    // In the order that they began; on the disk they stand in the order that they ended.
    return reports.toSorted((a, b) => a.startedAtMs - b.startedAtMs || (a.digest < b.digest ? -1 : 1));
  }

  #pullFor(subject: PullSubject, nowMs: number): Pull {
    const { repository, digest, cause } = subject;
    const image = repository === undefined ? undefined : this.#deps.images.imageOf(repository, digest);
    const latest = image === undefined ? undefined : this.#latest.get(keyOf(image));
    if (latest !== undefined && latest.image?.tag === image?.tag && latest.blobs.length < MAX_BLOBS_PER_PULL) {
      const isGoingOn = latest.runningCount > 0 || nowMs - latest.lastActiveMs <= SAME_PULL_MS;
      if (isGoingOn) return latest;
    }
    return this.#add({ id: this.#nextId, image, cause, blobs: [], lastActiveMs: nowMs, runningCount: 0 });
  }

  #add(pull: Pull): Pull {
    this.#pulls.set(pull.id, pull);
    this.#nextId = Math.max(this.#nextId, pull.id + 1);
    if (pull.image !== undefined) this.#latest.set(keyOf(pull.image), pull);
    return pull;
  }

  #ended(pull: Pull, record: PullRecord, nowMs: number): void {
    const blob = record.report(nowMs, this.#link);
    const at = pull.blobs.indexOf(record);
    if (at >= 0) pull.blobs[at] = blob;
    pull.runningCount -= 1;
    pull.lastActiveMs = nowMs;
    this.#reportCounts[pull.cause] += 1;
    this.#dropOld();
    this.#deps.memory.append(keptOf(pull, blob), () => this.#keptReports());
  }

  #takeUp(kept: KeptReport): void {
    const { id, image, blob } = kept;
    const known = this.#pulls.get(id);
    const lastActiveMs = Number.NEGATIVE_INFINITY; // a pull of an earlier life does not go on
    const pull = known ?? this.#add({ id, image, cause: blob.cause, blobs: [], lastActiveMs, runningCount: 0 });
    pull.blobs.push(blob);
    this.#reportCounts[pull.cause] += 1;
  }

  /** Pulls that run stay, whatever their number. */
  #dropOld(): void {
    const oldestAtMs = this.#deps.clock.wallMs() - MAX_AGE_MS;
    const most: Readonly<Record<PullCause, number>> = { client: MAX_CLIENT_REPORTS, order: MAX_ORDER_REPORTS };
    for (const pull of this.#pulls.values()) {
      if (pull.runningCount > 0) continue;
      const isOld = pull.blobs.every((blob) => !(blob instanceof PullRecord) && (blob.endedAtMs ?? 0) < oldestAtMs);
      if (isOld || this.#reportCounts[pull.cause] > most[pull.cause]) this.#drop(pull);
    }
  }

  #drop(pull: Pull): void {
    this.#pulls.delete(pull.id);
    this.#reportCounts[pull.cause] -= pull.blobs.length;
    if (pull.image !== undefined && this.#latest.get(keyOf(pull.image)) === pull)
      this.#latest.delete(keyOf(pull.image));
  }

  *#keptReports(): Iterable<KeptReport> {
    for (const pull of this.#pulls.values()) {
      for (const blob of pull.blobs) if (!(blob instanceof PullRecord)) yield keptOf(pull, blob);
    }
  }
}

function keptOf(pull: Pull, blob: BlobPull): KeptReport {
  return { id: pull.id, ...(pull.image === undefined ? {} : { image: pull.image }), blob };
}

function keyOf(image: PulledImage): string {
  return `${image.repository}@${image.digest}`;
}

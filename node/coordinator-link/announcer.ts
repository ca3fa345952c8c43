// Tells the coordinator which blobs this host holds whole: all of them when a session starts or it is told to, then what changes.
//
//   session starts ──▶ snapshot: begin, continue…, end ──▶ deltas, gathered for 50 ms and more ──▶ …
//
// One message is under way at a time, so their order is that of what happened. What a lost session may not have heard
// is in the next snapshot, and what changes while that one is read follows it as a delta: nothing is ever lost.

import type { Digest } from '../../shared/oci/digest.ts';
import { MAX_ANNOUNCED, type CoordinatorLink, type Params } from '../../shared/protocol/coordinator-methods.ts';
import { Backoff } from '../../shared/runtime/backoff.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { BlobStat, BlobStore } from '../content/blob-store.ts';

/**
 * Changes are gathered for so long: a push of forty layers is a few messages. In a large fleet a node that is no origin waits longer
 * by what the coordinator said, so that a release that ends everywhere is not told of in one moment.
 */
const GATHER_MS = 50;
/** Waits after a failure other than a lost session, which has its own; the changes are kept and said again for ever. */
const RETRY_BACKOFF = { firstMs: 500, maxMs: 30_000 } as const;

type Announcement = Params<'holdings.announce'>;

export interface AnnouncerDeps {
  readonly link: CoordinatorLink;
  readonly blobs: Pick<BlobStore, 'list'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

export class Announcer implements AsyncDisposable {
  readonly #deps: AnnouncerDeps;
  readonly #stopping = new AbortController();
  readonly #stopListening: () => void;
  /** Latest news of each digest that was not told yet: its size, or undefined when it is gone. At most one per blob. */
  #news = new Map<Digest, number | undefined>();
  #needsSnapshot = true;
  /** Grows with each session and each order to say all again: a snapshot of before is not finished, so that no part of it counts for the new one. */
  #roundNumber = 0;
  /** Ends the gathering of news when a session begins, whose snapshot does not wait, or everything stops. */
  #gathering = new AbortController();
  /** News wait for a random part of this. */
  #spreadMs = 0;
  #running: Promise<void> | undefined;

  /** Starts listening to the link; the first snapshot goes out with its next session, or now if there is one. */
  constructor(deps: AnnouncerDeps) {
    this.#deps = deps;
    this.#stopListening = deps.link.listen({
      onConnected: () => this.#beginAnew(),
      onEvent: ({ type }) => {
        if (type === 'order.announce') this.#beginAnew();
      },
    });
    this.#wake();
  }

  /** A blob is here, under its final name. */
  add(blob: BlobStat): void {
    this.#news.set(blob.digest, blob.sizeBytes);
    this.#wake();
  }

  /** A blob is gone from here. */
  remove(digest: Digest): void {
    this.#news.set(digest, undefined);
    this.#wake();
  }

  /** What was not told yet about a blob is not told any more. */
  withdraw(digest: Digest): void {
    this.#news.delete(digest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    this.#stopping.abort();
    this.#gathering.abort();
    await this.#running;
  }

  #beginAnew(): void {
    this.#roundNumber += 1;
    this.#needsSnapshot = true;
    this.#gathering.abort();
    this.#wake();
  }

  /** One run at a time; it ends when all is told or there is nobody to tell. */
  #wake(): void {
    if (this.#running !== undefined || this.#stopping.signal.aborted) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      // What came between the last look and now would otherwise wait for the next change.
      if (this.#hasWork()) this.#wake();
    });
  }

  #hasWork(): boolean {
    return this.#deps.link.isConnected && (this.#needsSnapshot || this.#news.size > 0);
  }

  async #run(): Promise<void> {
    const { clock, log, random } = this.#deps;
    const { signal } = this.#stopping;
    const backoff = new Backoff(RETRY_BACKOFF);
    await Promise.resolve(); // `#running` is set before anything can end
    while (!signal.aborted && this.#hasWork()) {
      try {
        if (this.#needsSnapshot) await this.#sendSnapshot(signal);
        else await this.#sendNews(signal);
        backoff.reset();
      } catch (err) {
        if (signal.aborted) return;
        this.#needsSnapshot = true; // the coordinator may or may not have heard: say all of it again
        if (!this.#deps.link.isConnected) continue;
        log.warn({ err }, 'could not tell the coordinator what is here; telling again');
        await clock.sleep(backoff.nextMs(random()), signal).catch(() => undefined); // only stopping ends a sleep
      }
    }
  }

  async #sendSnapshot(signal: AbortSignal): Promise<void> {
    const roundNumber = this.#roundNumber;
    this.#news = new Map(); // what happened until now, the list below shows
    let part: BlobStat[] = [];
    let isFirst = true;
    const send = async (isLast: boolean): Promise<boolean> => {
      if (roundNumber !== this.#roundNumber) return false;
      const snapshot = snapshotMark({ isFirst, isLast });
      await this.#call(
        { snapshot, added: part.map(({ digest, sizeBytes }) => ({ digest, sizeBytes })), removed: [] },
        signal,
      );
      isFirst = false;
      part = [];
      return true;
    };
    for await (const blob of this.#deps.blobs.list()) {
      if (part.length === MAX_ANNOUNCED && !(await send(false))) return;
      part.push(blob);
    }
    if ((await send(true)) && roundNumber === this.#roundNumber) this.#needsSnapshot = false;
  }

  async #sendNews(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps;
    this.#gathering = new AbortController();
    const { signal: cut } = this.#gathering;
    await clock.sleep(GATHER_MS + random() * this.#spreadMs, cut).catch(() => signal.throwIfAborted());
    if (this.#needsSnapshot) return; // a new session began meanwhile, or all is to be said again
    const added: BlobStat[] = [];
    const removed: Digest[] = [];
    for (const [digest, sizeBytes] of this.#news) {
      if (added.length === MAX_ANNOUNCED || removed.length === MAX_ANNOUNCED) break;
      if (sizeBytes === undefined) removed.push(digest);
      else added.push({ digest, sizeBytes });
      this.#news.delete(digest);
    }
    await this.#call({ added, removed }, signal);
  }

  async #call(announcement: Announcement, signal: AbortSignal): Promise<void> {
    const { spreadMs = 0 } = await this.#deps.link.call('holdings.announce', announcement, signal);
    this.#spreadMs = spreadMs;
  }
}

function snapshotMark({
  isFirst,
  isLast,
}: {
  isFirst: boolean;
  isLast: boolean;
}): 'whole' | 'begin' | 'continue' | 'end' {
  if (isFirst) return isLast ? 'whole' : 'begin';
  return isLast ? 'end' : 'continue';
}

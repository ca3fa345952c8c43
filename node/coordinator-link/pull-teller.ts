// Tells the coordinator what clients of this host pulled, when somebody there wants to hear of it: it asks at the start of each session.
// Batches of bounded size, one at a time; what happens while the coordinator is away is kept up to a bound. An event keeps its id however
// often it is told, so one whose answer was lost counts once.

import { randomUUID } from 'node:crypto';
import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import { MAX_PULLS_TOLD, type ToldPull } from '../../shared/protocol/told-pull.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { CounterMetric, Metrics } from '../../shared/runtime/metrics.ts';
import type { PullEvent, PullEvents } from '../content/pull-events.ts';

/** Pulls are gathered for so long: those of an image with its layers are one message or two. */
const GATHER_MS = 250;
/** Pause after a failure other than a lost session, which has its own. */
const RETRY_MS = 5_000;
/** What telling the rest may take when the node stops; what is left then is not told. */
const LAST_WORDS_MS = 2_000;
/** Pulls that wait to be told, about 1 KB each; when there are more the oldest are dropped and counted. A thousand: some fifty images, which no host pulls while the coordinator restarts. */
const MAX_WAITING = 1_000;

export interface PullTellerDeps {
  readonly link: CoordinatorLink;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export class PullTeller implements PullEvents, AsyncDisposable {
  readonly #deps: PullTellerDeps;
  readonly #dropped: CounterMetric;
  readonly #stopping = new AbortController();
  readonly #stopListening: () => void;
  #waiting: ToldPull[] = [];
  #areWanted = false;
  #timer: Scheduled | undefined;
  #telling: Promise<void> | undefined;

  /** Starts listening to the link. */
  constructor(deps: PullTellerDeps) {
    this.#deps = deps;
    this.#dropped = deps.metrics.counter({
      name: 'shoal_link_pulls_dropped_total',
      help: 'Pulls of clients that the coordinator is not told of, since too many waited while it was away.',
    });
    this.#stopListening = deps.link.listen({ onConnected: () => this.#schedule(0, 'at_once') });
  }

  get areWanted(): boolean {
    return this.#areWanted;
  }

  add(event: PullEvent): void {
    if (!this.#areWanted) return;
    if (this.#waiting.length >= MAX_WAITING) {
      this.#waiting.shift();
      this.#dropped.add();
    }
    this.#waiting.push({ ...event, id: randomUUID(), atMs: this.#deps.clock.wallMs() });
    this.#schedule(GATHER_MS);
  }

  /** Tells what is left, if the coordinator listens just now. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopListening();
    this.#timer?.cancel();
    const deadline = this.#deps.clock.schedule(LAST_WORDS_MS, () => this.#stopping.abort());
    await this.#telling;
    if (this.#waiting.length > 0 && !this.#stopping.signal.aborted) await this.#tell();
    deadline.cancel();
    this.#stopping.abort();
  }

  /** @param when `at_once` goes before a wait that was begun. */
  #schedule(afterMs: number, when: 'at_once' | 'in_turn' = 'in_turn'): void {
    if (this.#stopping.signal.aborted || this.#telling !== undefined) return;
    if (this.#timer !== undefined && when === 'in_turn') return;
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.schedule(afterMs, () => {
      this.#timer = undefined;
      this.#telling = this.#tell().then((result) => {
        this.#telling = undefined;
        if (result === 'failed') this.#schedule(RETRY_MS);
      });
    });
  }

  /** Until nothing is left, or it cannot be told. Asks whether pulls are wanted also when there are none. */
  async #tell(): Promise<'done' | 'failed'> {
    const { clock, link, log } = this.#deps;
    const { signal } = this.#stopping;
    try {
      for (;;) {
        if (!link.isConnected) return 'done'; // the next session begins with this
        const pulls = this.#waiting.slice(0, MAX_PULLS_TOLD);
        const { areWanted } = await link.call('pulls.tell', { pulls }, signal);
        const told = new Set(pulls);
        this.#waiting = areWanted ? this.#waiting.filter((pull) => !told.has(pull)) : [];
        this.#areWanted = areWanted;
        if (this.#waiting.length === 0) return 'done';
        await clock.sleep(GATHER_MS, signal); // a host that is flooded must not flood the coordinator
      }
    } catch (err) {
      if (!signal.aborted) log.debug({ err }, 'the coordinator could not be told of pulls; trying again');
      return 'failed';
    }
  }
}

// Keeps this node findable, and finds members that it never heard of while the coordinator is away: announces on a schedule of
// our own, and meets keys under the fleet's topic that nobody known has. A met node says where it listens, and is
// then a known peer like any other.

import pLimit from 'p-limit';
import type { CoordinatorLink } from '../../../shared/protocol/coordinator-methods.ts';
import type { Clock, Scheduled } from '../../../shared/runtime/clock.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { joinSignals } from '../../../shared/runtime/joined-signal.ts';
import type { Logger } from '../../../shared/runtime/log.ts';
import type { HyperswarmTransport } from './hyperswarm-transport.ts';
import { HYPERSWARM_DIAL_MS } from './hyperswarm-transport.ts';
import { nextRefreshMs } from './refresh-schedule.ts';

/** Strangers met at a time; each takes a dial, and most of what is under a topic may be invented. */
const MET_AT_A_TIME = 4;
/** A key that was met is left alone for so long; one that could not be, for less at first. */
const MEET_AGAIN_MS = 10 * 60_000;
/** The first wait after a key could not be met; each further one is four times as long, up to `MEET_AGAIN_MS`. */
const FIRST_RETRY_MS = 400;
/** Keys remembered as met; the oldest is forgotten first. */
const MAX_MET = 1000;
/** A refresh waits for DHT nodes that are gone; the next one is planned after this at the latest. */
const REFRESH_MS = 15_000;
/** How long a member that could not be found makes us look around more often. */
const TROUBLE_MS = 10 * 60_000;
/** Shortest time between two refreshes out of turn, so that a flood of failures is none of packets. */
const HURRY_MS = 5000;

export interface LookAroundDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly link: Pick<CoordinatorLink, 'isConnected' | 'listen'>;
  readonly transport: Pick<HyperswarmTransport, 'refresh' | 'lookAround' | 'meet'>;
  /** True for the key of a peer that we know already. */
  readonly isKnownKey: (noiseKey: string) => boolean;
  /** Called after each refresh. */
  readonly onRefreshed: () => void;
}

export class LookAround implements AsyncDisposable {
  readonly #deps: LookAroundDeps;
  readonly #stopping = new AbortController();
  /** When a key may be met again, and how often it could not be. */
  readonly #met = new Map<string, { readonly againMs: number; readonly failures: number }>();
  readonly #atATime = pLimit(MET_AT_A_TIME);
  readonly #stopListening: () => void;
  #timer: Scheduled | undefined;
  #running: Promise<void> | undefined;
  #count = 0;
  #refreshedMs: number;
  #troubleMs = Number.NEGATIVE_INFINITY;

  private constructor(deps: LookAroundDeps) {
    this.#deps = deps;
    this.#refreshedMs = deps.clock.nowMs();
    const startOver = (): void => this.#startOver();
    this.#stopListening = deps.link.listen({ onConnected: startOver, onDisconnected: startOver });
  }

  static start(deps: LookAroundDeps): LookAround {
    const lookAround = new LookAround(deps);
    lookAround.#plan();
    return lookAround;
  }

  /** Somebody could not be reached, or was lost without a word: looks around at once, and more often for a while. */
  trouble(): void {
    const { clock } = this.#deps;
    this.#troubleMs = clock.nowMs();
    if (this.#running !== undefined || this.#stopping.signal.aborted) return;
    const waitMs = Math.max(0, this.#refreshedMs + HURRY_MS - clock.nowMs());
    this.#timer?.cancel();
    this.#timer = clock.schedule(waitMs, () => this.#run());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new AppError('shutting_down', 'the node is stopping'));
    this.#stopListening();
    this.#timer?.cancel();
    await this.#running;
  }

  get #isSeeking(): boolean {
    const { clock, link } = this.#deps;
    return !link.isConnected || clock.nowMs() - this.#troubleMs < TROUBLE_MS;
  }

  #startOver(): void {
    this.#count = 0;
    if (this.#running === undefined) this.#plan();
  }

  #plan(): void {
    if (this.#stopping.signal.aborted) return;
    const { clock, random } = this.#deps;
    const waitMs = nextRefreshMs({ count: this.#count, isSeeking: this.#isSeeking }, random());
    this.#timer?.cancel();
    this.#timer = clock.schedule(waitMs, () => this.#run());
  }

  #run(): void {
    this.#running = this.#refresh()
      .catch((err: unknown) => {
        if (!this.#stopping.signal.aborted) this.#deps.log.warn({ err }, 'looking around for peers failed');
      })
      .finally(() => {
        this.#running = undefined;
        this.#plan();
      });
  }

  async #refresh(): Promise<void> {
    const { clock, transport, onRefreshed } = this.#deps;
    const { signal } = this.#stopping;
    this.#count += 1;
    this.#refreshedMs = clock.nowMs();
    const finished = new AbortController();
    using over = joinSignals([signal, finished.signal]);
    const patience = clock.sleep(REFRESH_MS, over.signal).catch(() => undefined); // stopping ends the wait as well as time
    const looking = this.#isSeeking ? this.#meetStrangers() : Promise.resolve();
    await Promise.race([Promise.all([transport.refresh(), looking]), patience]);
    finished.abort();
    if (!signal.aborted) onRefreshed();
  }

  /** Meets each as soon as it is found: DHT nodes that are gone hold the others up for seconds. */
  async #meetStrangers(): Promise<void> {
    const meetings: Array<Promise<void>> = [];
    await this.#deps.transport.lookAround((key) => {
      if (this.#deps.isKnownKey(key) || !this.#isUnmet(key)) return;
      this.#note(key, { waitMs: MEET_AGAIN_MS, failures: this.#met.get(key)?.failures ?? 0 });
      meetings.push(this.#atATime(() => this.#meet(key)));
    });
    await Promise.all(meetings);
  }

  #isUnmet(key: string): boolean {
    return (this.#met.get(key)?.againMs ?? 0) <= this.#deps.clock.nowMs();
  }

  #note(key: string, met: { readonly waitMs: number; readonly failures: number }): void {
    this.#met.delete(key);
    this.#met.set(key, { againMs: this.#deps.clock.nowMs() + met.waitMs, failures: met.failures });
    for (const oldest of this.#met.keys()) {
      if (this.#met.size <= MAX_MET) return;
      this.#met.delete(oldest);
    }
  }

  async #meet(key: string): Promise<void> {
    const { clock, log, transport } = this.#deps;
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    const late = new AbortController();
    const timer = clock.schedule(HYPERSWARM_DIAL_MS, () => late.abort(new AppError('timed_out', 'no answer in time')));
    using ended = joinSignals([signal, late.signal]);
    try {
      await transport.meet(key, ended.signal);
      this.#note(key, { waitMs: MEET_AGAIN_MS, failures: 0 });
    } catch (err) {
      const failures = (this.#met.get(key)?.failures ?? 0) + 1;
      this.#note(key, { waitMs: Math.min(MEET_AGAIN_MS, FIRST_RETRY_MS * 4 ** (failures - 1)), failures });
      log.debug({ err }, 'a key under the topic of the fleet is nobody that we can reach');
    } finally {
      timer.cancel();
    }
  }
}

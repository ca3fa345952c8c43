// Keeps this node findable, and finds members that it never heard of while the coordinator is away: announces on a schedule of
// our own, and meets keys under the fleet's topic that nobody known has. A met node says where it listens, and is
// then a known peer like any other.

import type { CoordinatorLink } from '../../../shared/protocol/coordinator-methods.ts';
import type { Clock, Scheduled } from '../../../shared/runtime/clock.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import type { Logger } from '../../../shared/runtime/log.ts';
import type { HyperswarmTransport } from './hyperswarm-transport.ts';
import { HYPERSWARM_DIAL_MS } from './hyperswarm-transport.ts';
import { nextRefreshMs } from './refresh-schedule.ts';

/** Strangers met at a time; each takes a dial, and most of what is under a topic may be invented. */
const MET_AT_A_TIME = 4;
/** A key that was met, or could not be, is left alone for so long. */
const MEET_AGAIN_MS = 10 * 60_000;
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
  readonly #metMs = new Map<string, number>();
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
    const late = new AbortController();
    const patience = clock.sleep(REFRESH_MS, AbortSignal.any([signal, late.signal])).catch(() => undefined); // either way
    await Promise.race([transport.refresh(), patience]);
    if (this.#isSeeking && !signal.aborted) {
      const keys = await Promise.race([transport.lookAround(), patience]);
      await this.#meetStrangers(keys ?? []);
    }
    late.abort();
    if (!signal.aborted) onRefreshed();
  }

  async #meetStrangers(keys: readonly string[]): Promise<void> {
    const strangers = keys.filter((key) => !this.#deps.isKnownKey(key) && this.#isUnmet(key));
    const next = strangers[Symbol.iterator](); // shared by the workers below: each takes the next key
    const meetNext = async (): Promise<void> => {
      for (let turn = next.next(); turn.done !== true; turn = next.next()) await this.#meet(turn.value);
    };
    await Promise.all(Array.from({ length: MET_AT_A_TIME }, meetNext));
  }

  #isUnmet(key: string): boolean {
    return this.#deps.clock.nowMs() - (this.#metMs.get(key) ?? Number.NEGATIVE_INFINITY) >= MEET_AGAIN_MS;
  }

  async #meet(key: string): Promise<void> {
    const { clock, log, transport } = this.#deps;
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    this.#metMs.delete(key);
    this.#metMs.set(key, clock.nowMs());
    for (const oldest of this.#metMs.keys()) {
      if (this.#metMs.size <= MAX_MET) break;
      this.#metMs.delete(oldest);
    }
    const late = new AbortController();
    const timer = clock.schedule(HYPERSWARM_DIAL_MS, () => late.abort(new AppError('timed_out', 'no answer in time')));
    try {
      await transport.meet(key, AbortSignal.any([signal, late.signal]));
    } catch (err) {
      log.debug({ err }, 'a key under the topic of the fleet is nobody that we can reach');
    } finally {
      timer.cancel();
    }
  }
}

// The node's way to the coordinator over the network: one session at a time, opened again by itself for ever.

import type { TlsMaterial } from '../../shared/identity/tls-material.ts';
import type {
  CoordinatorEvent,
  CoordinatorLink,
  LinkListener,
  MethodName,
  Params,
  Result,
} from '../../shared/protocol/coordinator-methods.ts';
import { noSession, refusalWords } from '../../shared/protocol/link-failure.ts';
import { LinkListeners } from '../../shared/protocol/link-listeners.ts';
import { Backoff } from '../../shared/runtime/backoff.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { CounterMetric, HistogramMetric, Metrics } from '../../shared/runtime/metrics.ts';
import { Session } from './session.ts';

/** Waits between attempts to connect, with full jitter, for ever: the first is below what a person notices; the last keeps ten thousand nodes at 1300 attempts a second. */
const RECONNECT_BACKOFF = { firstMs: 250, maxMs: 15_000 } as const;
/**
 * A session that lived so long was a good one: the next attempt waits little. Sessions that end sooner make the waits
 * longer, since each costs the coordinator a handshake and a whole inventory: 2000 a second of ten thousand nodes at most.
 */
const GOOD_SESSION_MS = 5_000;

export interface SessionLinkDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly random: () => number;
  readonly identity: { readonly nodeId: string; readonly fleetId: string; tls(): TlsMaterial };
}

export interface SessionLinkOptions {
  /** `host:port` of the coordinator. */
  readonly coordinator: string;
  readonly hello: Params<'session.hello'>;
}

/** See `CoordinatorLink`. Nodes removed before this session are told as a `roster.removed` event before `onConnected`. */
export class SessionLink implements CoordinatorLink, AsyncDisposable {
  readonly #deps: SessionLinkDeps;
  readonly #options: SessionLinkOptions;
  readonly #listeners: LinkListeners;
  readonly #stopping = new AbortController();
  readonly #reconnects: CounterMetric;
  readonly #callSeconds: HistogramMetric;
  readonly #early: CoordinatorEvent[] = [];
  #session: Session | undefined;
  #failure: AppError | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: SessionLinkDeps, options: SessionLinkOptions) {
    this.#deps = deps;
    this.#listeners = new LinkListeners(deps);
    this.#options = options;
    const { metrics } = deps;
    this.#reconnects = metrics.counter({
      name: 'shoal_link_sessions_total',
      help: 'Sessions opened with the coordinator.',
    });
    this.#callSeconds = metrics.histogram(
      {
        name: 'shoal_link_call_seconds',
        help: 'Calls of the coordinator by method and outcome.',
        labels: ['method', 'outcome'],
      },
      [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    );
    metrics.gaugeOf({ name: 'shoal_link_connected', help: '1 while there is a session with the coordinator.' }, () =>
      this.isConnected ? 1 : 0,
    );
    metrics.gaugeOf(
      {
        name: 'shoal_link_refused',
        help: '1 while the coordinator refuses this node, so that somebody has to do something; its log says what.',
      },
      () => (refusalWords(this.failure) === undefined ? 0 : 1),
    );
    metrics.gaugeOf(
      { name: 'shoal_link_calls_waiting', help: 'Calls of the coordinator not answered yet.' },
      () => this.#session?.inFlightCount ?? 0,
    );
  }

  /**
   * Starts connecting, in the background: a node also starts when the coordinator is away. Listeners that were added
   * before hear of the first session.
   */
  start(): void {
    this.#running = this.#keepConnected();
  }

  get isConnected(): boolean {
    return this.#session !== undefined;
  }

  get failure(): AppError | undefined {
    return this.isConnected ? undefined : this.#failure;
  }

  async call<M extends MethodName>(method: M, params: Params<M>, signal: AbortSignal): Promise<Result<M>> {
    signal.throwIfAborted();
    const session = this.#session;
    if (session === undefined) throw noSession(this.#failure);
    const startMs = this.#deps.clock.nowMs();
    try {
      const result = await session.call(method, params, signal);
      this.#observe(method, 'ok', startMs);
      return result;
    } catch (error) {
      this.#observe(method, isAppError(error) ? error.code : 'other', startMs);
      throw error;
    }
  }

  listen(listener: LinkListener): () => void {
    return this.#listeners.add(listener);
  }

  /** Ends the session properly and stays away. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#session?.close();
    await this.#running;
  }

  async #keepConnected(): Promise<void> {
    const { clock, log, random } = this.#deps;
    const { signal } = this.#stopping;
    const backoff = new Backoff(RECONNECT_BACKOFF);
    let told: string | undefined; // the last failure that was logged, as it lasts
    while (!signal.aborted) {
      try {
        const session = await this.#open(signal);
        told = undefined;
        const startMs = clock.nowMs();
        const reason = await this.#live(session);
        if (clock.nowMs() - startMs >= GOOD_SESSION_MS) backoff.reset();
        this.#failure = new AppError('coordinator_unreachable', `the session with the coordinator ended: ${reason}`);
        if (!signal.aborted) log.warn({ reason }, 'lost the coordinator; reconnecting');
      } catch (err) {
        if (signal.aborted) return;
        this.#failure = isAppError(err) ? err : undefined;
        logFailure(log, err, told);
        told = wordsOf(err);
      }
      await clock.sleep(backoff.nextMs(random()), signal).catch(() => undefined); // only stopping ends a sleep
    }
  }

  #open(signal: AbortSignal): Promise<Session> {
    this.#early.length = 0;
    const { clock, identity } = this.#deps;
    return Session.open(
      { clock, onEvent: (event) => this.#take(event) },
      {
        address: this.#options.coordinator,
        fleetId: identity.fleetId,
        nodeId: identity.nodeId,
        tls: identity.tls(),
        hello: this.#options.hello,
      },
      signal,
    );
  }

  /** Lets the session be used until it ends. @returns why it ended. */
  async #live(session: Session): Promise<string> {
    this.#session = session;
    this.#reconnects.add();
    this.#deps.log.info({ coordinator: this.#options.coordinator }, 'connected to the coordinator');
    const removed: CoordinatorEvent = { type: 'roster.removed', nodeIds: [...session.removedNodes] };
    if (removed.nodeIds.length > 0) this.#listeners.tell((listener) => listener.onEvent?.(removed));
    this.#listeners.tell((listener) => listener.onConnected?.());
    for (const event of this.#early.splice(0)) this.#listeners.tell((listener) => listener.onEvent?.(event));
    const reason = await session.ended;
    this.#session = undefined;
    this.#listeners.tell((listener) => listener.onDisconnected?.());
    return reason;
  }

  /**
   * Events that came in one read with the answer to hello wait for `onConnected`; one read holds 64 KiB at most. Others are told
   * in a turn of their own, so that whoever waits for an answer that came before has it, and does not take it for newer.
   */
  #take(event: CoordinatorEvent): void {
    const session = this.#session;
    if (session === undefined) this.#early.push(event);
    else {
      setImmediate(() => {
        if (this.#session === session) this.#listeners.tell((listener) => listener.onEvent?.(event));
      });
    }
  }

  #observe(method: MethodName, outcome: string, startMs: number): void {
    this.#callSeconds.observe((this.#deps.clock.nowMs() - startMs) / 1000, { method, outcome });
  }
}

/** Says once what is wrong; a person must act when we are refused, and need not when nobody is there. */
function logFailure(log: Logger, err: unknown, told: string | undefined): void {
  const refusal = isAppError(err) ? refusalWords(err) : undefined;
  if (told === wordsOf(err) || (told !== undefined && refusal === undefined)) {
    log.debug({ err }, 'no session with the coordinator yet');
  } else if (refusal === undefined) log.warn({ err }, 'no session with the coordinator; trying on');
  else log.error({ err }, 'somebody has to do something before the coordinator takes this node in; trying on');
}

function wordsOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}

// A session without a socket, for the node that lives in the coordinator's own process (`shoal up`).
// Same Session, same methods, same order of things as over the network; only the bytes are missing.

import type {
  CoordinatorLink,
  LinkListener,
  MethodName,
  Params,
  Result,
} from '../../shared/protocol/coordinator-methods.ts';
import { noSession } from '../../shared/protocol/link-failure.ts';
import { LinkListeners } from '../../shared/protocol/link-listeners.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Session, SessionCarrier } from './session.ts';

/** Events are gathered for so long, as over the network, so that what changes together is told together. */
const EVENT_GATHER_MS = 2;
/** Wait before a session that ended is opened again; the coordinator is in the same process, so nothing is gained by more. */
const REOPEN_MS = 100;
/** What helps a node that was removed from the fleet of its own process: it stays removed until it is another node. */
const TAKE_IN_ADVICE =
  'To take it in again, stop shoal, delete node.json in its data folder, and start it: the node joins anew by itself, and keeps its blobs';

export interface InProcessLinkDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly openSession: (nodeId: string, carrier: SessionCarrier) => Session;
}

export interface InProcessLinkOptions {
  readonly nodeId: string;
  readonly hello: Params<'session.hello'>;
}

/** Opens its session when started; listeners that were added before hear of it. */
export class InProcessLink implements CoordinatorLink, SessionCarrier, AsyncDisposable {
  readonly #deps: InProcessLinkDeps;
  readonly #options: InProcessLinkOptions;
  readonly #listeners: LinkListeners;
  #session: Session | undefined;
  #opening: Scheduled | undefined;
  #sending: Scheduled | undefined;
  #failure: AppError | undefined;
  #isClosed = false;

  constructor(deps: InProcessLinkDeps, options: InProcessLinkOptions) {
    this.#deps = deps;
    this.#listeners = new LinkListeners(deps);
    this.#options = options;
  }

  /** Opens the session in the next turn of the event loop. */
  start(): void {
    this.#opening = this.#deps.clock.schedule(0, () => this.#openSession());
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
    // Only what waits looks at the signal again: a manifest that waits for its copies.
    if (method !== 'manifest.put') return session.handle(method, params);
    using joined = joinSignals([signal, session.signal]);
    return await session.handle(method, params, joined.signal);
  }

  resolveAtOnce(params: Params<'manifest.resolve'>): Result<'manifest.resolve'> | undefined {
    const answer = this.#session?.handle('manifest.resolve', params);
    return answer instanceof Promise ? undefined : answer;
  }

  listen(listener: LinkListener): () => void {
    return this.#listeners.add(listener);
  }

  wake(): void {
    this.#sending ??= this.#deps.clock.schedule(EVENT_GATHER_MS, () => this.#sendEvents());
  }

  close(reason: string): void {
    this.#deps.log.info({ reason }, 'the session within this process ended');
    this.#endSession();
    if (!this.#isClosed) this.#opening = this.#deps.clock.schedule(REOPEN_MS, () => this.#openSession());
  }

  /** Ends the session and stays away. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#opening?.cancel();
    this.#endSession();
  }

  #openSession(): void {
    const session = this.#deps.openSession(this.#options.nodeId, this);
    let removedNodes: readonly string[];
    try {
      const greeting = session.handle('session.hello', this.#options.hello);
      if (greeting instanceof Promise) throw new Error('hello is answered at once');
      ({ removedNodes } = greeting);
    } catch (err) {
      if (isAppError(err)) this.#failure = new AppError(err.code, `${err.message}. ${TAKE_IN_ADVICE}`, { cause: err });
      this.#deps.log.error({ err }, `the coordinator refuses the node of its own process. ${TAKE_IN_ADVICE}`);
      session.end();
      return;
    }
    this.#session = session;
    if (removedNodes.length > 0) {
      this.#listeners.tell((listener) => listener.onEvent?.({ type: 'roster.removed', nodeIds: [...removedNodes] }));
    }
    this.#listeners.tell((listener) => listener.onConnected?.());
  }

  #endSession(): void {
    const session = this.#session;
    this.#session = undefined;
    this.#sending?.cancel();
    this.#sending = undefined;
    if (session === undefined) return;
    session.end();
    this.#listeners.tell((listener) => listener.onDisconnected?.());
  }

  #sendEvents(): void {
    this.#sending = undefined;
    for (let event = this.#session?.nextEvent(); event !== undefined; event = this.#session?.nextEvent()) {
      const next = event;
      this.#listeners.tell((listener) => listener.onEvent?.(next));
    }
  }
}

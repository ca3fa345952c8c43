// One node's session, whatever carries it: a WebSocket or a call within the process.

import type {
  CoordinatorEvent,
  LaterOrder,
  MethodName,
  Params,
  Result,
} from '../../shared/protocol/coordinator-methods.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { EventQueue } from './event-queue.ts';
import { HoldingsSnapshot } from './holdings-snapshot.ts';

/** Requests of one node that are being worked on, more are refused with `too_many_requests`; a node keeps to it by itself. */
const MAX_REQUESTS_IN_FLIGHT = 256;

/** What carries a session. */
export interface SessionCarrier {
  /** Events wait; take them with `nextEvent` when there is room for them. */
  wake(): void;
  /** Ends the connection; then calls `Session.end`. */
  close(reason: string): void;
}

/** Answers of the coordinator by method. Throws AppErrors, at once or by a rejected promise. */
export type Methods = {
  readonly [M in MethodName]: (
    session: Session,
    params: Params<M>,
    signal: AbortSignal,
  ) => Result<M> | Promise<Result<M>>;
};

export class Session {
  readonly nodeId: string;
  readonly snapshot = new HoldingsSnapshot();
  /** Set by a good hello. */
  isOpen = false;
  isOrigin = false;
  /** It asked for the users of the fleet, and is told when they change. */
  followsPolicy = false;
  /** What the node said of itself. */
  hello: Params<'session.hello'> | undefined;
  readonly #methods: Methods;
  readonly #carrier: SessionCarrier;
  readonly #onEnd: (session: Session) => void;
  readonly #events = new EventQueue();
  readonly #ended = new AbortController();
  #inFlight = 0;

  constructor(
    deps: { readonly methods: Methods; readonly carrier: SessionCarrier; readonly onEnd: (session: Session) => void },
    options: { readonly nodeId: string },
  ) {
    this.#methods = deps.methods;
    this.#carrier = deps.carrier;
    this.#onEnd = deps.onEnd;
    this.nodeId = options.nodeId;
  }

  /** Whether the node knows an order that older ones do not. */
  carriesOut(order: LaterOrder): boolean {
    return this.hello?.carriesOut?.includes(order) === true;
  }

  /** Aborted when the session ends; requests that wait then have nobody to answer. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * Answers one request, at once where nothing has to be waited for.
   * @throws {AppError} at once or by a rejected promise.
   */
  handle<M extends MethodName>(
    method: M,
    params: Params<M>,
    signal: AbortSignal = this.signal,
  ): Result<M> | Promise<Result<M>> {
    if (this.signal.aborted) throw new AppError('shutting_down', 'the session is over');
    if (this.isOpen === (method === 'session.hello')) {
      throw new AppError('message_invalid', 'a session begins with hello, said once');
    }
    if (this.#inFlight >= MAX_REQUESTS_IN_FLIGHT) {
      throw new AppError('too_many_requests', 'too many requests of this node at once');
    }
    const run: Methods[M] = this.#methods[method];
    const answer = run(this, params, signal);
    if (!(answer instanceof Promise)) return answer;
    this.#inFlight += 1;
    return answer.finally(() => {
      this.#inFlight -= 1;
    });
  }

  /** Queues an event for the node. A queue that is too long ends the session, so that a fresh picture follows. */
  notify(event: CoordinatorEvent): void {
    if (this.signal.aborted) return;
    if (this.#events.push(event)) this.#carrier.wake();
    else this.close('too far behind with events');
  }

  /** The next event to send; undefined when there is none. */
  nextEvent(): CoordinatorEvent | undefined {
    return this.#events.take();
  }

  /** The node is told its neighbours by other means, or left the swarm. */
  dropEventsOf(digest: Parameters<EventQueue['dropSwarm']>[0]): void {
    this.#events.dropSwarm(digest);
  }

  /** Ends the session from this side. */
  close(reason: string): void {
    if (!this.signal.aborted) this.#carrier.close(reason);
  }

  /** The connection is gone. Safe to call twice. */
  end(): void {
    if (this.signal.aborted) return;
    this.#ended.abort(new AppError('shutting_down', 'the session ended'));
    this.#onEnd(this);
  }
}

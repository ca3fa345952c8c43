// Sessions over WebSocket, on the coordinator's HTTPS server. One binary frame per message (session-codec.ts).

import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { SESSION_PATH } from '../../shared/protocol/admin-api.ts';
import { MAX_MESSAGE_BYTES } from '../../shared/protocol/coordinator-methods.ts';
import {
  CLOSE_POLICY_VIOLATION,
  decodeRequest,
  encodeError,
  encodeEvent,
  encodeResult,
} from '../../shared/protocol/session-codec.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { CounterMetric, Metrics } from '../../shared/runtime/metrics.ts';
import type { Session, SessionCarrier } from './session.ts';

/** Nodes ping every 5 s; with nothing heard for so long the node is gone, although TCP does not know yet. */
const SILENCE_MS = 15_000;
/** How often sessions are looked at for silence. */
const LOOK_EVERY_MS = 5_000;
/** Events wait in the queue, where they are merged, while this much is on its way to a node. */
const EVENTS_PAUSE_BYTES = 256 * 1024;
/** A node that asks and does not read its answers is not heard while so much waits for it: two of the largest messages. */
const READ_PAUSE_BYTES = 2 * MAX_MESSAGE_BYTES;
/** Changes of a swarm come in bursts; this long they are gathered before they are sent. */
const EVENT_GATHER_MS = 2;
/**
 * Sockets of one node, one more is refused: the session, the one that takes its place while the old one is closed, and
 * some to spare. Without it one node could take the places of all others.
 */
const MAX_SOCKETS_PER_NODE = 8;
const CLOSE_GOING_AWAY = 1001;
/** How long a proper close may take before the socket is cut. */
const CLOSE_TIMEOUT_MS = 2_000;

export interface SessionServerDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Who the other end of a TLS socket is. @throws {AppError} for strangers and for nodes that were removed, with the words to tell them. */
  readonly identifyNode: (socket: Duplex) => string;
  /** Takes a node of which the authority says who it is, and that was refused all the same. */
  readonly onRefused: (nodeId: string, why: AppError) => void;
  readonly openSession: (nodeId: string, carrier: SessionCarrier) => Session;
}

export interface SessionServerOptions {
  /** Sessions at a time; one more is refused with 503. */
  readonly maxSessions: number;
}

export class SessionServer implements AsyncDisposable {
  readonly #deps: SessionServerDeps;
  readonly #options: SessionServerOptions;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  readonly #open = new Set<SessionSocket>();
  /** How many of the open ones each node has. */
  readonly #ofNode = new Map<string, number>();
  readonly #refused: CounterMetric;
  #look: Scheduled | undefined;
  #isStopping = false;

  constructor(deps: SessionServerDeps, options: SessionServerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#refused = deps.metrics.counter({
      name: 'shoal_sessions_refused_total',
      help: 'Connections that did not become a session.',
      labels: ['reason'],
    });
  }

  /** Takes upgrades of `server`; the server belongs to the caller. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#lookLater();
  }

  /** Closes every session properly, and cuts those that do not answer. New ones are refused. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    this.#look?.cancel();
    await Promise.all([...this.#open].map((socket) => socket.finish()));
    this.#webSockets.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy()); // until ws takes it over, a reset is nobody's
    const path = request.url?.split('?', 1)[0];
    if (path !== SESSION_PATH) {
      this.#refuse(socket, '404 Not Found', 'path');
      return;
    }
    const nodeId = this.#identify(request, socket);
    if (nodeId === undefined) return;
    if (this.#isStopping || this.#open.size >= this.#options.maxSessions)
      this.#refuse(socket, '503 Service Unavailable', 'full');
    else if ((this.#ofNode.get(nodeId) ?? 0) >= MAX_SOCKETS_PER_NODE)
      this.#refuse(socket, '503 Service Unavailable', 'node_full');
    else {
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        const onGone = (): void => {
          this.#open.delete(carried);
          this.#count(nodeId, -1);
        };
        const carried = new SessionSocket(this.#deps, { webSocket, nodeId, onGone });
        this.#open.add(carried);
        this.#count(nodeId, 1);
      });
    }
  }

  /** @returns undefined when the other end was refused, and told why. */
  #identify(request: IncomingMessage, socket: Duplex): string | undefined {
    try {
      return this.#deps.identifyNode(request.socket);
    } catch (error) {
      if (!isAppError(error)) throw error;
      this.#refuse(socket, '403 Forbidden', 'identity', { code: error.code, message: error.message });
      const { node } = error.detail;
      if (typeof node === 'string') this.#deps.onRefused(node, error);
      return undefined;
    }
  }

  #count(nodeId: string, change: 1 | -1): void {
    const count = (this.#ofNode.get(nodeId) ?? 0) + change;
    if (count === 0) this.#ofNode.delete(nodeId);
    else this.#ofNode.set(nodeId, count);
  }

  #refuse(
    socket: Duplex,
    status: string,
    reason: 'path' | 'identity' | 'full' | 'node_full',
    failure?: Pick<AppError, 'code' | 'message'>,
  ): void {
    this.#refused.add(1, { reason });
    const body = failure === undefined ? '' : JSON.stringify(failure);
    const type = failure === undefined ? '' : 'content-type: application/json\r\n';
    const head = `HTTP/1.1 ${status}\r\n${type}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
    // The other side need not end, and after an upgrade nobody else watches this socket.
    socket.end(`${head}${body}`, () => socket.destroy());
  }

  #lookLater(): void {
    this.#look = this.#deps.clock.schedule(LOOK_EVERY_MS, () => {
      const silentSinceMs = this.#deps.clock.nowMs() - SILENCE_MS;
      for (const socket of this.#open) if (socket.heardMs < silentSinceMs) socket.cut('silent');
      this.#lookLater();
    });
  }
}

/** One WebSocket and the session it carries. */
class SessionSocket implements SessionCarrier {
  heardMs: number;
  readonly #deps: SessionServerDeps;
  readonly #webSocket: WebSocket;
  readonly #session: Session;
  readonly #log: Logger;
  #sending: Scheduled | undefined;
  #eventsWait = false;

  constructor(
    deps: SessionServerDeps,
    options: { readonly webSocket: WebSocket; readonly nodeId: string; readonly onGone: () => void },
  ) {
    const { webSocket, nodeId, onGone } = options;
    this.#deps = deps;
    this.#webSocket = webSocket;
    this.#log = deps.log.child({ node: nodeId });
    this.heardMs = deps.clock.nowMs();
    this.#session = deps.openSession(nodeId, this);
    webSocket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    webSocket.on('ping', () => this.#heard());
    webSocket.on('pong', () => this.#heard());
    webSocket.on('error', (err) => this.#log.debug({ err }, 'a session socket failed'));
    webSocket.on('close', (code) => {
      this.#sending?.cancel();
      this.#log.debug({ code }, 'a session socket closed');
      onGone();
      this.#session.end();
    });
  }

  wake(): void {
    this.#sending ??= this.#deps.clock.schedule(EVENT_GATHER_MS, () => this.#sendEvents());
  }

  close(reason: string): void {
    this.#log.info({ reason }, 'closing a session');
    this.#webSocket.close(CLOSE_POLICY_VIOLATION, reason);
    this.#session.end();
    this.#deps.clock.schedule(CLOSE_TIMEOUT_MS, () => this.#webSocket.terminate());
  }

  cut(reason: string): void {
    this.#log.info({ reason }, 'cutting a session');
    this.#webSocket.terminate();
  }

  /** Closes because the coordinator stops; resolves when the socket is gone. */
  finish(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#deps.clock.schedule(CLOSE_TIMEOUT_MS, () => this.#webSocket.terminate());
      this.#webSocket.once('close', () => {
        timer.cancel();
        resolve();
      });
      this.#webSocket.close(CLOSE_GOING_AWAY, 'the coordinator is stopping');
    });
  }

  #heard(): void {
    this.heardMs = this.#deps.clock.nowMs();
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#heard();
    if (this.#session.signal.aborted) return;
    const request = isBinary && Buffer.isBuffer(data) ? decodeRequest(data) : undefined;
    if (request === undefined) {
      if (!this.#session.isOpen) {
        const why = 'the node says hello as no node of this version does; run the same version on both hosts';
        this.#deps.onRefused(this.#session.nodeId, new AppError('protocol_mismatch', why));
      }
      this.close('a frame that is no request');
      return;
    }
    const { id } = request;
    try {
      const answer = this.#session.handle(request.method, request.params);
      if (!(answer instanceof Promise)) {
        this.#send(encodeResult(id, answer));
        return;
      }
      answer
        .then(
          (result) => this.#send(encodeResult(id, result)),
          (error: unknown) => this.#sendFailure(request, error),
        )
        .catch((error: unknown) => this.#sendFailure(request, error));
    } catch (error) {
      this.#sendFailure(request, error);
    }
  }

  #sendFailure(request: { readonly id: number; readonly method: string }, err: unknown): void {
    if (!isAppError(err)) this.#log.error({ err, method: request.method }, 'a request failed by a bug');
    this.#send(encodeError(request.id, err));
  }

  #send(frame: Uint8Array): void {
    const webSocket = this.#webSocket;
    if (webSocket.readyState !== webSocket.OPEN) return;
    webSocket.send(frame, () => this.#goOn());
    if (webSocket.bufferedAmount >= READ_PAUSE_BYTES) webSocket.pause();
  }

  /** A frame is out: what paused for want of room may go on. */
  #goOn(): void {
    const webSocket = this.#webSocket;
    if (webSocket.isPaused && webSocket.bufferedAmount < READ_PAUSE_BYTES) webSocket.resume();
    if (!this.#eventsWait || webSocket.bufferedAmount >= EVENTS_PAUSE_BYTES) return;
    this.#eventsWait = false;
    this.wake();
  }

  /** Sends events while the way is free; what is left goes when the last one is out. */
  #sendEvents(): void {
    this.#sending = undefined;
    const webSocket = this.#webSocket;
    while (webSocket.readyState === webSocket.OPEN) {
      if (webSocket.bufferedAmount >= EVENTS_PAUSE_BYTES) {
        this.#eventsWait = true;
        return;
      }
      const event = this.#session.nextEvent();
      if (event === undefined) return;
      webSocket.send(encodeEvent(event), () => this.#goOn());
    }
  }
}

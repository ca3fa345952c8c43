// One connection to the coordinator: a WebSocket over mutual TLS, from the first byte to its end. Never reconnects.
//
//   connecting ──▶ greeting (session.hello) ──▶ open ──▶ ended
//        └──────────────┴───────────────────────────────▶ ended
//
// Ended by: either side closing, a frame that breaks the protocol, silence, or an answer to hello that does not fit.

import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { WebSocket, type ClientOptions, type RawData } from 'ws';
import { coordinatorOf } from '../../shared/identity/coordinator-check.ts';
import type { TlsMaterial } from '../../shared/identity/tls-material.ts';
import { SESSION_PATH } from '../../shared/protocol/admin-api.ts';
import { unreachable } from '../../shared/protocol/coordinator-api.ts';
import {
  MAX_MESSAGE_BYTES,
  type CoordinatorEvent,
  type MethodName,
  type Params,
  type Result,
} from '../../shared/protocol/coordinator-methods.ts';
import { CLOSE_POLICY_VIOLATION, decodeCoordinatorMessage } from '../../shared/protocol/session-codec.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { refusedUpgrade } from './session-refusal.ts';
import { PendingCalls } from './pending-calls.ts';

/** TCP, TLS, the upgrade and the answer to hello together; then the attempt is given up and the next one waits its turn. */
const OPEN_TIMEOUT_MS = 10_000;
/** A ping goes out this often; it also keeps the path through a firewall open. */
const PING_EVERY_MS = 5_000;
/** With nothing heard for so long at a ping, the other end is gone: noticed after at most 15 s. */
const SILENCE_MS = 10_000;
/** While our own bytes still queue, a thin line is more likely than a dead end: 4 MiB at half a megabit. */
const SILENCE_WHILE_SENDING_MS = 60_000;
/** How long a proper close may take, whoever began it, before the socket is cut. */
const CLOSE_TIMEOUT_MS = 2_000;

export interface SessionDeps {
  readonly clock: Clock;
  /** Takes each event, in order. */
  readonly onEvent: (event: CoordinatorEvent) => void;
}

export interface SessionOptions {
  /** `host:port` */
  readonly address: string;
  readonly fleetId: string;
  readonly nodeId: string;
  readonly tls: TlsMaterial;
  readonly hello: Params<'session.hello'>;
}

/** An open session. */
export class Session {
  /** Ids of nodes that are no longer of the fleet, as of hello. */
  readonly removedNodes: readonly string[];
  readonly #connection: Connection;

  private constructor(connection: Connection, removedNodes: readonly string[]) {
    this.#connection = connection;
    this.removedNodes = removedNodes;
  }

  /**
   * Connects and says hello.
   * @throws {AppError} `coordinator_unreachable`, `protocol_mismatch`, `identity_refused`, `credentials_required`
   */
  static async open(deps: SessionDeps, options: SessionOptions, signal: AbortSignal): Promise<Session> {
    signal.throwIfAborted();
    const connection = new Connection(deps, options);
    const onAbort = (): void => connection.cut('given up');
    signal.addEventListener('abort', onAbort, { once: true });
    const timer = deps.clock.schedule(OPEN_TIMEOUT_MS, () => connection.cut('no answer in time'));
    try {
      await connection.opened;
      const { fleetId, nodeId, removedNodes } = await connection.calls.add('session.hello', options.hello, signal);
      if (fleetId !== options.fleetId || nodeId !== options.nodeId) {
        throw new AppError('identity_refused', 'the coordinator takes this node for another');
      }
      connection.isGreeted = true;
      return new Session(connection, removedNodes);
    } catch (error) {
      connection.cut('not greeted');
      signal.throwIfAborted();
      throw error;
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Resolves with the reason, in words, when the session is over. */
  get ended(): Promise<string> {
    return this.#connection.ended;
  }

  get inFlightCount(): number {
    return this.#connection.calls.inFlightCount + this.#connection.calls.waitingCount;
  }

  /** @throws {AppError} as `PendingCalls.add` */
  call<M extends MethodName>(method: M, params: Params<M>, signal: AbortSignal): Promise<Result<M>> {
    return this.#connection.calls.add(method, params, signal);
  }

  /** Closes properly, and cuts after two seconds. Resolves when it is over. */
  async close(): Promise<void> {
    await this.#connection.close();
  }
}

/** Of `ws` and of node:tls; @types/ws does not know the first, and only a part of the latter, which ws hands on unchanged. */
type SocketOptions = { readonly closeTimeout: number } & Pick<ClientOptions, 'maxPayload' | 'perMessageDeflate'> &
  ConnectionOptions;

function socketOptions({ tls, fleetId }: SessionOptions): SocketOptions {
  return {
    ...tls,
    minVersion: 'TLSv1.3',
    checkServerIdentity: coordinatorOf(fleetId),
    maxPayload: MAX_MESSAGE_BYTES,
    closeTimeout: CLOSE_TIMEOUT_MS,
    perMessageDeflate: false, // digests and hashes do not compress
  };
}

/** The socket and what hangs on it. */
class Connection {
  readonly calls: PendingCalls;
  /** Rejects with `coordinator_unreachable`, or the code of a refusal, when it does not come to that. */
  readonly opened: Promise<void>;
  readonly ended: Promise<string>;
  /** The answer to hello came. */
  isGreeted = false;
  readonly #deps: SessionDeps;
  readonly #address: string;
  readonly #socket: WebSocket;
  #tcp: Socket | undefined;
  #reason: string | undefined;
  #heardMs: number;
  #heardBytes = 0;

  constructor(deps: SessionDeps, options: SessionOptions) {
    const { clock } = deps;
    this.#deps = deps;
    this.#address = options.address;
    this.#heardMs = clock.nowMs();
    this.#socket = new WebSocket(`wss://${options.address}${SESSION_PATH}`, socketOptions(options));
    this.#socket.binaryType = 'nodebuffer';
    this.calls = new PendingCalls({ clock, send: (frame) => this.#socket.send(frame) });
    this.opened = this.#listenForOpen();
    this.ended = this.#listenForEnd();
    this.#socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
  }

  /** Ends at once. */
  cut(reason: string): void {
    this.#reason ??= reason;
    this.#socket.terminate();
  }

  async close(): Promise<void> {
    this.#reason ??= 'closed by this node';
    const timer = this.#deps.clock.schedule(CLOSE_TIMEOUT_MS, () => this.#socket.terminate());
    this.#socket.close(1000);
    await this.ended;
    timer.cancel();
  }

  #listenForOpen(): Promise<void> {
    const opened = new Promise<void>((resolve, reject) => {
      this.#socket.once('open', resolve);
      this.#socket.once('upgrade', (response) => {
        this.#tcp = response.socket;
      });
      this.#socket.once('unexpected-response', (request, response) => {
        void refusedUpgrade(this.#address, response).then((refusal) => {
          this.#reason ??= refusal.message;
          reject(refusal);
          request.destroy();
          this.#socket.terminate();
        });
      });
      this.#socket.once('error', (error) => {
        this.#reason ??= error.message;
        reject(unreachable(this.#address, error));
      });
      this.#socket.once('close', () => reject(unreachable(this.#address, this.#reason ?? 'the connection was closed')));
    });
    opened.then(
      () => this.#beat(),
      () => undefined, // told to whoever awaits `opened`
    );
    return opened;
  }

  #listenForEnd(): Promise<string> {
    return new Promise((resolve) => {
      this.#socket.on('error', (error) => {
        this.#reason ??= error.message;
      });
      this.#socket.once('close', (code, reason) => {
        const text =
          this.#reason ?? (reason.length > 0 ? `${code}: ${reason.toString('utf8')}` : `closed with code ${code}`);
        this.#reason = text;
        this.calls.end(this.#end(text, code));
        resolve(text);
      });
    });
  }

  /** The failure of all calls. Who is thrown out before it was greeted is not understood, and will not be the next time. */
  #end(text: string, closeCode: number): AppError {
    if (this.isGreeted || closeCode !== CLOSE_POLICY_VIOLATION)
      return new AppError('coordinator_unreachable', `the session with the coordinator ended: ${text}`);
    const words = `this node and the coordinator do not understand each other (${text}); run the same version on both`;
    return new AppError('protocol_mismatch', words);
  }

  #receive(data: RawData, isBinary: boolean): void {
    const message = isBinary && Buffer.isBuffer(data) ? decodeCoordinatorMessage(data) : undefined;
    if (message === undefined) {
      this.#reason ??= 'the coordinator broke the protocol';
      this.#socket.close(CLOSE_POLICY_VIOLATION);
      this.calls.end(this.#end(this.#reason, CLOSE_POLICY_VIOLATION));
      this.#deps.clock.schedule(CLOSE_TIMEOUT_MS, () => this.#socket.terminate());
      return;
    }
    if (message.type === 'event') this.#deps.onEvent(message.event);
    else this.calls.settle(message);
  }

  /** Pings, and ends the session when nothing at all comes back. Bytes of a large frame on its way in count too. */
  #beat(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    const nowMs = this.#deps.clock.nowMs();
    const heardBytes = this.#tcp?.bytesRead ?? 0;
    if (heardBytes !== this.#heardBytes) {
      this.#heardBytes = heardBytes;
      this.#heardMs = nowMs;
    }
    const limitMs = this.#socket.bufferedAmount > 0 ? SILENCE_WHILE_SENDING_MS : SILENCE_MS;
    if (nowMs - this.#heardMs >= limitMs) {
      this.cut('the coordinator fell silent');
      return;
    }
    this.#socket.ping();
    this.#deps.clock.schedule(PING_EVERY_MS, () => this.#beat());
  }
}

// One connection to one node: hello, frames in both directions, credit, signs of life. What the frames are about is decided
// above (blob-channels.ts).
//
//   opened ──hello / hello-ack──▶ ready ──goodbye, breach, silence, end of stream──▶ closed
//
// Reads by event and not by pipeline: at a gigabyte per second a promise per chunk costs more than the chunk.

import { PeerFrameDecoder } from '../../shared/protocol/peer-frame-decoder.ts';
import { invalid } from '../../shared/protocol/peer-frame-body.ts';
import {
  PEER_PROTOCOL,
  encodeDataHeader,
  encodeFrame,
  type DataPlace,
  type Goodbye,
  type Greeting,
  type PeerFrame,
} from '../../shared/protocol/peer-frames.ts';
import { isLabel } from '../../shared/runtime/label.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { isHostPort } from '../../shared/runtime/host-port.ts';
import { PeerPipeline } from './scheduler/peer-pipeline.ts';
import type { PeerStream, TransportName } from './transport.ts';
import { UnsentLimit } from './unsent-limit.ts';

/** Payload that a peer may send before we took it up, then it waits; twice what 10 Gbit/s carries in a millisecond and a half. */
const CREDIT_WINDOW_BYTES = 4 * 1024 * 1024;
/** Credit is given back in pieces of this size, to keep frames few. */
const CREDIT_STEP_BYTES = CREDIT_WINDOW_BYTES / 8;
/** A peer that lets this much pile up does not read, and is cut off; control frames alone never get near it. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;
/**
 * Unwanted payload that is forgiven besides half of what was received: what was under way when requests were cancelled,
 * some times over. More ends the connection.
 */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;
/** A ping goes out this often, also to keep the path through a firewall open. */
const PING_INTERVAL_MS = 5000;
/** Silence after which a peer counts as gone; three pings went unanswered. */
const SILENCE_MS = 20_000;

/** Who uses a connection. Called in order, never before `ready` resolved. */
export interface ConnectionUser {
  frame(connection: PeerConnection, frame: PeerFrame): void;
  /** @param bytes valid during the call; the user calls `consumed` for each of them, now or later. */
  data(connection: PeerConnection, place: DataPlace, bytes: Uint8Array): void;
  closed(connection: PeerConnection): void;
}

export interface PeerConnectionOptions {
  readonly nodeId: string;
  readonly fleetId: string;
  readonly role: 'dialler' | 'acceptor';
  /** `host:port` where others may dial us. */
  readonly address: string;
  /** The zone that we stand in. */
  readonly zone?: string | undefined;
  /** From the open stream to the other's hello. */
  readonly helloTimeoutMs: number;
  /** Decides about a node that said hello to us; a reason sends it away. */
  readonly admit: (connection: PeerConnection) => Goodbye | undefined;
}

export class PeerConnection {
  readonly peerId: string;
  /** What carries it, for metrics and reports. */
  readonly transport: TransportName;
  readonly role: 'dialler' | 'acceptor';
  /** What all downloads together have asked for over this connection. */
  readonly pipeline = new PeerPipeline();
  /** Resolves when both ends said hello; rejects when the connection ends before. */
  readonly ready: Promise<void>;
  readonly #stream: PeerStream['stream'];
  readonly #receive: PeerStream['receive'];
  readonly #clock: Clock;
  readonly #user: ConnectionUser;
  readonly #options: PeerConnectionOptions;
  readonly #decoder: PeerFrameDecoder;
  #settleReady: { resolve: () => void; reject: (error: unknown) => void };
  #state: 'opened' | 'ready' | 'closed' = 'opened';
  #timer: Scheduled | undefined;
  #batch: Buffer[] = [];
  #sendCredit = 0;
  #receiveCredit = CREDIT_WINDOW_BYTES;
  #owedCredit = 0;
  #discardedBytes = 0;
  readonly #waiters: Array<() => void> = [];
  readonly #unsent = new UnsentLimit();
  #lastHeardMs: number;
  #pingSentMs = 0;
  #closeReason: Goodbye | 'lost' | undefined;
  /** `host:port` where it may be dialled, as it says; undefined when it says none. */
  peerAddress: string | undefined;
  /** The zone that it stands in, as it says; undefined for a node without one. */
  peerZone: string | undefined;
  /** Milliseconds, smoothed; 0 before the first answer to a ping. */
  roundTripMs = 0;
  receivedBytes = 0;
  sentBytes = 0;

  constructor(
    deps: { readonly opened: PeerStream; readonly clock: Clock; readonly user: ConnectionUser },
    options: PeerConnectionOptions,
  ) {
    this.peerId = deps.opened.nodeId;
    this.transport = deps.opened.transport;
    this.role = options.role;
    this.#stream = deps.opened.stream;
    this.#receive = deps.opened.receive;
    this.#clock = deps.clock;
    this.#user = deps.user;
    this.#options = options;
    this.#lastHeardMs = deps.clock.nowMs();
    this.#decoder = new PeerFrameDecoder({
      frame: (frame) => this.#onFrame(frame),
      data: (place, bytes) => this.#onData(place, bytes),
    });
    this.#settleReady = { resolve: () => undefined, reject: () => undefined };
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
  }

  get isOpen(): boolean {
    return this.#state !== 'closed';
  }

  /** True when the peer is in another zone than this node. */
  get isToOtherZone(): boolean {
    return this.peerZone !== this.#options.zone;
  }

  /** Why the connection ended; `lost` when the stream ended without a goodbye. */
  get closeReason(): Goodbye | 'lost' | undefined {
    return this.#closeReason;
  }

  /** Starts reading and, as dialler, says hello. */
  start(): void {
    const stream = this.#stream;
    const take = (chunk: Buffer): void => this.#onChunk(chunk);
    if (this.#receive === undefined) stream.on('data', take);
    else this.#receive(take);
    stream.on('drain', () => this.#wake());
    stream.on('error', () => this.#end('lost'));
    stream.on('close', () => this.#end('lost'));
    stream.on('end', () => this.#end('lost'));
    this.#timer = this.#clock.schedule(this.#options.helloTimeoutMs, () => this.#end('lost'));
    if (this.role === 'dialler') this.send({ type: 'hello', ...this.#hello() });
  }

  /** Queues a control frame. Frames of one turn of the event loop go out in one write. */
  send(frame: PeerFrame): void {
    if (this.#state === 'closed') return;
    if (this.#batch.length === 0) queueMicrotask(() => this.#flush());
    this.#batch.push(encodeFrame(frame));
  }

  /**
   * Waits until `bytes` of payload may be sent: credit is there and the socket took what was sent before.
   * The credit is taken. @returns false when the connection closed or `signal` was aborted meanwhile.
   */
  async reserve(bytes: number, signal: AbortSignal): Promise<boolean> {
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake, { once: true });
    try {
      while (this.isOpen && !signal.aborted) {
        if (this.#sendCredit >= bytes && this.#stream.writableLength < this.#unsent.unsentBytes) {
          this.#sendCredit -= bytes;
          return true;
        }
        await new Promise<void>((resolve) => {
          this.#waiters.push(resolve);
        });
      }
      return false;
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  /** Sends payload outside the credit as one frame, once the socket took what was sent before. @returns as `reserve` */
  async sendWithRoom(frame: PeerFrame, signal: AbortSignal): Promise<boolean> {
    while (await this.reserve(0, signal)) {
      // All who wait are woken at once; the first of them fills the room again.
      if (!this.isOpen || this.#stream.writableLength >= this.#unsent.unsentBytes) continue;
      this.#flush();
      const bytes = encodeFrame(frame);
      this.#stream.write(bytes, this.#onTaken(bytes.byteLength));
      return true;
    }
    return false;
  }

  /** Bytes of payload to write at a time, so few that control frames do not wait long behind them. */
  get partBytes(): number {
    return this.#unsent.unsentBytes;
  }

  /** Gives back credit that was reserved and not used. */
  unreserve(bytes: number): void {
    this.#sendCredit += bytes;
    this.#wake();
  }

  /**
   * Sends payload that was reserved, as one `data` frame per `frameBytes`.
   * @param onSent called when the bytes may be overwritten, also when the connection ends.
   */
  sendData(
    place: DataPlace,
    bytes: Uint8Array,
    how: { readonly frameBytes: number; readonly onSent: () => void },
  ): void {
    if (this.#state === 'closed') return how.onSent();
    this.#flush();
    this.sentBytes += bytes.byteLength;
    const stream = this.#stream;
    const onTaken = this.#onTaken(bytes.byteLength, how.onSent);
    stream.cork();
    for (let at = 0; at < bytes.byteLength; at += how.frameBytes) {
      const part = bytes.subarray(at, at + how.frameBytes);
      stream.write(encodeDataHeader({ ...place, offset: place.offset + at }, part.byteLength));
      const isLast = at + how.frameBytes >= bytes.byteLength;
      stream.write(part, isLast ? onTaken : undefined);
    }
    stream.uncork();
  }

  #onTaken(bytes: number, onSent?: () => void): () => void {
    const writtenMs = this.#clock.nowMs();
    return () => {
      this.#unsent.taken(bytes, { writtenMs, nowMs: this.#clock.nowMs() });
      onSent?.();
      this.#wake();
    };
  }

  /** To be called when the user has taken up payload, so that the peer may send as much again. */
  consumed(bytes: number): void {
    this.#owedCredit += bytes;
    if (this.#owedCredit < CREDIT_STEP_BYTES) return;
    this.#receiveCredit += this.#owedCredit;
    this.send({ type: 'credit', bytes: this.#owedCredit });
    this.#owedCredit = 0;
  }

  /**
   * Payload came that nobody wanted: late bytes of cancelled requests. A peer that sends more of that than of anything else is
   * cut off.
   */
  discarded(bytes: number): void {
    this.#discardedBytes += bytes;
    this.consumed(bytes);
    if (this.#discardedBytes > MAX_DISCARDED_BYTES + this.receivedBytes / 2)
      throw invalid('payload that nobody asked for');
  }

  /** Ends the connection after a last word. Safe to call twice. */
  close(reason: Goodbye): void {
    if (this.#state === 'closed') return;
    this.send({ type: 'goodbye', reason });
    this.#flush();
    this.#end(reason);
  }

  #hello(): Greeting {
    const { nodeId, fleetId, address, zone } = this.#options;
    return { protocol: PEER_PROTOCOL, nodeId, fleetId, address, zone };
  }

  #onChunk(chunk: Buffer): void {
    if (this.#state === 'closed') return;
    this.#lastHeardMs = this.#clock.nowMs();
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      this.#settleReady.reject(error);
      this.close('protocol');
      // Anything else is a bug of ours: it must end as one, and not as a peer's fault.
      if (!(error instanceof AppError)) throw error;
    }
  }

  #onFrame(frame: PeerFrame): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'opened') {
      this.#greet(frame);
      return;
    }
    switch (frame.type) {
      case 'hello':
      case 'hello-ack':
        throw invalid('hello came twice');
      case 'credit':
        this.#sendCredit = Math.min(this.#sendCredit + frame.bytes, Number.MAX_SAFE_INTEGER);
        this.#wake();
        return;
      case 'ping':
        this.send({ type: 'pong', nonce: frame.nonce });
        return;
      case 'pong':
        this.#measureRoundTrip();
        return;
      case 'goodbye':
        this.#end(frame.reason);
        return;
      default:
        this.#user.frame(this, frame);
    }
  }

  #greet(frame: PeerFrame): void {
    if (frame.type === 'goodbye') {
      this.#end(frame.reason);
      return;
    }
    const wanted = this.role === 'dialler' ? 'hello-ack' : 'hello';
    if (frame.type !== wanted) throw invalid('connection does not start with hello');
    if (frame.protocol !== PEER_PROTOCOL) throw new AppError('protocol_mismatch', 'peer speaks another protocol');
    if (frame.fleetId !== this.#options.fleetId || frame.nodeId !== this.peerId) {
      throw new AppError('identity_refused', 'peer says that it is another than its certificate');
    }
    this.peerAddress = isHostPort(frame.address) ? frame.address : undefined;
    if (frame.zone !== undefined && !isLabel(frame.zone)) throw invalid('zone is not a label');
    this.peerZone = frame.zone;
    const refusal = this.#options.admit(this);
    if (refusal !== undefined) return this.close(refusal);
    this.#state = 'ready';
    if (this.role === 'acceptor') this.send({ type: 'hello-ack', ...this.#hello() });
    this.send({ type: 'credit', bytes: CREDIT_WINDOW_BYTES });
    this.#ping();
    this.#settleReady.resolve();
  }

  #onData(place: DataPlace, bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    if (this.#state !== 'ready') throw invalid('payload before hello');
    this.#receiveCredit -= bytes.byteLength;
    if (this.#receiveCredit < 0) throw invalid('more payload than was granted');
    this.receivedBytes += bytes.byteLength;
    this.#user.data(this, place, bytes);
  }

  /** Signs of life both ways: asks when nothing was heard, and ends the connection when nothing answers. */
  #ping(): void {
    this.#timer?.cancel();
    if (this.#state !== 'ready') return;
    const silentMs = this.#clock.nowMs() - this.#lastHeardMs;
    if (silentMs >= SILENCE_MS) {
      this.close('protocol');
      return;
    }
    if (this.#pingSentMs === 0) {
      this.#pingSentMs = this.#clock.nowMs();
      this.send({ type: 'ping', nonce: 0 });
    }
    this.#timer = this.#clock.schedule(PING_INTERVAL_MS, () => this.#ping());
  }

  #measureRoundTrip(): void {
    if (this.#pingSentMs === 0) return;
    const tookMs = this.#clock.nowMs() - this.#pingSentMs;
    this.#pingSentMs = 0;
    // The smallest seen says most about the way; load only adds to it.
    this.roundTripMs = this.roundTripMs === 0 ? tookMs : Math.min(tookMs, this.roundTripMs * 1.1);
  }

  #flush(): void {
    if (this.#batch.length === 0) return;
    const frames = this.#batch;
    this.#batch = [];
    const [only] = frames;
    if (!this.#stream.writable) return;
    this.#stream.write(frames.length === 1 && only !== undefined ? only : Buffer.concat(frames));
    if (this.#stream.writableLength > MAX_BACKLOG_BYTES) this.#end('protocol');
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  #end(reason: Goodbye | 'lost'): void {
    if (this.#state === 'closed') return;
    const wasReady = this.#state === 'ready';
    this.#state = 'closed';
    this.#closeReason = reason;
    this.#timer?.cancel();
    this.#wake();
    this.#settleReady.reject(new AppError('blob_unavailable', 'peer connection ended', { detail: { reason } }));
    // A goodbye that is on its way gets out; a peer that does not read is cut all the same.
    this.#stream.end();
    this.#clock.schedule(1000, () => this.#stream.destroy());
    if (reason === 'lost') this.#stream.destroy();
    if (wasReady) this.#user.closed(this);
  }
}

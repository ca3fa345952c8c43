// A hyperswarm connection as a stream of Node's, for the peer protocol. Writes wait for the UDP stream and for the byte rates.
// Nothing holds the other side back here: packets that came pile up in memory whatever we do, so that credit of the
// peer protocol is what bounds them.

import { Duplex } from 'node:stream';
import type { SecretStream } from 'hyperdht';
import type { Clock, Scheduled } from '../../../shared/runtime/clock.ts';
import type { TokenBucket } from '../caps/token-bucket.ts';

/** Bytes of one message: as fast as larger ones, without their bursts of lost packets, and far below the 16 MiB that end a stream. */
const MESSAGE_BYTES = 256 * 1024;

/** How long a connection that both sides ended may take to deliver the rest; then it is cut. */
const LINGER_MS = 2000;

type Done = (error?: Error | null) => void;

/** Destroying it destroys the connection; ending it delivers what was written before. */
export class SecretStreamDuplex extends Duplex {
  readonly #socket: SecretStream;
  readonly #clock: Clock;
  readonly #rates: readonly TokenBucket[];
  #waiting: Scheduled | undefined;
  /** Goes on with the write that waits, for its time or for the connection. */
  #goOn: (() => void) | undefined;

  /** @param early what came already, before the first read. */
  constructor(
    deps: { readonly socket: SecretStream; readonly clock: Clock; readonly rates: readonly TokenBucket[] },
    early: Buffer,
  ) {
    super({ autoDestroy: true });
    const { socket } = deps;
    this.#socket = socket;
    this.#clock = deps.clock;
    this.#rates = deps.rates;
    if (early.byteLength > 0) this.push(early);
    socket.on('data', (chunk: Buffer) => void this.push(chunk));
    socket.on('drain', () => {
      if (this.#waiting === undefined) this.#proceed();
    });
    socket.on('end', () => this.push(null));
    // Why it ended is of no use to anybody: the peer is gone. An error without a listener would end the process.
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
    socket.resume();
  }

  override _read(): void {
    // The connection flows by itself.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#send(chunk, 0, done);
  }

  override _writev(chunks: Array<{ chunk: Buffer; encoding: BufferEncoding }>, done: Done): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), 0, done);
  }

  override _final(done: Done): void {
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#waiting?.cancel();
    // Both sides said all that they had: what of it is still on its way gets there.
    if (error === null && this.writableFinished && this.readableEnded) {
      this.#clock.schedule(LINGER_MS, () => this.#socket.destroy());
    } else {
      this.#socket.destroy();
    }
    this.#proceed(); // whoever waits for a write hears that it is over
    done(error);
  }

  #send(bytes: Buffer, from: number, done: Done): void {
    if (this.destroyed || from >= bytes.byteLength) {
      done();
      return;
    }
    const message = bytes.subarray(from, from + MESSAGE_BYTES);
    const nowMs = this.#clock.nowMs();
    const waitMs = Math.max(0, ...this.#rates.map((rate) => rate.waitMs(message.byteLength, nowMs)));
    if (waitMs > 0) {
      // Others take from the same rates, so that it is asked for again then.
      this.#goOn = () => {
        this.#waiting = undefined;
        this.#send(bytes, from, done);
      };
      this.#waiting = this.#clock.schedule(waitMs, () => this.#proceed());
      return;
    }
    for (const rate of this.#rates) rate.take(message.byteLength);
    const next = (): void => this.#send(bytes, from + MESSAGE_BYTES, done);
    if (this.#socket.write(message)) next();
    else this.#goOn = next;
  }

  #proceed(): void {
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }
}

// Sends one neighbour what it asked for: one piece at a time, first come first served, as fast as its socket and its credit
// allow. Every neighbour has its own, and all run at once.

import type { Digest } from '../../shared/oci/digest.ts';
import { MAX_DATA_BYTES } from '../../shared/protocol/peer-frames.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { PeerConnection } from './peer-connection.ts';
import { PieceRead, type Stretch } from './piece-read.ts';
import { READ_BYTES, type ReadBuffers } from './read-buffers.ts';
import type { TransferLimiter } from './transfer-limiter.ts';
import { UploadQueue, type QueuedUpload } from './scheduler/upload-queue.ts';
import type { BlobCut, SharedBlob } from './shared-blob.ts';

/** A neighbour that takes nothing for so long is cut off, so that it does not hold a place of a hand-out. */
const STALLED_MS = 30_000;
/** What was read waits so long for its peer, and is read again after: peers that take nothing must not hold the buffers of all others. */
const HELD_MS = 1000;
/** What is read of a piece at a time where less is sent at a time: a small piece is read once, and not four times for a slow link. */
const AT_LEAST_READ_BYTES = 128 * 1024;

/** A connection, as far as sending goes. */
export type UploadConnection = Pick<
  PeerConnection,
  'peerId' | 'isToOtherZone' | 'partBytes' | 'reserve' | 'unreserve' | 'sendData' | 'send' | 'close'
>;

/** An open channel, as far as sending goes. */
export interface UploadChannel {
  readonly digest: Digest;
  readonly cut: Pick<BlobCut, 'pieceBytes'>;
  readonly localNumber: number;
  readonly isClosed: boolean;
  readonly blob: Pick<SharedBlob, 'has' | 'pieceLength' | 'readFully'> | undefined;
}

export interface UploaderDeps<Channel extends UploadChannel> {
  readonly connection: UploadConnection;
  readonly clock: Clock;
  readonly log: Logger;
  readonly buffers: ReadBuffers;
  /** The caps on what this node sends. */
  readonly limiter: TransferLimiter;
  /** The open channel behind one of our numbers. */
  readonly channel: (localNumber: number) => Channel | undefined;
  /** A piece of our own choice left the queue. @param sent whole. */
  readonly creditServed: (channel: Channel | undefined, pieceIndex: number, sent: boolean) => void;
  readonly sent: (bytes: number) => void;
}

interface ActiveUpload extends QueuedUpload {
  readonly stop: AbortController;
}

export class PeerUploader<Channel extends UploadChannel> {
  readonly #deps: UploaderDeps<Channel>;
  readonly #queue = new UploadQueue();
  #active: ActiveUpload | undefined;

  constructor(deps: UploaderDeps<Channel>) {
    this.#deps = deps;
  }

  get queueLength(): number {
    return this.#queue.length + (this.#active === undefined ? 0 : 1);
  }

  /** @returns false when the queue is full or holds this piece already. */
  add(upload: QueuedUpload): boolean {
    if (!this.#queue.add(upload)) return false;
    if (this.#active === undefined) void this.#run();
    return true;
  }

  /** @returns false when it waits here no more, since it has gone. */
  cancel(channel: number, pieceIndex: number): boolean {
    const waiting = this.#queue.cancel(channel, pieceIndex);
    if (waiting?.isByCredit === true) this.#deps.creditServed(this.#deps.channel(channel), pieceIndex, false);
    if (waiting !== undefined) return true;
    if (this.#active?.channel !== channel || this.#active.pieceIndex !== pieceIndex) return false;
    this.#active.stop.abort();
    return true;
  }

  /** Forgets all that waits for a closed channel and stops what is being sent there. */
  removeChannel(channel: number): void {
    for (const upload of this.#queue.removeChannel(channel)) {
      if (upload.isByCredit) this.#deps.creditServed(undefined, upload.pieceIndex, false);
    }
    if (this.#active?.channel === channel) this.#active.stop.abort();
  }

  async #run(): Promise<void> {
    for (let upload = this.#queue.take(); upload !== undefined; upload = this.#queue.take()) {
      this.#active = { ...upload, stop: new AbortController() };
      const channel = this.#deps.channel(upload.channel);
      let isSent = false;
      try {
        isSent = channel !== undefined && (await this.#send(channel, this.#active));
      } catch (error) {
        this.#deps.log.warn({ err: error, digest: channel?.digest }, 'a piece could not be read for a peer');
        this.#reject(channel, upload.pieceIndex);
      }
      this.#active = undefined;
      if (upload.isByCredit) this.#deps.creditServed(channel, upload.pieceIndex, isSent);
    }
  }

  async #send(channel: Channel, upload: ActiveUpload): Promise<boolean> {
    const { blob } = channel;
    const { pieceIndex } = upload;
    if (blob === undefined || !blob.has.has(pieceIndex)) {
      this.#reject(channel, pieceIndex);
      return false;
    }
    const pieceBytes = blob.pieceLength(pieceIndex);
    let read: PieceRead | undefined;
    const letGo = (): void => {
      read?.letGo();
      read = undefined;
    };
    try {
      for (let offset = 0; offset < pieceBytes;) {
        if (read?.endOffset === offset) letGo();
        const partBytes = this.#partBytes((read?.endOffset ?? pieceBytes) - offset);
        if (!(await this.#reserve(partBytes, upload.stop.signal, letGo))) return false;
        if (!(await this.#mayPass(partBytes, upload.stop.signal))) return false;
        if (read === undefined) {
          const stretch = {
            offset,
            lengthBytes: Math.min(pieceBytes - offset, Math.max(partBytes, AT_LEAST_READ_BYTES)),
          };
          const position = pieceIndex * channel.cut.pieceBytes + offset;
          read = await this.#read(blob, upload, { stretch, position, reservedBytes: partBytes });
        }
        if (!this.#sendPart(channel, upload, { read, offset, lengthBytes: partBytes })) return false;
        offset += partBytes;
      }
      return true;
    } finally {
      letGo();
    }
  }

  /** As much of `leftBytes` as is sent at a time. */
  #partBytes(leftBytes: number): number {
    const { connection, limiter } = this.#deps;
    return Math.min(READ_BYTES, connection.partBytes, limiter.partBytes, leftBytes);
  }

  /** Waits for its turn under the caps, which comes after the socket took what was sent before. @returns as `#reserve`. */
  async #mayPass(bytes: number, signal: AbortSignal): Promise<boolean> {
    const { connection, limiter } = this.#deps;
    const transfer = { bytes, isFar: connection.isToOtherZone, priority: 'client' as const };
    if (limiter.pass(transfer) || (await limiter.take(transfer, signal))) return true;
    connection.unreserve(bytes);
    return false;
  }

  /** Reads so much of a piece that a small one is read once. @param part.reservedBytes are given back when it cannot be read. */
  async #read(
    blob: Pick<SharedBlob, 'readFully'>,
    upload: ActiveUpload,
    part: { readonly stretch: Stretch; readonly position: number; readonly reservedBytes: number },
  ): Promise<PieceRead> {
    const { connection, buffers } = this.#deps;
    const { stretch, position, reservedBytes } = part;
    try {
      return await PieceRead.read(buffers, stretch, (target) => blob.readFully(target, position, upload.stop.signal));
    } catch (error) {
      connection.unreserve(reservedBytes);
      throw error;
    }
  }

  /** Gives a part to the socket. @returns false when it was cancelled meanwhile. */
  #sendPart(channel: Channel, upload: ActiveUpload, part: Stretch & { readonly read: PieceRead }): boolean {
    const { connection } = this.#deps;
    const { read, offset, lengthBytes } = part;
    if (upload.stop.signal.aborted || channel.isClosed || channel.blob === undefined) {
      connection.unreserve(lengthBytes);
      return false;
    }
    const place = { channel: channel.localNumber, pieceIndex: upload.pieceIndex, offset };
    connection.sendData(place, read.hold(part), { frameBytes: MAX_DATA_BYTES, onSent: () => read.letGo() });
    this.#deps.sent(lengthBytes);
    return true;
  }

  /** @param onLong called when it takes longer than a buffer may wait for it. */
  async #reserve(bytes: number, signal: AbortSignal, onLong: () => void): Promise<boolean> {
    const { connection, clock, log } = this.#deps;
    const watch = clock.schedule(STALLED_MS, () => {
      log.warn({ peer: connection.peerId }, 'peer takes nothing; cut off');
      connection.close('protocol');
    });
    const long = clock.schedule(HELD_MS, onLong);
    try {
      return await connection.reserve(bytes, signal);
    } finally {
      long.cancel();
      watch.cancel();
    }
  }

  #reject(channel: Channel | undefined, pieceIndex: number): void {
    if (channel === undefined || channel.isClosed) return;
    const { connection } = this.#deps;
    connection.send({ type: 'reject', channel: channel.localNumber, pieceIndex, reason: 'not_here' });
  }
}

// Cuts a stream of bytes into peer frames, however it is chunked. Payload is passed on as it comes, uncopied; everything
// else is gathered, at most one frame at a time and never more than its type allows.

import { FRAME_HEADER_BYTES, invalid } from './peer-frame-body.ts';
import { DATA_HEADER_BYTES, decodeBody, frameKind, type DataPlace, type PeerFrame } from './peer-frames.ts';

/** Takes what the decoder finds, in order, while `push` runs. What it throws ends `push`. */
export interface FrameSink {
  frame(frame: PeerFrame): void;
  /** Some payload of a `data` frame; both arguments are only valid during the call. */
  data(place: DataPlace, bytes: Uint8Array): void;
}

const DATA_PREFIX_BYTES = DATA_HEADER_BYTES - FRAME_HEADER_BYTES;

/** One direction of a connection. After `push` threw, it must not be used again. */
export class PeerFrameDecoder {
  readonly #sink: FrameSink;
  /** Start of a frame that is not whole yet. */
  #held: Buffer = Buffer.alloc(0);
  #heldBytes = 0;
  /** Bytes that `#held` must have before it is looked at again. */
  #wantedBytes = FRAME_HEADER_BYTES;
  /** Payload still to come of the data frame that is under way. */
  #payloadLeft = 0;
  /** Reused for every payload, so that a gigabyte of data makes no garbage here. */
  readonly #place = { channel: 0, pieceIndex: 0, offset: 0 };

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Bytes gathered so far of an unfinished frame. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** @throws {AppError} `message_invalid` for anything that is not a frame; whatever the sink throws. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.byteLength) {
      at = this.#payloadLeft > 0 ? this.#passPayload(chunk, at) : this.#readFrame(chunk, at);
    }
  }

  #passPayload(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.byteLength, at + this.#payloadLeft);
    const bytes = chunk.subarray(at, end);
    this.#payloadLeft -= bytes.byteLength;
    this.#sink.data(this.#place, bytes);
    this.#place.offset += bytes.byteLength;
    return end;
  }

  /** Reads a frame that lies whole in the chunk where it is, or gathers the part that is there. */
  #readFrame(chunk: Buffer, at: number): number {
    if (this.#heldBytes === 0) {
      const wanted = wantedBytes(chunk.subarray(at));
      if (at + wanted <= chunk.byteLength) {
        this.#take(chunk.subarray(at, at + wanted));
        return at + wanted;
      }
    }
    return this.#gather(chunk, at);
  }

  #gather(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.byteLength, at + this.#wantedBytes - this.#heldBytes);
    if (this.#held.byteLength < this.#wantedBytes) {
      const larger = Buffer.allocUnsafe(this.#wantedBytes);
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    chunk.copy(this.#held, this.#heldBytes, at, end);
    this.#heldBytes += end - at;
    if (this.#heldBytes < this.#wantedBytes) return end;
    const held = this.#held.subarray(0, this.#heldBytes);
    const wanted = wantedBytes(held);
    if (wanted > this.#heldBytes) {
      this.#wantedBytes = wanted;
      return end;
    }
    this.#held = Buffer.alloc(0);
    this.#heldBytes = 0;
    this.#wantedBytes = FRAME_HEADER_BYTES;
    this.#take(held);
    return end;
  }

  /** @param frame a whole control frame, or the header of a data frame. */
  #take(frame: Buffer): void {
    const bodyBytes = frame.readUInt32BE(0);
    const type = frameKind(frame.readUInt8(4), bodyBytes);
    if (type !== 'data') {
      this.#sink.frame(decodeBody(type, frame.subarray(FRAME_HEADER_BYTES)));
      return;
    }
    if (bodyBytes <= DATA_PREFIX_BYTES) throw invalid('data frame without payload');
    this.#payloadLeft = bodyBytes - DATA_PREFIX_BYTES;
    this.#place.channel = frame.readUInt32BE(5);
    this.#place.pieceIndex = frame.readUInt32BE(9);
    this.#place.offset = frame.readUInt32BE(13);
  }
}

/** How many bytes must be there before the frame that starts `bytes` can be taken: checks the header as soon as it is there. */
function wantedBytes(bytes: Buffer): number {
  if (bytes.byteLength < FRAME_HEADER_BYTES) return FRAME_HEADER_BYTES;
  const bodyBytes = bytes.readUInt32BE(0);
  const type = frameKind(bytes.readUInt8(4), bodyBytes);
  return type === 'data' ? DATA_HEADER_BYTES : FRAME_HEADER_BYTES + bodyBytes;
}

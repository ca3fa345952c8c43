// What one neighbour waits for from us: first come, first served, one piece at a time. Every neighbour has a queue of its
// own and all are served at once; slots shared between neighbours cost up to 90 % in simulation.

/** A piece to send. @property isByCredit we chose it ourselves, on a credit. */
export interface QueuedUpload {
  readonly channel: number;
  readonly pieceIndex: number;
  readonly isByCredit: boolean;
}

/** Requests of one neighbour that wait here; more are refused. Its pipeline is at most 8 deep per blob, with some dozens of blobs. */
const MAX_QUEUED_UPLOADS = 1024;

export class UploadQueue {
  readonly #waiting: QueuedUpload[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  /** @returns false when the queue is full or the piece waits here already. */
  add(upload: QueuedUpload): boolean {
    if (this.#waiting.length >= MAX_QUEUED_UPLOADS) return false;
    if (this.#waiting.some((each) => each.channel === upload.channel && each.pieceIndex === upload.pieceIndex))
      return false;
    this.#waiting.push(upload);
    return true;
  }

  /** The next piece to send. */
  take(): QueuedUpload | undefined {
    return this.#waiting.shift();
  }

  /** @returns what was still waiting. */
  cancel(channel: number, pieceIndex: number): QueuedUpload | undefined {
    const at = this.#waiting.findIndex((each) => each.channel === channel && each.pieceIndex === pieceIndex);
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0];
  }

  /** Forgets a closed channel. @returns what was waiting there. */
  removeChannel(channel: number): readonly QueuedUpload[] {
    const removed = this.#waiting.filter((each) => each.channel === channel);
    this.#waiting.splice(0, this.#waiting.length, ...this.#waiting.filter((each) => each.channel !== channel));
    return removed;
  }
}

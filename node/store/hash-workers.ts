// The hash threads of a store: started when first needed, stopped when idle, each hash of a blob kept on one of them.

import type { PieceTable } from '../../shared/pieces/piece-table.ts';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { invariant } from '../../shared/runtime/errors.ts';
import type { HashOutcome, HashPlan } from './blob-hasher.ts';
import type { HashOperation, HashResult } from './hash-desk.ts';
import { HashThread } from './hash-thread.ts';
import { PieceChecks } from './piece-checks.ts';

/** A thread without work and without open streams is stopped after this, which gives about 10 MB back. */
const IDLE_STOP_MS = 30_000;
/** Bytes of a file hashed in one operation, so that others get their turn in between: about 6 ms. */
const FILE_STEP_BYTES = 8 * 1024 * 1024;

/** Opens hash streams, and checks of pieces. */
export class HashWorkers implements AsyncDisposable {
  readonly #clock: Pick<Clock, 'schedule'>;
  readonly #threadCount: number;
  #threads: HashThread[] = [];
  #nextStream = 1;
  #idle: Scheduled | undefined;

  /** @param options.threadCount threads at most; one hashes about 1.4 GB/s. */
  constructor(deps: { readonly clock: Pick<Clock, 'schedule'> }, options: { readonly threadCount: number }) {
    this.#clock = deps.clock;
    this.#threadCount = options.threadCount;
  }

  /** Threads that run now. */
  get runningCount(): number {
    return this.#threads.filter((thread) => !thread.isEnded).length;
  }

  /** The caller finishes or closes the stream. */
  openStream(plan: HashPlan): HashStream {
    const id = this.#nextStream;
    this.#nextStream += 1;
    return new HashStream(this.#pickThread(), { id, plan, onClose: () => this.#watchIdle() });
  }

  /** The caller closes them. */
  openChecks(): PieceChecks {
    return new PieceChecks(this.#pickThread(), { onClose: () => this.#watchIdle() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#idle?.cancel();
    await Promise.all(this.#threads.splice(0).map((thread) => thread.stop()));
  }

  #pickThread(): HashThread {
    this.#threads = this.#threads.filter((thread) => !thread.isEnded);
    const [least] = this.#threads.toSorted((a, b) => a.streamCount - b.streamCount);
    if (least !== undefined && (least.streamCount === 0 || this.#threads.length >= this.#threadCount)) return least;
    const started = new HashThread({ onIdle: () => this.#watchIdle() });
    this.#threads.push(started);
    return started;
  }

  #watchIdle(): void {
    this.#idle?.cancel();
    this.#idle = this.#clock.schedule(IDLE_STOP_MS, () => {
      for (const thread of this.#threads) {
        // Stopping has no failure that matters: a thread that is no longer there is what was asked for.
        if (thread.streamCount === 0 && !thread.isBusy) thread.stop().catch(() => undefined);
      }
    });
  }
}

/** One running hash of a blob on its thread. After any rejection the stream is of no more use: close it, open another. */
export class HashStream {
  readonly #thread: HashThread;
  readonly #id: number;
  readonly #onClose: () => void;
  #isClosed = false;
  #positionBytes = 0;

  constructor(
    thread: HashThread,
    options: { readonly id: number; readonly plan: HashPlan; readonly onClose: () => void },
  ) {
    this.#thread = thread;
    this.#id = options.id;
    this.#onClose = options.onClose;
    thread.streamCount += 1;
    // If opening fails, so does every operation that follows.
    thread.run({ type: 'open', stream: this.#id, plan: options.plan }).catch(() => undefined);
  }

  /** True when its thread is gone and its state with it. */
  get isLost(): boolean {
    return this.#thread.isEnded;
  }

  /** How far it had got when last heard of. */
  get positionBytes(): number {
    return this.#positionBytes;
  }

  /** Takes bytes that must be next in order. They may be reused when it resolves. */
  async absorb(bytes: Uint8Array, position: number): Promise<void> {
    await this.#run({ type: 'absorb', stream: this.#id, bytes, position });
  }

  /** Takes bytes of a file, from where it is to `end`, in steps. */
  async absorbFile(path: string, end: number): Promise<void> {
    while (this.#positionBytes < end) {
      const position = this.#positionBytes;
      const lengthBytes = Math.min(FILE_STEP_BYTES, end - position);
      await this.#run({ type: 'absorb_file', stream: this.#id, path, position, lengthBytes });
      invariant(this.#positionBytes > position, 'a hash moves on with the file');
    }
  }

  /** Of a stream that makes a piece table: hashes of the whole pieces of what it has taken, from `firstPiece` on. */
  async pieces(cut: { readonly pieceBytes: number; readonly firstPiece: number }): Promise<Uint8Array> {
    const result = await this.#run({ type: 'pieces', stream: this.#id, ...cut });
    invariant(result.type === 'pieces', 'a question for pieces is answered by their hashes');
    return result.hashes;
  }

  /** Ends and closes a stream that hashes the whole. */
  async finishWhole(): Promise<Uint8Array> {
    const outcome = await this.#finish();
    invariant(outcome.type === 'whole', 'a stream of the whole gives its hash');
    return outcome.hash;
  }

  /** Ends and closes a stream that makes a piece table. */
  async finishTable(): Promise<PieceTable> {
    const outcome = await this.#finish();
    invariant(outcome.type === 'table', 'a stream of a table gives it');
    return outcome.table;
  }

  /** Harmless when called again. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#thread.streamCount -= 1;
    // A thread that is gone has forgotten the stream already.
    this.#thread.run({ type: 'close', stream: this.#id }).catch(() => undefined);
    this.#onClose();
  }

  async #finish(): Promise<HashOutcome> {
    try {
      const result = await this.#thread.run({ type: 'finish', stream: this.#id });
      invariant(result.type === 'finished', 'a finish is answered by its outcome');
      return result.outcome;
    } finally {
      this.close();
    }
  }

  async #run(operation: HashOperation): Promise<HashResult> {
    invariant(!this.#isClosed, 'a closed hash stream is not used');
    const result = await this.#thread.run(operation);
    if (result.type === 'position') this.#positionBytes = result.positionBytes;
    return result;
  }
}

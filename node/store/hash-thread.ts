// One hash thread as the main thread sees it: operations in, promises of results out.

import type { Worker } from 'node:worker_threads';
import { invariant } from '../../shared/runtime/errors.ts';
import { startWorker } from '../../shared/runtime/start-worker.ts';
import type { HashOperation, HashResult } from './hash-desk.ts';

/** Batches that the thread may have at once, further operations wait: one that it works on and one that is there when it is done. */
const MAX_BATCHES = 2;
/** Operations in a batch: few enough that the buffers of the first ones come back soon. */
const MAX_BATCH_OPERATIONS = 16;
/** Heap of a hash thread, beyond which it ends and its work fails: enough for the tables of some hundred blobs at once; the bytes themselves are not on its heap. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 4 };

interface Pending {
  readonly operation: HashOperation;
  readonly resolve: (result: HashResult) => void;
  readonly reject: (error: unknown) => void;
}

/** Keeps the process alive while it works, and only then. */
export class HashThread {
  readonly #worker: Worker;
  readonly #onIdle: () => void;
  readonly #queue: Pending[] = [];
  readonly #batches: Pending[][] = [];
  #isFlushing = false;
  #ending: Error | undefined;
  #hasAnswered = false;
  /** Streams open on this thread; kept by who opens and closes them. */
  streamCount = 0;

  /** @param options.onIdle called whenever its last operation is done. */
  constructor(options: { readonly onIdle: () => void }) {
    this.#onIdle = options.onIdle;
    this.#worker = startWorker(import.meta.url, 'hash-worker', { resourceLimits: RESOURCE_LIMITS });
    this.#worker.on('message', (results: readonly HashResult[]) => this.#settle(results));
    this.#worker.on('error', (error) => this.#end(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', () => this.#end(new Error('the hash thread has ended')));
    this.#worker.unref();
    // If the greeting fails, so does every operation that follows.
    this.run({ type: 'greet' }).catch(() => undefined);
  }

  /** It has not answered yet, and what is asked waits: for 40 ms, and on a busy host for half a second. */
  get isStarting(): boolean {
    return !this.#hasAnswered && !this.isEnded;
  }

  /** True when nothing more will come of it. */
  get isEnded(): boolean {
    return this.#ending !== undefined;
  }

  get isBusy(): boolean {
    return this.#queue.length > 0 || this.#batches.length > 0;
  }

  /** @throws {Error} when the thread ends, or says that the operation failed. */
  run(operation: HashOperation): Promise<HashResult> {
    if (this.#ending !== undefined) return Promise.reject(this.#ending);
    if (!this.isBusy) this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#queue.push({ operation, resolve, reject });
      this.#flushSoon();
    });
  }

  async stop(): Promise<void> {
    this.#end(new Error('the hash thread was stopped'));
    await this.#worker.terminate();
  }

  /** What is asked in the same turn of the event loop goes in the same message. */
  #flushSoon(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#queue.length > 0 && this.#batches.length < MAX_BATCHES) {
      const batch = this.#queue.splice(0, MAX_BATCH_OPERATIONS);
      this.#batches.push(batch);
      this.#worker.postMessage(batch.map(({ operation }) => operation));
    }
  }

  #settle(results: readonly HashResult[]): void {
    if (this.#ending !== undefined) return; // an answer that crossed with the end; its askers were told already
    this.#hasAnswered = true;
    const batch = this.#batches.shift();
    invariant(batch !== undefined && batch.length === results.length, 'each batch is answered once');
    this.#flush();
    for (const [index, pending] of batch.entries()) {
      const result = results[index];
      if (result === undefined || result.type === 'failed') {
        pending.reject(new Error(`hash thread: ${result?.message ?? 'no result'}`));
      } else pending.resolve(result);
    }
    if (this.isBusy) return;
    this.#worker.unref();
    this.#onIdle();
  }

  #end(reason: Error): void {
    if (this.#ending !== undefined) return;
    this.#ending = reason;
    for (const { reject } of [...this.#batches.splice(0).flat(), ...this.#queue.splice(0)]) reject(reason);
  }
}

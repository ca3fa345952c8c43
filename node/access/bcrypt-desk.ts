// Bcrypt off the main thread: one thread, started with the first login and ended when nobody logged in for a while.

import type { Worker } from 'node:worker_threads';
import type { Clock, Scheduled } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { startWorker } from '../../shared/runtime/start-worker.ts';
import type { BcryptAnswer, BcryptQuestion } from './bcrypt-thread.ts';

/** Passwords that wait, the next is told to come back: at 50 to 100 ms each this is some ten seconds. */
const MAX_WAITING = 100;
/** The thread ends after so long without work: it holds some 10 MB. */
const IDLE_MS = 60_000;
/** Heap of the thread: bcrypt needs 4 KiB, the rest is the runtime's. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 };

interface Waiting {
  readonly resolve: (isRight: boolean) => void;
  readonly reject: (error: Error) => void;
}

export class BcryptDesk implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #idle: Scheduled | undefined;
  #lastId = 0;

  constructor(deps: { readonly clock: Clock }) {
    this.#clock = deps.clock;
  }

  /** Whether the password is that of the hash. @throws {AppError} `too_many_requests` */
  compare(password: string, hash: string): Promise<boolean> {
    if (this.#waiting.size >= MAX_WAITING) {
      const text = 'too many logins at once; try again in a moment';
      return Promise.reject(new AppError('too_many_requests', text, { detail: { retryAfterSeconds: 5 } }));
    }
    this.#idle?.cancel();
    const worker = (this.#worker ??= this.#start());
    this.#lastId += 1;
    const question: BcryptQuestion = { id: this.#lastId, password, hash };
    return new Promise((resolve, reject) => {
      this.#waiting.set(question.id, { resolve, reject });
      worker.ref();
      worker.postMessage(question);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#idle?.cancel();
    await this.#end(new AppError('shutting_down', 'the node is stopping'));
  }

  #start(): Worker {
    const worker = startWorker(import.meta.url, 'bcrypt-thread', { resourceLimits: RESOURCE_LIMITS });
    worker.on('message', ({ id, isRight }: BcryptAnswer) => this.#settle(id, isRight));
    worker.on('error', (error) => void this.#end(error instanceof Error ? error : new Error(String(error))));
    return worker;
  }

  #settle(id: number, isRight: boolean): void {
    this.#waiting.get(id)?.resolve(isRight);
    this.#waiting.delete(id);
    if (this.#waiting.size > 0) return;
    this.#worker?.unref();
    this.#idle = this.#clock.schedule(IDLE_MS, () => void this.#end(new Error('idle')));
  }

  async #end(reason: Error): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
    await worker?.terminate();
  }
}

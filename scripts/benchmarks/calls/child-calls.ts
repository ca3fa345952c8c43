// A child process of the bench and the calls that it answers (answer-calls.mjs).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Calls by name: each takes its parameters as one object, and what it returns comes back. All of it is plain JSON. */
type CallTable<C> = { readonly [Name in keyof C]: (params: never) => unknown };

/** Disposing ends the process. */
export class ChildCalls<C extends CallTable<C>> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  #lastId = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
    child.stdin?.on('error', () => undefined); // its end tells
    if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => this.#answered(line));
    child.once('exit', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(hasEnded());
      this.#waiting.clear();
    });
  }

  /** Starts a program; returns when it takes calls. What it writes to stderr goes to ours. */
  static async start<T extends CallTable<T>>(command: readonly [string, ...string[]]): Promise<ChildCalls<T>> {
    const [program, ...args] = command;
    const calls = new ChildCalls<T>(spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await calls.#answer(0);
    return calls;
  }

  /** @throws {Error} what went wrong there, or that the process or the wait has ended. */
  async call<N extends keyof C & string>(
    call: N,
    params: Parameters<C[N]>[0],
    signal: AbortSignal,
  ): Promise<ReturnType<C[N]>> {
    signal.throwIfAborted();
    if (this.#hasEnded) throw hasEnded();
    const id = (this.#lastId += 1);
    const answer = this.#answer(id);
    this.#child.stdin?.write(`${JSON.stringify({ id, call, params })}\n`);
    const onAbort = (): void => this.#waiting.get(id)?.reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return (await answer) as ReturnType<C[N]>;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#waiting.delete(id);
    }
  }

  /** Ends it without a word. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    if (!this.#hasEnded) await this.#exited;
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #answer(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
  }

  #answered(line: string): void {
    const { id, result, error } = JSON.parse(line) as { id: number; result?: unknown; error?: string };
    const waiting = this.#waiting.get(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}

function hasEnded(): Error {
  return new Error('a program of the bench has ended');
}

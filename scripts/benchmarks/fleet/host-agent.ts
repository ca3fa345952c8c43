// The bench's end of a host agent: calls over the pipes of its process (host-agent-main.mjs).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { inNamespace } from '../../../test/support/run-command.ts';
import { root } from '../../setup.mjs';

const MAIN = join(root, 'scripts/benchmarks/fleet/host-agent-main.mjs');

/** A file to push as a layer. */
export interface LayerFile {
  readonly path: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

/** An image in a registry, as the host sees it. */
export interface ImagePlace {
  /** `http://host:port` */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
}

/** When things happened, in milliseconds of the machine's own monotonic clock (`monotonicMs`). */
export interface PullTimes {
  readonly manifestMs: number;
  readonly blobs: ReadonlyArray<{ readonly digest: string; readonly firstByteMs: number; readonly doneMs: number }>;
  readonly doneMs: number;
}

/** What crossed interfaces until `atMs`. */
export interface InterfaceCounters {
  readonly atMs: number;
  readonly counters: Readonly<Record<string, { readonly receivedBytes: number; readonly sentBytes: number }>>;
}

interface Calls {
  get(params: { readonly url: string }): { readonly status: number; readonly body: string };
  push(params: ImagePlace & { readonly layers: readonly LayerFile[] }): object;
  pull(params: ImagePlace & { readonly atMs: number }): PullTimes;
  counters(params: object): InterfaceCounters;
}

/** The clock of `PullTimes`. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** One agent. Disposing ends its process. */
export class HostAgent implements AsyncDisposable {
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
      for (const waiting of this.#waiting.values()) waiting.reject(new Error('the agent of this host has ended'));
      this.#waiting.clear();
    });
  }

  /** Starts one in a namespace; returns when it takes calls. */
  static async start(namespace: string): Promise<HostAgent> {
    const [program, ...args] = inNamespace(namespace, [process.execPath, MAIN]);
    const agent = new HostAgent(spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await agent.#answer(0);
    return agent;
  }

  /** @throws {Error} what went wrong on the host, or that the agent or the wait has ended. */
  async call<C extends keyof Calls>(
    call: C,
    params: Parameters<Calls[C]>[0],
    signal: AbortSignal,
  ): Promise<ReturnType<Calls[C]>> {
    signal.throwIfAborted();
    if (this.#hasEnded) throw new Error('the agent of this host has ended');
    const id = (this.#lastId += 1);
    const answer = this.#answer(id);
    this.#child.stdin?.write(`${JSON.stringify({ id, call, params })}\n`);
    const onAbort = (): void => this.#waiting.get(id)?.reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return (await answer) as ReturnType<Calls[C]>;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#waiting.delete(id);
    }
  }

  /** As if the host lost its power. */
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

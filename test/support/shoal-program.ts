// The shoal program as people run it: a process, with the command line that is fixed for everyone.

import { fileURLToPath } from 'node:url';
import { ChildProgram, type ProgramExit } from './child-program.ts';
import { eventually } from './eventually.ts';
import { exchange, type HttpAnswer, type HttpTarget } from './http-exchange.ts';
import type { NetworkHost } from './host-network.ts';

/** A long-running command: `up`, `coordinator` or `node`. */
export interface ShoalOptions {
  readonly args: readonly string[];
  readonly logFile: string;
  /** Where it runs; on the machine itself when absent. */
  readonly host?: NetworkHost;
  /** The HTTP port that says when it is ready. */
  readonly http: { readonly port: number; readonly tls?: boolean };
  readonly env?: Readonly<Record<string, string>>;
}

/** The whole command to run shoal with these arguments: what was built for the test run, else the sources. */
export function shoalCommand(args: readonly string[]): string[] {
  const isBuilt = process.env['SHOAL_TEST_DIST'] !== undefined;
  const main = fileURLToPath(new URL(isBuilt ? '../../dist/node/main.js' : '../../node/main.ts', import.meta.url));
  const loader = isBuilt ? [] : ['--import', import.meta.resolve('tsx')];
  return [process.execPath, ...loader, main, ...args];
}

/** One shoal process, which can be killed and started again. Disposing stops it. */
export class ShoalProgram implements AsyncDisposable {
  readonly #options: ShoalOptions;
  readonly #target: HttpTarget;
  #program: ChildProgram;

  private constructor(options: ShoalOptions, target: HttpTarget, program: ChildProgram) {
    this.#options = options;
    this.#target = target;
    this.#program = program;
  }

  /** Returns once `/readyz` says so. @throws {Error} with the log if it ends before that or takes too long. */
  static async start(options: ShoalOptions): Promise<ShoalProgram> {
    const { host, http } = options;
    const address = host === undefined ? { port: http.port } : { socketPath: await host.socketTo(http.port) };
    const target = { address, tls: http.tls ?? false };
    return new ShoalProgram(options, target, await startReady(options, target));
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** Settles when the present process has ended. */
  get exited(): Promise<ProgramExit> {
    return this.#program.exited;
  }

  /** Where its HTTP port is, seen from the test. */
  get target(): HttpTarget {
    return this.#target;
  }

  /** Sends a signal without waiting. */
  signal(signal: NodeJS.Signals): void {
    this.#program.signal(signal);
  }

  /** Sends a signal and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<ProgramExit> {
    return this.#program.kill(signal);
  }

  /** Starts it again after it has ended, with the same arguments; returns once it is ready. */
  async restart(): Promise<void> {
    await this.#program.exited;
    this.#program = await startReady(this.#options, this.#target);
  }

  /** All that it has logged, over all its starts. */
  async log(): Promise<string> {
    return this.#program.log();
  }

  /** Any page of its HTTP port. */
  async get(path: string): Promise<HttpAnswer> {
    return exchange(this.#target, { method: 'GET', path });
  }

  /** The sum of a metric over those of its series whose labels contain all of these; 0 if there is none. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const page = (await this.get('/metrics')).body.toString();
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    let sum = 0;
    for (const line of page.split('\n')) {
      const match = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (match?.[1] !== name || !wanted.every((label) => match[2]?.includes(label))) continue;
      sum += Number(match[3]);
    }
    return sum;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}

async function startReady({ args, logFile, host, env }: ShoalOptions, target: HttpTarget): Promise<ChildProgram> {
  const command = shoalCommand(args);
  const program = await ChildProgram.start({ command, logFile, namespace: host?.namespace, env: env ?? {} });
  try {
    await eventually({ what: `shoal ${args.join(' ')}`, signal: program.ended }, async () => {
      const answer = await exchange(target, { method: 'GET', path: '/readyz', timeoutMs: 2_000 });
      return answer.status === 200;
    });
    return program;
  } catch (cause) {
    await program.stop();
    const tail = (await program.log()).slice(-4_000);
    throw new Error(`shoal ${args.join(' ')} is not ready; its log ends with:\n${tail}`, { cause });
  }
}

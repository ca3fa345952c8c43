// A long-running program under test: its output goes to a file, and it is ended by its process id.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { inNamespace } from './run-command.ts';

/** How to start it. */
export interface ProgramOptions {
  readonly command: readonly string[];
  /** Gets stdout and stderr, appended. */
  readonly logFile: string;
  readonly namespace?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

/** How it ended: one of the two is not null. */
export interface ProgramExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** SIGKILL follows SIGTERM after so long: more than Shoal and dockerd take at most to end well, also on a busy machine. */
const STOP_MS = 60_000;

/** Disposing stops it. */
export class ChildProgram implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #options: ProgramOptions;
  readonly #endedController = new AbortController();

  /** Settles when the program has ended, for whatever reason; never rejects. */
  readonly exited: Promise<ProgramExit>;

  private constructor(child: ChildProcess, options: ProgramOptions) {
    this.#child = child;
    this.#options = options;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#endedController.abort(new Error(`${options.command.join(' ')} has ended with ${code ?? signal}`));
        resolve({ code, signal });
      });
    });
  }

  /** Returns once the process exists; whether it is of use yet is another question. */
  static async start(options: ProgramOptions): Promise<ChildProgram> {
    await mkdir(dirname(options.logFile), { recursive: true });
    const log = await open(options.logFile, 'a');
    try {
      const [program, ...args] = inNamespace(options.namespace, options.command);
      const env = { ...process.env, ...options.env };
      const child = spawn(program, args, { env, stdio: ['ignore', log.fd, log.fd] });
      await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
      return new ChildProgram(child, options);
    } finally {
      await log.close();
    }
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('a started process has an id');
    return pid;
  }

  /** Aborted, with a reason that says how, once the program has ended. */
  get ended(): AbortSignal {
    return this.#endedController.signal;
  }

  /** Sends a signal without waiting; for SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends a signal and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<ProgramExit> {
    this.#child.kill(signal);
    return this.exited;
  }

  /** SIGTERM, then SIGKILL if that does not end it in time. */
  async stop(): Promise<ProgramExit> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    try {
      return await this.kill('SIGTERM');
    } finally {
      clearTimeout(timer);
    }
  }

  /** All that it has written so far. */
  async log(): Promise<string> {
    return readFile(this.#options.logFile, 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

// Runs an outside program to its end.

import { spawn } from 'node:child_process';

/** What a program left: bytes as UTF-8 text. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** All optional; see each. */
export interface CommandOptions {
  /** Network namespace to run in; the machine's own when absent. */
  readonly namespace?: string | undefined;
  /** Added to the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  readonly folder?: string;
  /** Text for its stdin; without it stdin is empty. */
  readonly input?: string;
  /** After this it is killed and the call fails. */
  readonly timeoutMs?: number;
}

/**
 * The command with what puts it into a namespace before it. nsenter and not `ip netns exec`, which hides the cgroups
 * that dockerd needs; it becomes the program itself, so a process id stays true.
 */
export function inNamespace(namespace: string | undefined, command: readonly string[]): [string, ...string[]] {
  const [program = '', ...args] = command;
  if (namespace === undefined) return [program, ...args];
  return ['nsenter', `--net=/run/netns/${namespace}`, '--', program, ...args];
}

/** Runs a command and returns what it left, whatever its exit code. @throws {Error} if it cannot start or takes too long. */
export async function tryCommand(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { namespace, env, folder, input, timeoutMs = 120_000 } = options;
  const [program, ...args] = inNamespace(namespace, command);
  const signal = AbortSignal.timeout(timeoutMs);
  const child = spawn(program, args, { cwd: folder, env: { ...process.env, ...env }, signal, killSignal: 'SIGKILL' });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdin.on('error', () => undefined); // it may end without reading; its exit code tells
  child.stdin.end(input ?? '');
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', (cause) => {
      const what = signal.aborted ? `took more than ${timeoutMs} ms` : 'did not run';
      reject(new Error(`${command.join(' ')} ${what}\n${output.stderr}`, { cause }));
    });
    child.once('close', (exitCode) => resolve(exitCode ?? 1));
  });
  return { code, ...output };
}

/** Runs a command and returns its stdout. @throws {Error} with its output if it ends with anything but 0. */
export async function runCommand(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await tryCommand(command, options);
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}\n${stdout}${stderr}`);
  return stdout;
}

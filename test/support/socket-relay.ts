import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { inNamespace } from './run-command.ts';

/** Which port of which namespace's 127.0.0.1 the Unix socket at `path` leads to. */
export interface RelayOptions {
  readonly namespace: string;
  readonly path: string;
  readonly port: number;
}

const mainFile = fileURLToPath(new URL('socket-relay-main.mjs', import.meta.url));

/**
 * Lets the test, which runs outside, speak with a port inside a namespace. Nothing needs to listen there yet:
 * a connection is refused then as it would be without the relay. Disposing ends it.
 */
export async function startSocketRelay({ namespace, path, port }: RelayOptions): Promise<AsyncDisposable> {
  const [program, ...args] = inNamespace(namespace, [process.execPath, mainFile, path, String(port)]);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const first = await Promise.race([once(child.stdout, 'data'), exited.then(() => undefined)]);
  if (first === undefined) throw new Error(`the relay to port ${port} has ended at once`);
  return {
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await exited;
    },
  };
}

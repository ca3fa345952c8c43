// The programs under measurement, each in a folder of its own on loopback ports that were free a moment ago.

import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ChildProgram } from '../../test/support/child-program.ts';
import { eventually } from '../../test/support/eventually.ts';
import { exchange } from '../../test/support/http-exchange.ts';
import { runCommand } from '../../test/support/run-command.ts';
import { root } from '../setup.mjs';

/** As people start it. */
const PROGRAM = join(root, 'scripts/shoal');

/** A running program and where its registry answers. */
export interface Server extends AsyncDisposable {
  readonly pid: number;
  readonly httpPort: number;
}

/** Debian's docker-registry with a plain folder, logging errors only. */
export async function startReference(folder: string, options: { readonly cacheOf?: string } = {}): Promise<Server> {
  const httpPort = await freePort();
  const config = join(folder, 'config.yml');
  await mkdir(folder, { recursive: true });
  const lines = [
    'version: 0.1',
    'log: {level: error, accesslog: {disabled: true}}',
    `storage: {filesystem: {rootdirectory: ${join(folder, 'data')}}, cache: {blobdescriptor: inmemory}}`,
    `http: {addr: "127.0.0.1:${httpPort}"}`,
    ...(options.cacheOf === undefined ? [] : [`proxy: {remoteurl: "${options.cacheOf}"}`]),
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  return start(['docker-registry', 'serve', config], folder, httpPort);
}

/** `shoal up`: coordinator and origin node in one process. @param more further flags */
export async function startUp(folder: string, more: readonly string[] = []): Promise<Server> {
  const [httpPort, listenPort, swarmPort] = [await freePort(), await freePort(), await freePort()];
  const flags = ['--http', loopback(httpPort), '--listen', loopback(listenPort)];
  return startShoal(
    ['up', '--data', join(folder, 'data'), ...flags, ...swarmFlags(swarmPort), ...more],
    folder,
    httpPort,
  );
}

/** A coordinator of its own, for nodes in processes of their own. */
export async function startCoordinator(
  folder: string,
): Promise<Server & { readonly listenPort: number; newToken(uses?: number): Promise<string> }> {
  const listenPort = await freePort();
  const data = join(folder, 'data');
  const server = await startShoal(
    ['coordinator', '--data', data, '--listen', loopback(listenPort)],
    folder,
    listenPort,
    { tls: true },
  );
  const newToken = async (uses = 1): Promise<string> =>
    (await runCommand([PROGRAM, 'token', 'create', '--uses', String(uses), '--data', data])).trim();
  return { ...server, [Symbol.asyncDispose]: server[Symbol.asyncDispose], listenPort, newToken };
}

/** A node that joins `coordinator`. @param options.more further flags */
export async function startNode(
  folder: string,
  coordinator: { readonly listenPort: number; newToken(): Promise<string> },
  options: { readonly isOrigin: boolean; readonly more?: readonly string[] },
): Promise<Server> {
  const [httpPort, swarmPort] = [await freePort(), await freePort()];
  const join_ = ['--coordinator', loopback(coordinator.listenPort), '--join', await coordinator.newToken()];
  const role = options.isOrigin ? ['--origin'] : [];
  const args = [
    'node',
    '--data',
    join(folder, 'data'),
    '--http',
    loopback(httpPort),
    ...join_,
    ...swarmFlags(swarmPort),
    ...role,
    ...(options.more ?? []),
  ];
  return startShoal(args, folder, httpPort);
}

function swarmFlags(port: number): string[] {
  return ['--swarm', loopback(port), '--advertise', loopback(port)];
}

function loopback(port: number): string {
  return `127.0.0.1:${port}`;
}

async function startShoal(
  args: readonly string[],
  folder: string,
  port: number,
  options: { readonly tls?: boolean } = {},
): Promise<Server> {
  await mkdir(folder, { recursive: true });
  return start([PROGRAM, ...args], folder, port, options);
}

async function start(
  command: readonly string[],
  folder: string,
  httpPort: number,
  options: { readonly tls?: boolean } = {},
): Promise<Server> {
  const program = await ChildProgram.start({ command, logFile: join(folder, 'program.log') });
  const path = command[0] === 'docker-registry' ? '/v2/' : '/readyz';
  await eventually({ what: command.join(' '), signal: program.ended }, async () => {
    const answer = await exchange({ address: { port: httpPort }, tls: options.tls === true }, { method: 'GET', path });
    return answer.status === 200;
  });
  return { pid: program.pid, httpPort, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port');
  return address.port;
}

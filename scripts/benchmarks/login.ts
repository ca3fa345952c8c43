// What passwords cost: two registries side by side, one with an htpasswd file and one open to everybody, get the same requests at the
// same rate in turns, and the CPU time of both processes is compared.

import { mkdir, writeFile } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { hashPassword } from '../../node/access/password-hash.ts';
import { digestOf } from '../../shared/oci/digest.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { exchange } from '../../test/support/http-exchange.ts';
import { openTemporaryFolder } from '../../test/support/temporary-folder.ts';
import { meter } from './process-meter.ts';
import { median, type Row } from './report.ts';
import { startUp, type Server } from './servers.ts';

/** What to measure. */
export interface LoginOptions {
  readonly requestsPerSecond: number;
  /** Of each turn. */
  readonly seconds: number;
  /** Turns of each registry; they alternate. */
  readonly turns: number;
}

/** Requests leave in groups, so often. */
const GROUP_EVERY_MS = 20;
/** Connections of the client, which stay open. */
const CONNECTIONS = 8;
/** How long a right password is remembered (node/access/logins.ts): it is computed again once in this time. */
const REMEMBERED_SECONDS = 300;
const PASSWORD = 'a password of one user';
const AUTHORIZATION = `Basic ${Buffer.from(`alice:${PASSWORD}`).toString('base64')}`;
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const EMPTY_JSON = Buffer.from('{}');

/** A registry, and what each request to it carries. */
interface Side {
  readonly server: Server;
  readonly headers: Readonly<Record<string, string>>;
}

/** Open and with passwords, both with one image. */
export async function benchLogin(
  options: LoginOptions,
  progress: (text: string) => void,
  signal: AbortSignal,
): Promise<Row[]> {
  await using owner = new ResourceStack();
  const folder = owner.use(await openTemporaryFolder('bench-login')).path;
  await mkdir(folder, { recursive: true });
  const htpasswd = join(folder, 'htpasswd');
  await writeFile(htpasswd, `alice:${await hashPassword(PASSWORD)}\n`);
  const open: Side = { server: owner.use(await startUp(join(folder, 'open'))), headers: {} };
  const flags = ['--access-scheme', 'basic', '--access-htpasswd', htpasswd];
  const closed: Side = {
    server: owner.use(await startUp(join(folder, 'passwords'), flags)),
    headers: { authorization: AUTHORIZATION },
  };
  const login = await meter([closed.server.pid], () => ask(closed, new Agent(), '/v2/'));
  for (const side of [open, closed]) await pushImage(side);
  for (const side of [open, closed]) await turn(side, { ...options, seconds: Math.min(5, options.seconds) }, signal);
  const spent = { open: [] as number[], closed: [] as number[] };
  for (let number = 1; number <= options.turns; number += 1) {
    progress(`turn ${number} of ${options.turns}`);
    spent.open.push(await turn(open, options, signal));
    spent.closed.push(await turn(closed, options, signal));
  }
  return rowsOf(spent, login.cpuSeconds);
}

function rowsOf(
  spent: { readonly open: readonly number[]; readonly closed: readonly number[] },
  loginSeconds: number,
): Row[] {
  const [open, closed] = [median(spent.open), median(spent.closed)];
  const whole = closed + loginSeconds / REMEMBERED_SECONDS;
  return [
    { what: 'CPU in a second, open to everybody', unit: 'ms', shoal: open * 1000 },
    { what: 'CPU in a second, with a password that is remembered', unit: 'ms', shoal: closed * 1000 },
    { what: 'CPU of one password that is computed, once in 300 s', unit: 'ms', shoal: loginSeconds * 1000 },
    {
      what: 'with passwords / without, both counted',
      unit: 'x',
      shoal: whole / open,
      bar: { of: 'value', atMost: 1.05 },
    },
  ];
}

/** @returns CPU seconds of the registry in a second of it. */
async function turn(side: Side, options: Omit<LoginOptions, 'turns'>, signal: AbortSignal): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  try {
    const { cpuSeconds, wallSeconds } = await meter([side.server.pid], () => load(side, agent, options, signal));
    return cpuSeconds / wallSeconds;
  } finally {
    agent.destroy();
  }
}

/** Asks for the image at the rate, whatever the answers take. @throws {Error} when one is not 200. */
// oxlint-disable-next-line eslint/max-params -- signal is last
async function load(
  side: Side,
  agent: Agent,
  { requestsPerSecond, seconds }: Omit<LoginOptions, 'turns'>,
  signal: AbortSignal,
): Promise<void> {
  const count = requestsPerSecond * seconds;
  const startedMs = performance.now();
  const running: Promise<void>[] = [];
  while (running.length < count) {
    await pause(GROUP_EVERY_MS, undefined, { signal });
    const due = Math.min(count, Math.floor(((performance.now() - startedMs) / 1000) * requestsPerSecond));
    while (running.length < due) running.push(ask(side, agent, '/v2/bench/login/manifests/v1'));
  }
  await Promise.all(running);
}

function ask({ server, headers }: Side, agent: Agent, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asking = httpRequest({ port: server.httpPort, path, headers, agent }, (answer) => {
      answer.resume();
      answer.once('error', reject);
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`GET ${path}: ${answer.statusCode}`));
      });
    });
    asking.once('error', reject);
    asking.end();
  });
}

async function pushImage(side: Side): Promise<void> {
  const target = { address: { port: side.server.httpPort } };
  const config = digestOf(EMPTY_JSON);
  const path = `/v2/bench/login/blobs/uploads/?digest=${config}`;
  const blob = await exchange(target, { method: 'POST', path, headers: side.headers, body: EMPTY_JSON });
  if (blob.status !== 201) throw new Error(`POST ${path}: ${blob.status}`);
  const described = { mediaType: 'application/vnd.oci.empty.v1+json', digest: config, size: EMPTY_JSON.length };
  const manifest = { schemaVersion: 2, mediaType: MANIFEST_TYPE, config: described, layers: [described] };
  const headers = { ...side.headers, 'content-type': MANIFEST_TYPE };
  const put = { method: 'PUT', path: '/v2/bench/login/manifests/v1', headers, body: JSON.stringify(manifest) };
  const tagged = await exchange(target, put);
  if (tagged.status !== 201) throw new Error(`PUT ${put.path}: ${tagged.status}`);
}

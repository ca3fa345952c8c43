// The kinds of health checks: the data folder, a file that takes the node out of service, an HTTP address, a TCP port.

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import Type, { type Static } from 'typebox';
import { parseHostPort } from '../../shared/runtime/host-port.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import type { HealthCheck } from './health-checks.ts';

const timing = {
  intervalMs: Type.Optional(Type.Integer({ minimum: 100, maximum: 86_400_000 })),
  threshold: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })),
};
const within = { timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 30_000 })) };
const target = Type.String({ minLength: 1, maxLength: 4096 });

/** One check of `health.checks`, as it stands in the settings. */
export const WantedCheck = Type.Union([
  Type.Object({ type: Type.Literal('file'), file: target, ...timing }, { additionalProperties: false }),
  Type.Object(
    {
      type: Type.Literal('http'),
      url: target,
      status: Type.Optional(Type.Integer({ minimum: 100, maximum: 599 })),
      headers: Type.Optional(Type.Record(Type.String(), Type.Array(Type.String()))),
      ...timing,
      ...within,
    },
    { additionalProperties: false },
  ),
  Type.Object({ type: Type.Literal('tcp'), address: target, ...timing, ...within }, { additionalProperties: false }),
]);
export type WantedCheck = Readonly<Static<typeof WantedCheck>>;
type HttpCheck = Extract<WantedCheck, { readonly type: 'http' }>;

/** The time between two runs of a check whose settings name none; the value of the reference registry. */
const DEFAULT_INTERVAL_MS = 10_000;
/** How long a check over the network may take when its settings name no time. */
const DEFAULT_TIMEOUT_MS = 5_000;

/** Whether the folder of all data is there and may be written. */
export function storageCheck(
  folder: string,
  options: { readonly intervalMs: number; readonly threshold: number },
): HealthCheck {
  return { name: 'storagedriver_filesystem', ...options, run: () => access(folder, constants.R_OK | constants.W_OK) };
}

/** Makes the check that the settings describe. */
export function checkOf(wanted: WantedCheck): HealthCheck {
  const { intervalMs = DEFAULT_INTERVAL_MS, threshold = 0 } = wanted;
  switch (wanted.type) {
    case 'file':
      return { name: wanted.file, intervalMs, threshold, run: () => refuseFile(wanted.file) };
    case 'http':
      return { name: wanted.url, intervalMs, threshold, run: (signal) => askHttp(wanted, signal) };
    case 'tcp':
      return {
        name: wanted.address,
        intervalMs,
        threshold,
        run: (signal) => dial(wanted.address, wanted.timeoutMs ?? DEFAULT_TIMEOUT_MS, signal),
      };
    default: {
      const never: never = wanted;
      return never;
    }
  }
}

/** Fails while the file exists: a script takes the node out of service by making it. */
async function refuseFile(path: string): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false, // not there, or not to be seen: nobody put it there for us
  );
  if (isThere) throw new Error('the file is there');
}

async function askHttp({ url, status = 200, headers = {}, timeoutMs }: HttpCheck, signal: AbortSignal): Promise<void> {
  using ended = joinSignals([signal, AbortSignal.timeout(timeoutMs ?? DEFAULT_TIMEOUT_MS)]);
  await new Promise<void>((resolve, reject) => {
    const send = url.startsWith('https:') ? httpsRequest : httpRequest;
    const request = send(url, { method: 'HEAD', headers, agent: false, signal: ended.signal });
    request.once('error', reject);
    request.once('response', (response) => {
      response.resume();
      request.destroy();
      if (response.statusCode === status) resolve();
      else reject(new Error(`answered ${response.statusCode} and not ${status}`));
    });
    request.end();
  });
}

async function dial(address: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  using ended = joinSignals([signal, AbortSignal.timeout(timeoutMs)]);
  await new Promise<void>((resolve, reject) => {
    const { host, port } = parseHostPort(address);
    const socket = connect({ host, port, signal: ended.signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

// What a client does to a registry, done by curl and wrk so that the client costs the same for every server.

import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { exchange } from '../../test/support/http-exchange.ts';
import { runCommand } from '../../test/support/run-command.ts';
import { seededBytes } from '../../test/support/seeded-bytes.ts';

/** A file with known content. */
export interface Sample {
  readonly path: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

const REPOSITORY = 'bench/sample';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const TRANSFER_TIMEOUT_MS = 300_000;

/** Writes `sizeBytes` of seeded bytes into `folder`. */
export async function makeSample(folder: string, name: string, sizeBytes: number): Promise<Sample> {
  const path = join(folder, name);
  const hash = createHash('sha256');
  const file = await open(path, 'w');
  try {
    for (const chunk of seededBytes(name, sizeBytes)) {
      hash.update(chunk);
      await file.write(chunk);
    }
    await file.sync(); // its writeback must not fall into somebody's measurement
  } finally {
    await file.close();
  }
  return { path, digest: `sha256:${hash.digest('hex')}`, sizeBytes };
}

/** Pushes a file as one blob: POST, one PATCH with the whole body, PUT. */
export async function pushBlob(port: number, sample: Sample, repository: string = REPOSITORY): Promise<void> {
  const opened = await request(port, 'POST', `/v2/${repository}/blobs/uploads/`, 202);
  const patched = await runCommand(
    [
      'curl',
      '-sS',
      '-o',
      '/dev/null',
      '-D',
      '-',
      '-X',
      'PATCH',
      '-T',
      sample.path,
      '-H',
      'Content-Type: application/octet-stream',
      '-H',
      'Expect:',
      url(port, opened),
    ],
    { timeoutMs: TRANSFER_TIMEOUT_MS },
  );
  const location = /^location: (\S+)/im.exec(patched)?.[1];
  if (location === undefined) throw new Error(`PATCH was not answered 202\n${patched}`);
  const target = new URL(location, url(port, ''));
  target.searchParams.set('digest', sample.digest);
  await request(port, 'PUT', target.pathname + target.search, 201);
}

/** Pulls a blob `streams` times at once, throwing the bytes away; fails unless every stream got every byte. */
export async function pullBlob(port: number, sample: Sample, streams = 1): Promise<void> {
  const command = [
    'curl',
    '-sS',
    '-f',
    '-o',
    '/dev/null',
    '-w',
    '%{size_download}',
    url(port, `/v2/${REPOSITORY}/blobs/${sample.digest}`),
  ];
  const pulls = Array.from({ length: streams }, () => runCommand(command, { timeoutMs: TRANSFER_TIMEOUT_MS }));
  for (const received of await Promise.all(pulls)) {
    if (Number(received) !== sample.sizeBytes) throw new Error(`got ${received} of ${sample.sizeBytes} bytes`);
  }
}

/** Pushes a manifest that names `layers`, under `tag`; resolves when it is durable. */
export async function pushManifest(port: number, layers: readonly Sample[], tag: string): Promise<void> {
  const [config] = layers;
  if (config === undefined) throw new Error('a manifest needs one blob');
  const descriptor = (sample: Sample): object => ({
    mediaType: 'application/octet-stream',
    digest: sample.digest,
    size: sample.sizeBytes,
  });
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: descriptor(config),
    layers: layers.map(descriptor),
  });
  const headers = { 'content-type': MANIFEST_TYPE };
  const answer = await exchange(
    { address: { port } },
    { method: 'PUT', path: `/v2/${REPOSITORY}/manifests/${tag}`, headers, body, timeoutMs: TRANSFER_TIMEOUT_MS },
  );
  if (answer.status !== 201) throw new Error(`manifest PUT: ${answer.status}\n${answer.body.toString()}`);
}

/**
 * Requests per second of a manifest by tag with 16 connections: GET by wrk, HEAD by ab, since wrk waits for the
 * body that a Content-Length announces and HEAD does not have.
 */
export async function manifestRate(
  port: number,
  tag: string,
  options: { readonly method: 'GET' | 'HEAD'; readonly seconds: number },
): Promise<number> {
  const target = url(port, `/v2/${REPOSITORY}/manifests/${tag}`);
  const accept = `Accept: ${MANIFEST_TYPE}`;
  const command =
    options.method === 'GET'
      ? ['wrk', '-t1', '-c16', `-d${options.seconds}s`, '-H', accept, target]
      : ['ab', '-i', '-k', '-q', '-c16', `-t${options.seconds}`, '-n10000000', '-H', accept, target];
  const output = await runCommand(command);
  if (/Non-2xx|Socket errors|Failed requests:\s+[1-9]/.test(output)) throw new Error(`some requests failed\n${output}`);
  return Number(/Requests(?:\/sec| per second):\s+([\d.]+)/.exec(output)?.[1]);
}

async function request(port: number, method: string, path: string, status: number): Promise<string> {
  const answer = await exchange(
    { address: { port } },
    { method, path, headers: { 'content-length': 0 }, timeoutMs: TRANSFER_TIMEOUT_MS },
  );
  if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status}\n${answer.body.toString()}`);
  return answer.headers.location ?? '';
}

function url(port: number, path: string): string {
  return path.startsWith('http') ? path : `http://127.0.0.1:${port}${path}`;
}

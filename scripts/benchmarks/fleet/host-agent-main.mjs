// Runs on one host of the bench, in its namespace: the client that docker would be there.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import * as http from 'node:http';
import * as https from 'node:https';
import { pipeline } from 'node:stream/promises';
import { answerCalls } from '../calls/answer-calls.mjs';

/** Docker pulls so many layers of an image at a time (dockerd --max-concurrent-downloads). */
const LAYERS_AT_A_TIME = 3;
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

/** Milliseconds of the clock that all processes of a machine share (CLOCK_MONOTONIC). */
const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

const calls = {
  /** One small GET. The coordinator shows a certificate of the fleet's own, which is not looked at here. */
  async get({ url }) {
    const answer = await request(url, {});
    return { status: answer.statusCode, body: await textOf(answer) };
  },

  /** Pushes files as layers of an image, the first also as its config, in the order of docker: manifest last. */
  async push({ registry, repository, tag, layers }) {
    for (const layer of layers) await pushBlob(`${registry}/v2/${repository}/blobs/uploads/`, layer);
    const descriptors = layers.map(({ digest, sizeBytes }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest,
      size: sizeBytes,
    }));
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: descriptors[0],
      layers: descriptors.slice(1),
    });
    const headers = { 'content-type': MANIFEST_TYPE, 'content-length': Buffer.byteLength(body) };
    const url = `${registry}/v2/${repository}/manifests/${tag}`;
    await expect(201, request(url, { method: 'PUT', headers, body }));
    return {};
  },

  /** Pulls an image from the moment `atMs` on, checks every digest, keeps nothing. Times are of `nowMs`. */
  async pull({ registry, repository, tag, atMs }) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - nowMs())));
    const answer = await expect(
      200,
      request(`${registry}/v2/${repository}/manifests/${tag}`, { headers: { accept: MANIFEST_TYPE } }),
    );
    const manifest = JSON.parse(answer.text);
    const manifestMs = nowMs();
    const waiting = [manifest.config, ...manifest.layers];
    const blobs = [];
    const pullNext = async () => {
      for (let blob = waiting.shift(); blob !== undefined; blob = waiting.shift()) {
        blobs.push(await pullBlob(`${registry}/v2/${repository}/blobs/${blob.digest}`, blob));
      }
    };
    await Promise.all(Array.from({ length: LAYERS_AT_A_TIME }, pullNext));
    return { manifestMs, blobs, doneMs: nowMs() };
  },

  /** Bytes that crossed every interface of this namespace since it was made, by name. */
  async counters() {
    const counters = {};
    for (const line of (await readFile('/proc/self/net/dev', 'utf8')).split('\n').slice(2)) {
      const [name, ...fields] = line.trim().split(/[:\s]+/);
      if (name) counters[name] = { receivedBytes: Number(fields[0]), sentBytes: Number(fields[8]) };
    }
    return { atMs: nowMs(), counters };
  },
};

async function pushBlob(uploads, { path, digest, sizeBytes }) {
  const begun = await expect(202, request(uploads, { method: 'POST', headers: { 'content-length': 0 } }));
  const location = new URL(begun.location, uploads);
  location.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream', 'content-length': sizeBytes };
  await expect(201, request(location.href, { method: 'PUT', headers, file: path }));
}

async function pullBlob(url, { digest, size }) {
  const answer = await request(url, {});
  if (answer.statusCode !== 200) throw new Error(`GET ${url}: ${answer.statusCode} ${await textOf(answer)}`);
  const hash = createHash('sha256');
  let firstByteMs = 0;
  let receivedBytes = 0;
  for await (const chunk of answer) {
    if (receivedBytes === 0) firstByteMs = nowMs();
    receivedBytes += chunk.length;
    hash.update(chunk);
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (receivedBytes !== size || actual !== digest) {
    throw new Error(`GET ${url}: ${receivedBytes} bytes of ${size}, ${actual} for ${digest}`);
  }
  return { digest, firstByteMs, doneMs: nowMs() };
}

function request(url, { method = 'GET', headers = {}, body, file }) {
  const options = { method, headers, rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    const outgoing = (url.startsWith('https:') ? https : http).request(url, options);
    outgoing.once('response', resolve).once('error', reject);
    if (file === undefined) outgoing.end(body);
    else pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), outgoing).catch(reject);
  });
}

async function expect(status, requested) {
  const answer = await requested;
  const text = await textOf(answer);
  if (answer.statusCode !== status)
    throw new Error(`${answer.req.method} ${answer.req.path}: ${answer.statusCode} ${text}`);
  return { text, location: answer.headers.location };
}

async function textOf(answer) {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk;
  return text;
}

answerCalls(calls);

// A blob of a fake upstream whose bytes come when a test lets them, and a client that says how far it read.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { get as httpGet } from 'node:http';
import type { FakeUpstream } from './fake-upstream.ts';

/** Sends a blob as far as it was let through; set it as what the upstream does with requests for the blob. */
export class GatedBlob {
  /** The first byte that each GET asked for. */
  readonly asked: number[] = [];
  readonly #bytes: Buffer;
  readonly #answers = new Map<ServerResponse, number>();
  #openBytes = 0;

  constructor(upstream: FakeUpstream, bytes: Buffer) {
    this.#bytes = bytes;
    upstream.intercept = (request, response) => this.#answer(request, response);
  }

  /** Lets bytes through, all together so many. */
  open(bytes: number): void {
    this.#openBytes = bytes;
    for (const answer of this.#answers.keys()) this.#send(answer);
  }

  /** What the upstream sent, to all who asked. */
  sentBytes = 0;

  #answer(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method !== 'GET' || request.url?.includes('/blobs/') !== true) return false;
    const first = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    this.asked.push(first);
    const { length } = this.#bytes;
    const headers = { 'content-length': length - first };
    if (first === 0) response.writeHead(200, headers);
    else response.writeHead(206, { ...headers, 'content-range': `bytes ${first}-${length - 1}/${length}` });
    response.flushHeaders();
    this.#answers.set(response, first);
    response.once('close', () => this.#answers.delete(response));
    this.#send(response);
    return true;
  }

  #send(response: ServerResponse): void {
    const from = this.#answers.get(response) ?? this.#bytes.length;
    if (from >= this.#openBytes) return;
    const bytes = this.#bytes.subarray(from, this.#openBytes);
    this.sentBytes += bytes.length;
    this.#answers.set(response, this.#openBytes);
    response.write(bytes);
    if (this.#openBytes === this.#bytes.length) response.end();
  }
}

/** A client in the middle of an answer. */
export interface Reading {
  readonly receivedBytes: () => number;
  /** All of it. Rejects when the answer is torn or not 200. */
  readonly whole: Promise<Buffer>;
}

export function beginReading(url: string): Reading {
  const chunks: Buffer[] = [];
  let receivedBytes = 0;
  const whole = new Promise<Buffer>((resolve, reject) => {
    const asking = httpGet(url, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`GET ${url}: ${answer.statusCode}`));
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        receivedBytes += chunk.length;
      });
      answer.once('error', reject);
      answer.once('end', () => resolve(Buffer.concat(chunks)));
    });
    asking.once('error', reject);
  });
  whole.catch(() => undefined); // whoever waits for it gets it
  return { receivedBytes: () => receivedBytes, whole };
}

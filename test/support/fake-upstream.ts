// A registry that this one is a cache of, with whatever a test wants to go wrong.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { OCI_MANIFEST } from './registry-wire.ts';

/** Takes a request over; true when it did. */
type Interception = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

interface Held {
  readonly type: string;
  readonly bytes: Buffer;
}

/** Serves what it is given, to everybody, over plain HTTP on loopback. */
export class FakeUpstream implements AsyncDisposable {
  /** Each request as `GET /v2/…`. */
  readonly requests: string[] = [];
  /** Looks at every request first. */
  intercept: Interception = () => false;
  readonly #blobs = new Map<string, Buffer>();
  readonly #manifests = new Map<string, Held>();
  readonly #server: Server;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<FakeUpstream> {
    const upstream = new FakeUpstream();
    await upstream.listen();
    return upstream;
  }

  /** Also after `close`, on the same port. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a listening server has a port');
    this.#port = address.port;
  }

  /** Goes away, connections and all. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  /** How many requests begin so. */
  count(start: string): number {
    return this.requests.filter((request) => request.startsWith(start)).length;
  }

  /** An image of one layer. */
  hold(
    repository: string,
    tag: string,
    layer: Buffer,
  ): { readonly digest: string; readonly layer: string; readonly manifest: Buffer } {
    const config = Buffer.from('{}');
    for (const blob of [config, layer]) this.#blobs.set(`${repository}/blobs/${digestOf(blob)}`, blob);
    const describe = (bytes: Buffer) => ({ mediaType: 'application/x', digest: digestOf(bytes), size: bytes.length });
    const content = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: describe(config), layers: [describe(layer)] };
    const manifest = Buffer.from(JSON.stringify({ ...content, annotations: { repository, tag } }));
    const digest = digestOf(manifest);
    const held = { type: OCI_MANIFEST, bytes: manifest };
    for (const reference of [tag, digest]) this.#manifests.set(`${repository}/manifests/${reference}`, held);
    return { digest, layer: digestOf(layer), manifest };
  }

  /** Any manifest, under its digest and perhaps a tag. @returns its digest. */
  holdManifest(
    repository: string,
    { type, content, tag }: { readonly type: string; readonly content: object; readonly tag?: string },
  ): string {
    const bytes = Buffer.from(JSON.stringify(content));
    const digest = digestOf(bytes);
    for (const reference of [tag, digest]) {
      if (reference !== undefined) this.#manifests.set(`${repository}/manifests/${reference}`, { type, bytes });
    }
    return digest;
  }

  /** Lets go of a tag. */
  forget(repository: string, tag: string): void {
    this.#manifests.delete(`${repository}/manifests/${tag}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(`${request.method} ${request.url}`);
    if (await this.intercept(request, response)) return;
    const [path = ''] = (request.url ?? '').slice('/v2/'.length).split('?');
    const blob = this.#blobs.get(path);
    const manifest = this.#manifests.get(path);
    if (path.endsWith('/tags/list')) {
      const start = path.slice(0, -'/tags/list'.length);
      const names = [...this.#manifests.keys()].filter((key) => key.startsWith(`${start}/manifests/`));
      const tags = names.map((key) => key.slice(`${start}/manifests/`.length)).filter((name) => !name.includes(':'));
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ name: start, tags }));
      return;
    }
    const bytes = blob ?? manifest?.bytes;
    if (bytes === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":[{"code":"NAME_UNKNOWN"}]}');
      return;
    }
    const headers = {
      'content-type': manifest?.type ?? 'application/octet-stream',
      'docker-content-digest': digestOf(bytes),
    };
    const [, first] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
    const part = bytes.subarray(Number(first ?? 0));
    const range = first === undefined ? {} : { 'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(first === undefined ? 200 : 206, { ...headers, ...range, 'content-length': part.length });
    response.end(request.method === 'HEAD' ? undefined : part);
  }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

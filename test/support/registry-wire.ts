// The registry API written out by hand for the tests of its rules: every request as it stands, every answer as it comes.

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { exchange, type HttpAnswer, type HttpRequest } from './http-exchange.ts';

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const EMPTY_CONFIG = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestText('{}'), size: 2 };

type Options = Pick<HttpRequest, 'headers' | 'body'>;

/** A manifest on its way: bytes as they are, anything else as JSON. */
export interface ManifestUpload {
  readonly reference: string;
  readonly content: unknown;
  readonly type?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
}

export function digestText(bytes: string | Uint8Array, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** A repository name that no other test uses. */
export function freshName(): string {
  return `t/${randomUUID()}`;
}

/** An artifact with no files: the smallest legal image manifest. */
export function emptyManifest(extra: object = {}): object {
  return { schemaVersion: 2, mediaType: OCI_MANIFEST, config: EMPTY_CONFIG, layers: [], ...extra };
}

export function emptyIndex(extra: object = {}): object {
  return { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], ...extra };
}

export function bytesOf(content: unknown): Buffer {
  return Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
}

export class RegistryWire {
  readonly baseUrl: string;
  readonly #target: { readonly address: { readonly host: string; readonly port: number } };

  constructor(baseUrl: string) {
    const { hostname, port } = new URL(baseUrl);
    this.baseUrl = baseUrl;
    this.#target = { address: { host: hostname, port: Number(port) } };
  }

  send(method: string, path: string, options: Options = {}): Promise<HttpAnswer> {
    return exchange(this.#target, { method, path, ...options });
  }

  /** Opens a session. @returns its path. */
  async openUpload(repository: string): Promise<string> {
    const answer = await this.send('POST', `/v2/${repository}/blobs/uploads/`, { headers: { 'content-length': '0' } });
    assert.equal(answer.status, 202);
    return String(answer.headers.location);
  }

  async pushBlob(repository: string, bytes: string | Uint8Array, algorithm = 'sha256'): Promise<string> {
    const digest = digestText(bytes, algorithm);
    const session = await this.openUpload(repository);
    const answer = await this.send('PUT', `${session}?digest=${digest}`, { body: bytes });
    assert.equal(answer.status, 201, answer.body.toString());
    return digest;
  }

  async putManifest(repository: string, upload: ManifestUpload): Promise<HttpAnswer> {
    const { reference, content, type = OCI_MANIFEST, headers = {}, query = '' } = upload;
    const body = bytesOf(content);
    const typed = type === '' ? {} : { 'content-type': type };
    return this.send('PUT', `/v2/${repository}/manifests/${reference}${query}`, {
      headers: { ...typed, 'content-length': body.length, ...headers },
      body,
    });
  }

  /** Pushes an image without layers, its config first. @returns the digest. */
  async pushEmptyImage(repository: string, tag: string, extra: object = {}): Promise<string> {
    await this.pushBlob(repository, '{}');
    const answer = await this.putManifest(repository, { reference: tag, content: emptyManifest(extra) });
    assert.equal(answer.status, 201, answer.body.toString());
    return String(answer.headers['docker-content-digest']);
  }

  /** Pushes an image of one layer. @returns the digests of its manifest and of the layer. */
  async pushImage(
    repository: string,
    tag: string,
    layer: Uint8Array,
  ): Promise<{ readonly digest: string; readonly layer: string }> {
    const config = Buffer.from('{}');
    for (const blob of [config, layer]) await this.pushBlob(repository, blob);
    const descriptor = (bytes: Uint8Array) => ({
      mediaType: 'application/x',
      digest: digestText(bytes),
      size: bytes.length,
    });
    const content = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: descriptor(config),
      layers: [descriptor(layer)],
      annotations: { repository },
    };
    const answer = await this.putManifest(repository, { reference: tag, content });
    assert.equal(answer.status, 201, answer.body.toString());
    return { digest: String(answer.headers['docker-content-digest']), layer: digestText(layer) };
  }

  async json(path: string): Promise<unknown> {
    const answer = await this.send('GET', path);
    assert.equal(answer.status, 200, answer.body.toString());
    return JSON.parse(answer.body.toString());
  }
}

/** Checks an error: its status, and the code of each entry in the form that clients parse. */
export function assertError(answer: HttpAnswer, status: number, ...codes: readonly string[]): void {
  const text = answer.body.toString();
  assert.equal(answer.status, status, text);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal(answer.headers['docker-distribution-api-version'], 'registry/2.0');
  const { errors } = JSON.parse(text) as { errors: { code: string }[] };
  assert.deepEqual(
    errors.map(({ code }) => code),
    codes,
    text,
  );
}

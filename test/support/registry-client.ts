// The registry API as a test speaks it: requests written out by hand, nothing of our own code in between.

import type { Descriptor, ImageLayout } from './image-layout.ts';
import { exchange, type HttpAnswer, type HttpRequest, type HttpTarget } from './http-exchange.ts';

const everyManifestType = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** One registry. Methods fail with the answer's text unless the status is the one that the specification names. */
export class RegistryClient {
  readonly #target: HttpTarget;

  constructor(target: HttpTarget) {
    this.#target = target;
  }

  /** Any request at all, with its answer whatever it is. */
  async request(request: HttpRequest): Promise<HttpAnswer> {
    return exchange(this.#target, request);
  }

  /** POST, then PUT of the whole content. */
  async pushBlob(repository: string, blob: Descriptor, content: HttpRequest['body']): Promise<void> {
    const begun = await this.#expect(202, { method: 'POST', path: `/v2/${repository}/blobs/uploads/` });
    const location = new URL(begun.headers.location ?? '', 'http://localhost');
    location.searchParams.set('digest', blob.digest);
    const headers = { 'content-type': 'application/octet-stream', 'content-length': blob.size };
    const path = location.pathname + location.search;
    await this.#expect(201, { method: 'PUT', path, headers, body: content, timeoutMs: 300_000 });
  }

  async hasBlob(repository: string, digest: string): Promise<boolean> {
    const answer = await this.request({ method: 'HEAD', path: `/v2/${repository}/blobs/${digest}` });
    return answer.status === 200;
  }

  async pullBlob(repository: string, digest: string): Promise<Buffer> {
    const answer = await this.#expect(200, { method: 'GET', path: `/v2/${repository}/blobs/${digest}` });
    return answer.body;
  }

  /** @param reference a tag or a digest. */
  async pushManifest(target: ManifestTarget, mediaType: string, bytes: Uint8Array): Promise<HttpAnswer> {
    const path = `/v2/${target.repository}/manifests/${target.reference}`;
    const headers = { 'content-type': mediaType, 'content-length': bytes.length };
    return this.#expect(201, { method: 'PUT', path, headers, body: bytes });
  }

  /** @param reference a tag or a digest. */
  async pullManifest(repository: string, reference: string): Promise<HttpAnswer> {
    const path = `/v2/${repository}/manifests/${reference}`;
    return this.#expect(200, { method: 'GET', path, headers: { accept: everyManifestType } });
  }

  /** What a tag points to, as the registry says it; undefined where there is no such tag. */
  async resolve(repository: string, reference: string): Promise<string | undefined> {
    const path = `/v2/${repository}/manifests/${reference}`;
    const answer = await this.request({ method: 'HEAD', path, headers: { accept: everyManifestType } });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw new Error(`HEAD ${path} was answered ${answer.status}`);
    return String(answer.headers['docker-content-digest']);
  }

  async #expect(status: number, request: HttpRequest): Promise<HttpAnswer> {
    const answer = await this.request(request);
    if (answer.status === status) return answer;
    throw new Error(`${request.method} ${request.path}: ${answer.status}, not ${status}\n${answer.body.toString()}`);
  }
}

/** Where a manifest goes; the reference is a tag or a digest. */
export interface ManifestTarget {
  readonly repository: string;
  readonly reference: string;
}

/** Sends an image, index or artifact with all that it names; the order is that of docker: children first. */
export async function pushImage(
  client: RegistryClient,
  layout: ImageLayout,
  image: Descriptor,
  target: ManifestTarget,
): Promise<void> {
  const { repository } = target;
  const manifest = await layout.readManifest(image.digest);
  for (const child of manifest.manifests ?? []) {
    await pushImage(client, layout, child, { repository, reference: child.digest });
  }
  for (const blob of [manifest.config, ...(manifest.layers ?? [])]) {
    if (blob === undefined || (await client.hasBlob(repository, blob.digest))) continue;
    await client.pushBlob(repository, blob, layout.stream(blob.digest));
  }
  const bytes = await layout.readBytes(image.digest);
  await client.pushManifest(target, image.mediaType, bytes);
}

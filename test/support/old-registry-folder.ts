// The storage folder of a registry:2, written as its filesystem driver does.

import { createHash } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestText, OCI_MANIFEST } from './registry-wire.ts';

export class OldRegistryFolder {
  /** What the container has at /var/lib/registry. */
  readonly root: string;
  readonly #v2: string;
  #writeCount = 0;

  constructor(root: string) {
    this.root = root;
    this.#v2 = join(root, 'docker/registry/v2');
  }

  /** Below `repositories/`. */
  repository(name: string, ...below: readonly string[]): string {
    return join(this.#v2, 'repositories', name, ...below);
  }

  /** Where the bytes of a sha256 digest lie. */
  dataOf(digest: string): string {
    const hex = digest.slice('sha256:'.length);
    return join(this.#v2, 'blobs/sha256', hex.slice(0, 2), hex, 'data');
  }

  /** A blob of a repository. @param options.algorithm sha512 lies under its sha256, with a link from its own name. */
  async addBlob(
    repository: string,
    bytes: string | Uint8Array,
    options: { readonly algorithm?: 'sha256' | 'sha512' } = {},
  ): Promise<string> {
    const { algorithm = 'sha256' } = options;
    const canonical = await this.#write(bytes);
    const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
    for (const name of new Set([digest, canonical])) {
      await this.writeLink(this.repository(repository, '_layers', ...name.split(':'), 'link'), canonical);
    }
    return digest;
  }

  async addManifest(repository: string, content: unknown, tags: readonly string[] = []): Promise<string> {
    const digest = await this.#write(Buffer.isBuffer(content) ? content : JSON.stringify(content));
    await this.writeLink(this.repository(repository, '_manifests/revisions', ...digest.split(':'), 'link'), digest);
    for (const tag of tags) await this.addTag(repository, tag, digest);
    return digest;
  }

  async addTag(repository: string, tag: string, digest: string): Promise<void> {
    const folder = this.repository(repository, '_manifests/tags', tag);
    await this.writeLink(join(folder, 'current/link'), digest);
    await this.writeLink(join(folder, 'index', ...digest.split(':'), 'link'), digest);
  }

  /** An image of one layer. @returns the digest of its manifest, and of the layer. */
  async addImage(
    repository: string,
    tags: readonly string[],
    layer: string | Uint8Array,
  ): Promise<{ readonly digest: string; readonly layer: string }> {
    const config = await this.addBlob(repository, '{}');
    const layerDigest = await this.addBlob(repository, layer);
    const content = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config, size: 2 },
      layers: [{ mediaType: 'application/x', digest: layerDigest, size: Buffer.byteLength(layer) }],
    };
    return { digest: await this.addManifest(repository, content, tags), layer: layerDigest };
  }

  async writeLink(path: string, text: string): Promise<void> {
    await this.#writeAtOnce(path, text);
  }

  async #write(bytes: string | Uint8Array): Promise<string> {
    const digest = digestText(bytes);
    const path = this.dataOf(digest);
    await this.#writeAtOnce(path, bytes);
    return digest;
  }

  /** Nobody reads the half of it. */
  async #writeAtOnce(path: string, bytes: string | Uint8Array): Promise<void> {
    this.#writeCount += 1;
    const temporary = `${path}.${this.#writeCount}`;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  }
}

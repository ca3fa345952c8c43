// Makes images as an OCI layout on disk (image-spec v1.1, "Image Layout Specification"), which skopeo reads, and which
// `pushImage` sends as it is. Same input, same digests.

import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type TarEntry, tarArchive } from './tar-archive.ts';

const ociTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
  empty: 'application/vnd.oci.empty.v1+json',
} as const;

const dockerTypes = {
  list: 'application/vnd.docker.distribution.manifest.list.v2+json',
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  /** By its name compressed; clients look at the bytes and take a plain archive too. */
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string };
  readonly artifactType?: string;
}

export interface ImageManifest {
  readonly mediaType: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
  readonly subject?: Descriptor;
}

export interface ImageOptions {
  /** Docker's schema 2 or the OCI's; OCI when absent. */
  readonly format?: 'oci' | 'docker';
  readonly architecture?: string;
  readonly command?: readonly string[];
}

export interface ArtifactOptions {
  readonly artifactType: string;
  readonly content: Iterable<Uint8Array>;
  /** The image that it is about. */
  readonly subject?: Descriptor;
}

/** Lives in the folder that it is given, which is the caller's to remove. */
export class ImageLayout {
  readonly folder: string;
  readonly #tags: Descriptor[] = [];
  #partialCount = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(folder: string): Promise<ImageLayout> {
    await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
    await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    return new ImageLayout(folder);
  }

  /** Where a blob or manifest lies. */
  pathOf(digest: string): string {
    return join(this.folder, 'blobs', digest.replace(':', '/'));
  }

  /** The bytes of a manifest or of a blob small enough to hold. */
  async readBytes(digest: string): Promise<Buffer> {
    return readFile(this.pathOf(digest));
  }

  /** A manifest or index that this layout made. */
  async readManifest(digest: string): Promise<ImageManifest> {
    return JSON.parse((await this.readBytes(digest)).toString()) as ImageManifest;
  }

  async addBlob(mediaType: string, content: Iterable<Uint8Array>): Promise<Descriptor> {
    const hash = createHash('sha256');
    const partial = join(this.folder, `partial-${(this.#partialCount += 1)}`);
    let size = 0;
    const measured = function* (): Generator<Uint8Array> {
      for (const chunk of content) {
        hash.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    };
    await pipeline(Readable.from(measured(), { objectMode: false }), createWriteStream(partial));
    const digest = `sha256:${hash.digest('hex')}`;
    await rename(partial, this.pathOf(digest));
    return { mediaType, digest, size };
  }

  async addJson(mediaType: string, value: unknown): Promise<Descriptor> {
    return this.addBlob(mediaType, [Buffer.from(JSON.stringify(value))]);
  }

  /** An uncompressed layer, so that its digest is its diff id too. */
  async addLayer(entries: Iterable<TarEntry>): Promise<Descriptor> {
    return this.addBlob(ociTypes.layer, tarArchive(entries));
  }

  /** A config and a manifest over layers that are there already. */
  async addImage(layers: readonly Descriptor[], options: ImageOptions = {}): Promise<Descriptor> {
    const { format = 'oci', architecture = 'amd64', command = ['/bin/sh'] } = options;
    const types = format === 'oci' ? ociTypes : dockerTypes;
    const platform = { architecture, os: 'linux' };
    const config = await this.addJson(types.config, {
      ...platform,
      config: { Cmd: command, Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
      history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'a test' })),
    });
    const typedLayers = layers.map((layer) => ({ ...layer, mediaType: types.layer }));
    const manifest = { schemaVersion: 2, mediaType: types.manifest, config, layers: typedLayers };
    return { ...(await this.addJson(types.manifest, manifest)), platform };
  }

  /** An index over images for several architectures. */
  async addIndex(manifests: readonly Descriptor[]): Promise<Descriptor> {
    return this.addJson(ociTypes.index, { schemaVersion: 2, mediaType: ociTypes.index, manifests });
  }

  /** One blob that is no image, about an image or about nothing (image-spec v1.1, "Guidelines for Artifact Usage"). */
  async addArtifact({ artifactType, content, subject }: ArtifactOptions): Promise<Descriptor> {
    const config = await this.addJson(ociTypes.empty, {});
    const blob = await this.addBlob('application/octet-stream', content);
    const manifest = { schemaVersion: 2, mediaType: ociTypes.manifest, artifactType, config, layers: [blob], subject };
    return { ...(await this.addJson(ociTypes.manifest, manifest)), artifactType };
  }

  /** The layers of an image, or the one blob of an artifact. */
  async layersOf(manifest: Descriptor): Promise<readonly Descriptor[]> {
    return (await this.readManifest(manifest.digest)).layers ?? [];
  }

  /** The only blob of an artifact. */
  async blobOf(artifact: Descriptor): Promise<Descriptor> {
    const [blob] = await this.layersOf(artifact);
    if (blob === undefined) throw new Error(`${artifact.digest} has no blob`);
    return blob;
  }

  /** Names a manifest, for skopeo's `oci:FOLDER:TAG`. */
  async tag(descriptor: Descriptor, tag: string): Promise<void> {
    this.#tags.push({ ...descriptor, annotations: { 'org.opencontainers.image.ref.name': tag } } as Descriptor);
    await writeFile(join(this.folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: this.#tags }));
  }

  /** A blob's bytes as a stream from disk. */
  stream(digest: string): AsyncIterable<Uint8Array> {
    return createReadStream(this.pathOf(digest), { highWaterMark: 1024 * 1024 });
  }
}

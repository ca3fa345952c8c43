// Which hosts asked for which image, and what they have of it. Pure. Told of every manifest that a node resolves, every blob that it
// looks for, gains or loses; each costs a few look-ups, so that a release to thousands of hosts is not slower for being watched.

import type { Digest } from '../../shared/oci/digest.ts';

/** Images remembered of one node, those it asked for last: a host that starts a rack's worth of containers at once. */
const MAX_IMAGES_PER_NODE = 32;
/**
 * Pairs of host and image remembered, half a KiB each; one of a hundred blobs or more counts for more. Ten releases to ten thousand
 * hosts; beyond it the image asked for longest ago is forgotten.
 */
const MAX_HOSTS = 100_000;
/** For every so many blobs of its image, a pair counts as one more: their flags take about as much memory. */
const BLOBS_PER_UNIT = 100;

export interface ImageBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/** An image manifest of a repository; an index has no blobs of its own. */
export interface AskedImage {
  readonly repository: string;
  readonly digest: Digest;
  readonly blobs: readonly ImageBlob[];
}

/** One host and one image. Times are monotonic. */
export interface HostProgress {
  /** When the host first asked for the image; undefined when it only holds some of its blobs, as far as is known. */
  readonly askedMs: number | undefined;
  /** When anything was last heard of the host and this image. */
  readonly activeMs: number;
  /** When the host last gained a blob of the image. */
  readonly gainedMs: number | undefined;
  /** Bytes of the image; 0 for an index, as long as the host has not chosen a platform. */
  readonly blobCount: number;
  readonly heldCount: number;
  readonly heldBytes: number;
  /** How many blobs of the image the host looks for and does not hold. */
  readonly openCount: number;
}

interface Host {
  askedMs: number | undefined;
  activeMs: number;
  gainedMs: number | undefined;
  readonly blobCount: number;
  heldCount: number;
  heldBytes: number;
  openCount: number;
  /** Of each blob: held, looked for. */
  readonly flags: Uint8Array;
}

interface Image {
  readonly key: string;
  readonly blobs: readonly ImageBlob[];
  /** Where each blob stands in `blobs`. */
  readonly indexes: ReadonlyMap<Digest, number>;
  readonly hosts: Map<string, Host>;
  /** How many pairs a host of this image counts for. */
  readonly weight: number;
}

const HELD = 1;
const OPEN = 2;

export class AskedImages {
  /** In the order of asking, the latest last. */
  readonly #images = new Map<string, Image>();
  /** Images of each node, the one asked for last is the last. */
  readonly #ofNode = new Map<string, Set<Image>>();
  #weight = 0;

  /** A node resolved a manifest. @param holds what it holds now. */
  asked(
    nodeId: string,
    asked: AskedImage,
    at: { readonly nowMs: number; readonly holds: (digest: Digest) => boolean },
  ): void {
    const image = this.#image(asked);
    const known = image.hosts.get(nodeId);
    const host = known ?? this.#addHost(nodeId, image, at);
    host.askedMs ??= at.nowMs;
    host.activeMs = at.nowMs;
    this.#noteUse(nodeId, image);
  }

  /** A node holds something of an image, and may have asked before this process began. */
  holder(
    nodeId: string,
    asked: AskedImage,
    at: { readonly nowMs: number; readonly holds: (digest: Digest) => boolean },
  ): void {
    const image = this.#image(asked);
    if (image.hosts.has(nodeId)) return;
    this.#addHost(nodeId, image, at);
    this.#noteUse(nodeId, image);
  }

  /** A node looks for a blob. */
  located(nodeId: string, digest: Digest, nowMs: number): void {
    this.#change(nodeId, digest, (host, index) => {
      host.activeMs = nowMs;
      const flags = host.flags[index] ?? 0;
      if (flags !== 0) return;
      host.flags[index] = OPEN;
      host.openCount += 1;
    });
  }

  /** A node holds a blob, now or still. */
  held(nodeId: string, digest: Digest, nowMs: number): void {
    this.#change(nodeId, digest, (host, index, blob) => {
      const flags = host.flags[index] ?? 0;
      if ((flags & HELD) !== 0) return;
      if ((flags & OPEN) !== 0) host.openCount -= 1;
      host.flags[index] = HELD;
      host.heldCount += 1;
      host.heldBytes += blob.sizeBytes;
      host.gainedMs = nowMs;
      host.activeMs = nowMs;
    });
  }

  /** A node holds a blob no longer. */
  lost(nodeId: string, digest: Digest): void {
    this.#change(nodeId, digest, (host, index, blob) => {
      if (((host.flags[index] ?? 0) & HELD) === 0) return;
      host.flags[index] = 0;
      host.heldCount -= 1;
      host.heldBytes -= blob.sizeBytes;
    });
  }

  /** A node left the fleet. */
  forgetNode(nodeId: string): void {
    for (const image of this.#ofNode.get(nodeId) ?? []) this.#dropHost(nodeId, image);
    this.#ofNode.delete(nodeId);
  }

  /** Every host that is known for an image. */
  hosts(image: Pick<AskedImage, 'repository' | 'digest'>): ReadonlyMap<string, HostProgress> {
    return this.#images.get(keyOf(image))?.hosts ?? new Map<string, HostProgress>();
  }

  #image(asked: AskedImage): Image {
    const key = keyOf(asked);
    const known = this.#images.get(key);
    if (known !== undefined) {
      this.#images.delete(key);
      this.#images.set(key, known);
      return known;
    }
    const indexes = new Map(asked.blobs.map(({ digest }, index) => [digest, index]));
    const weight = 1 + Math.floor(asked.blobs.length / BLOBS_PER_UNIT);
    const image: Image = { key, blobs: asked.blobs, indexes, hosts: new Map(), weight };
    this.#images.set(key, image);
    return image;
  }

  #addHost(
    nodeId: string,
    image: Image,
    { nowMs, holds }: { readonly nowMs: number; readonly holds: (digest: Digest) => boolean },
  ): Host {
    const flags = new Uint8Array(image.blobs.length);
    let heldCount = 0;
    let heldBytes = 0;
    for (const [index, { digest, sizeBytes }] of image.blobs.entries()) {
      if (!holds(digest)) continue;
      flags[index] = HELD;
      heldCount += 1;
      heldBytes += sizeBytes;
    }
    const host: Host = {
      askedMs: undefined,
      activeMs: nowMs,
      gainedMs: undefined,
      blobCount: image.blobs.length,
      heldCount,
      heldBytes,
      openCount: 0,
      flags,
    };
    image.hosts.set(nodeId, host);
    this.#weight += image.weight;
    for (const oldest of this.#images.values()) {
      if (this.#weight <= MAX_HOSTS || oldest === image) break;
      this.#dropImage(oldest);
    }
    return host;
  }

  /** Keeps the images of a node in the order of its asking, and forgets the oldest. */
  #noteUse(nodeId: string, image: Image): void {
    const images = this.#ofNode.get(nodeId) ?? new Set();
    this.#ofNode.set(nodeId, images);
    images.delete(image);
    images.add(image);
    const [oldest] = images;
    if (images.size <= MAX_IMAGES_PER_NODE || oldest === undefined) return;
    images.delete(oldest);
    this.#dropHost(nodeId, oldest);
  }

  #change(nodeId: string, digest: Digest, act: (host: Host, index: number, blob: ImageBlob) => void): void {
    for (const image of this.#ofNode.get(nodeId) ?? []) {
      const index = image.indexes.get(digest);
      const host = index === undefined ? undefined : image.hosts.get(nodeId);
      const blob = index === undefined ? undefined : image.blobs[index];
      if (index !== undefined && host !== undefined && blob !== undefined) act(host, index, blob);
    }
  }

  #dropHost(nodeId: string, image: Image): void {
    if (image.hosts.delete(nodeId)) this.#weight -= image.weight;
    if (image.hosts.size === 0) this.#images.delete(image.key);
  }

  #dropImage(image: Image): void {
    for (const nodeId of image.hosts.keys()) {
      const images = this.#ofNode.get(nodeId);
      images?.delete(image);
      if (images?.size === 0) this.#ofNode.delete(nodeId);
    }
    this.#weight -= image.hosts.size * image.weight;
    image.hosts.clear();
    this.#images.delete(image.key);
  }
}

function keyOf(image: Pick<AskedImage, 'repository' | 'digest'>): string {
  return `${image.repository}@${image.digest}`;
}

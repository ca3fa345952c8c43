// How far a tag is on its way over the fleet: what it stands for, and which hosts asked for that or have some of it.

import type { Digest } from '../../shared/oci/digest.ts';
import { parseManifest, type ParsedManifest } from '../../shared/oci/manifest.ts';
import { MAX_HOSTS_TOLD, type RolloutQuery, type RolloutStatus } from '../../shared/protocol/rollout.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { FleetDatabase } from '../database/fleet-database.ts';
import type { Directory } from '../directory/directory.ts';
import type { SessionTable } from '../sessions/session-table.ts';
import type { AskedImage, AskedImages, HostProgress } from './asked-images.ts';
import { summarizeRollout, type RolloutHost } from './rollout-summary.ts';

/** Platforms of an index that are looked at; further ones are left out. The largest official images have a dozen. */
const MAX_PLATFORMS = 64;
/** How many hosts that hold the image and never asked, as after a restart, one look takes up: it must not hold up the sessions. */
const MAX_TAKEN_UP = 1000;
/** How long a status is given to everybody who asks for it: to a person a second ago is now. */
const STATUS_KEPT_MS = 1000;
/** Statuses that are kept for that; the oldest is dropped. */
const MAX_STATUSES_KEPT = 16;
/** How many of the slowest hosts are listed when the request does not say. */
const HOSTS_TOLD = 20;

/** An image of the tag. */
interface Platform extends AskedImage {
  readonly platform?: string | undefined;
  /** The config blob: whoever holds it has pulled this very image. Undefined when other content has the same config. */
  readonly config: Digest | undefined;
  readonly sizeBytes: number;
}

interface Resolved {
  readonly digest: Digest;
  readonly platforms: readonly Platform[];
}

export interface RolloutReaderDeps {
  readonly clock: Clock;
  readonly database: FleetDatabase;
  readonly directory: Pick<Directory, 'holders' | 'holds'>;
  readonly images: AskedImages;
  readonly sessions: Pick<SessionTable, 'get' | 'report'>;
}

export class RolloutReader {
  readonly #deps: RolloutReaderDeps;
  readonly #startedAtMs: number;
  readonly #kept = new Map<string, { readonly atMs: number; readonly status: RolloutStatus }>();

  constructor(deps: RolloutReaderDeps) {
    this.#deps = deps;
    this.#startedAtMs = deps.clock.wallMs();
  }

  /** @throws {AppError} `repository_unknown`, `manifest_unknown`; `message_invalid` without tag and digest. */
  read(query: RolloutQuery): RolloutStatus {
    const nowMs = this.#deps.clock.nowMs();
    const key = JSON.stringify(query);
    const kept = this.#kept.get(key);
    if (kept !== undefined && nowMs - kept.atMs < STATUS_KEPT_MS) return kept.status;
    const status = this.#look(query, nowMs);
    this.#kept.delete(key);
    this.#kept.set(key, { atMs: nowMs, status });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_STATUSES_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return status;
  }

  #look(query: RolloutQuery, nowMs: number): RolloutStatus {
    const { repository, tag } = query;
    const { digest, platforms } = this.#resolve(query);
    for (const platform of platforms) this.#takeUpHolders(platform, nowMs);
    const hosts = this.#hosts({ repository, digest, platforms });
    const slowest = Math.min(MAX_HOSTS_TOLD, Number(query.slowest ?? HOSTS_TOLD));
    return {
      nowMs: Math.round(this.#deps.clock.wallMs()),
      sinceMs: Math.round(this.#startedAtMs),
      repository,
      ...(tag === undefined ? {} : { tag }),
      digest,
      images: this.#imagesOf(platforms),
      ...summarizeRollout(hosts, { nowMs, slowest }),
    };
  }

  /** Platforms that nobody takes are left out while somebody takes another. */
  #imagesOf(platforms: readonly Platform[]): RolloutStatus['images'] {
    const images = platforms.map((image) => ({
      digest: image.digest,
      ...(image.platform === undefined ? {} : { platform: image.platform }),
      blobCount: image.blobs.length,
      sizeBytes: image.sizeBytes,
      hosts: this.#deps.images.hosts(image).size,
    }));
    const taken = images.filter(({ hosts }) => hosts > 0);
    return taken.length > 0 ? taken : images;
  }

  #resolve({ repository, tag, digest }: RolloutQuery): Resolved {
    const { database } = this.#deps;
    return database.read('rollout', () => {
      const repositoryId = database.repositories.find(repository);
      if (repositoryId === undefined) throw new AppError('repository_unknown', `there is no repository ${repository}`);
      const manifest =
        digest === undefined
          ? database.manifests.byTag(repositoryId, requireTag(tag))
          : database.manifests.byDigest(repositoryId, digest);
      if (manifest === undefined) {
        throw new AppError('manifest_unknown', `there is no ${digest ?? `tag ${tag}`} in repository ${repository}`);
      }
      const parsed = parseManifest(manifest.bytes, manifest.mediaType);
      const imageOf = (image: {
        readonly digest: Digest;
        readonly content: ParsedManifest;
        readonly platform?: string;
      }) => {
        const blobs = database.repositoryBlobs.ofManifest(repositoryId, image.digest);
        return { repository, digest: image.digest, platform: image.platform, blobs, ...sizesOf(image.content, blobs) };
      };
      if (parsed.kind === 'image') {
        return { digest: manifest.digest, platforms: [imageOf({ digest: manifest.digest, content: parsed })] };
      }
      const platforms: Platform[] = [];
      for (const child of parsed.children.slice(0, MAX_PLATFORMS)) {
        const stored = database.manifests.byDigest(repositoryId, child.digest as Digest);
        const content = stored === undefined ? undefined : parseManifest(stored.bytes, stored.mediaType);
        if (stored === undefined || content?.kind !== 'image') continue;
        const { platform } = child;
        platforms.push(imageOf({ digest: stored.digest, content, ...(platform === undefined ? {} : { platform }) }));
      }
      return { digest: manifest.digest, platforms };
    });
  }

  /** Hosts that pulled the image before this process heard of it. */
  #takeUpHolders(image: Platform, nowMs: number): void {
    const { directory, images } = this.#deps;
    if (image.config === undefined) return;
    const known = images.hosts(image);
    let takenUp = 0;
    for (const { nodeId } of directory.holders(image.config)) {
      if (known.has(nodeId)) continue;
      images.holder(nodeId, image, { nowMs, holds: (digest) => directory.holds(nodeId, digest) });
      takenUp += 1;
      if (takenUp === MAX_TAKEN_UP) return;
    }
  }

  /** Each host once: with the image that it asked for last, or with none while it only has the index. */
  #hosts(resolved: Resolved & { readonly repository: string }): Iterable<RolloutHost> {
    const { images } = this.#deps;
    const { repository, digest, platforms } = resolved;
    const chosen = new Map<string, { readonly image: Platform; readonly progress: HostProgress }>();
    for (const image of platforms) {
      for (const [nodeId, progress] of images.hosts(image)) {
        const other = chosen.get(nodeId)?.progress;
        if (other === undefined || other.activeMs < progress.activeMs) chosen.set(nodeId, { image, progress });
      }
    }
    const hosts: RolloutHost[] = [];
    for (const [nodeId, { image, progress }] of chosen) hosts.push(this.#host(nodeId, image, progress));
    for (const [nodeId, progress] of images.hosts({ repository, digest })) {
      if (!chosen.has(nodeId)) hosts.push(this.#host(nodeId, undefined, progress));
    }
    return hosts;
  }

  #host(nodeId: string, image: Platform | undefined, progress: HostProgress): RolloutHost {
    const { sessions } = this.#deps;
    const isConnected = sessions.get(nodeId) !== undefined;
    const isDone = progress.heldCount === progress.blobCount;
    return {
      nodeId,
      isConnected,
      progress,
      sizeBytes: image?.sizeBytes ?? 0,
      running: image === undefined || isDone || !isConnected ? undefined : this.#running(nodeId, image),
    };
  }

  #running(nodeId: string, image: Platform): RolloutHost['running'] {
    let running: { doneBytes: number; peers: number } | undefined;
    for (const { digest, doneBytes, peers } of this.#deps.sessions.report(nodeId)?.downloads ?? []) {
      if (!image.blobs.some((blob) => blob.digest === digest) || this.#deps.directory.holds(nodeId, digest)) continue;
      running = { doneBytes: (running?.doneBytes ?? 0) + doneBytes, peers: Math.max(running?.peers ?? 0, peers) };
    }
    return running;
  }
}

function requireTag(tag: string | undefined): string {
  if (tag !== undefined) return tag;
  throw new AppError('message_invalid', 'a tag or a digest is missing');
}

/** The config of an artifact is often the empty object, which says nothing of what was pulled. */
function sizesOf(
  content: ParsedManifest,
  blobs: AskedImage['blobs'],
): { readonly sizeBytes: number; readonly config: Digest | undefined } {
  let sizeBytes = 0;
  for (const blob of blobs) sizeBytes += blob.sizeBytes;
  const { config } = content;
  const isTelling = config !== undefined && config.sizeBytes > 2;
  return { sizeBytes, config: isTelling ? blobs.find(({ digest }) => digest === config.digest)?.digest : undefined };
}

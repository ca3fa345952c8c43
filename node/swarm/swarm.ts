// The swarm of one node: gives blobs to peers, gets blobs from them. Wires its parts together and routes what happens.

import type { Digest } from '../../shared/oci/digest.ts';
import type { CoordinatorEvent, CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { PeerFrame } from '../../shared/protocol/peer-frames.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import type { ArrivingLeaves } from '../content/arriving-leaves.ts';
import type { BlobReader } from '../content/blob-reader.ts';
import type { BlobStore, PartialStore } from '../content/blob-store.ts';
import type { PeerMemory } from '../content/peer-memory.ts';
import type { SwarmSource, WantedBlob } from '../content/swarm-source.ts';
import type { PullRecord, PullSubject } from '../pulls/pull-record.ts';
import { ArrivingFrames } from './arriving-frames.ts';
import { BlobChannels } from './blob-channels.ts';
import { BlobLocator } from './blob-locator.ts';
import type { DownloadDeps } from './download-deps.ts';
import { Download } from './download.ts';
import { DownloadSlots, type DownloadPriority, type DownloadSlotsOptions } from './download-slots.ts';
import { HolderSearch } from './holder-search.ts';
import { KnownPeers } from './known-peers.ts';
import type { PeerConnection } from './peer-connection.ts';
import { PeerReports } from './peer-reports.ts';
import { Peers, type PeersOptions, type PeersUser } from './peers.ts';
import { PieceTables } from './piece-tables.ts';
import { SharedBlobs } from './shared-blobs.ts';
import { SmallBlobs } from './small-blobs.ts';
import { BackgroundShare } from './caps/background-share.ts';
import type { TransferRates } from './caps/transfer-line.ts';
import { TransferLimiter } from './transfer-limiter.ts';
import { swarmMetrics, type SwarmMetrics } from './swarm-metrics.ts';
import type { Transport } from './transport.ts';

export interface SwarmDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly link: CoordinatorLink;
  readonly store: Pick<BlobStore, 'open' | 'table'>;
  readonly partials: PartialStore;
  /** Peers known before the last stop. */
  readonly memory: PeerMemory;
  readonly transport: Transport;
  /** Keeps the reports of downloads. */
  readonly pulls: { begin(subject: PullSubject): PullRecord };
  /** A download was adopted under its final name. Must not throw. */
  readonly onAdopted: (digest: Digest, sizeBytes: number) => void;
}

/** A download without progress fails after so long: a holder that restarts is back by then. */
const NO_PROGRESS_MS = 60_000;
/** A download that every client left goes on for so long, since docker tries again; then it stops and keeps its pieces. */
const LINGER_MS = 60_000;
/** What this host's link carries when nobody says: 1 Gbit/s. */
const LINK_BYTES_PER_SECOND = 125e6;

export interface SwarmOptions extends PeersOptions, DownloadSlotsOptions, SwarmTuning {
  /** Default `NO_PROGRESS_MS`. */
  readonly noProgressMs?: number;
  /** Default `LINGER_MS`. */
  readonly lingerMs?: number;
  /** `host:port` where peers should dial us. Default: where we listen. */
  readonly advertise?: string;
  /** Only the depth of pipelines follows from it. Default `LINK_BYTES_PER_SECOND`. */
  readonly linkBytesPerSecond?: number;
}

/** What may be changed while it runs. */
export interface SwarmTuning {
  /** Whether the rest of a blob is fetched as well when parts of it are read. Default true. */
  readonly backgroundFill?: boolean | undefined;
  /** Bytes of pieces per second to all peers, and from all peers; no cap when absent. */
  readonly uploadRate?: number | undefined;
  readonly downloadRate?: number | undefined;
  /** Of these, to and from nodes of other zones, each way. */
  readonly otherZonesRate?: number | undefined;
}

export class Swarm implements SwarmSource, AsyncDisposable {
  readonly #deps: SwarmDeps;
  readonly #options: SwarmOptions;
  readonly #log: Logger;
  readonly #blobs: SharedBlobs;
  readonly #peers: Peers;
  readonly #channels: BlobChannels;
  readonly #small: SmallBlobs;
  readonly #tables: PieceTables;
  readonly #arriving: ArrivingFrames;
  readonly #known: KnownPeers;
  readonly #downloadDeps: DownloadDeps;
  readonly #downloads = new Map<Digest, Download>();
  readonly #limits: { readonly up: TransferLimiter; readonly down: TransferLimiter };
  #isFilling: boolean;
  readonly #resources = new ResourceStack();
  #address = '';
  #isStopping = false;

  private constructor(deps: SwarmDeps, known: KnownPeers, options: SwarmOptions) {
    this.#deps = deps;
    this.#known = known;
    this.#options = options;
    this.#isFilling = options.backgroundFill ?? true;
    const { up, down } = ratesOf(options);
    this.#limits = { up: new TransferLimiter(deps, up), down: new TransferLimiter(deps, down) };
    this.#log = deps.log.child({ part: 'swarm' });
    this.#blobs = new SharedBlobs(deps);
    const metrics = swarmMetrics(deps.metrics, {
      downloads: () => this.#downloads.size,
      peers: () => this.#peers.connectedCount,
      hyperswarmPeers: () => this.#peers.linkCounts().hyperswarm,
      queuedUploads: () => this.#channels.queuedUploads,
      capped: () => this.#limits.up.waitingCount + this.#limits.down.waitingCount,
    });
    const sent = (connection: PeerConnection, bytes: number): void => metrics.sent(connection, bytes);
    const address = (): string => options.advertise ?? this.#address;
    this.#peers = new Peers({ ...deps, log: this.#log, user: this.#peersUser(), address }, options);
    this.#small = new SmallBlobs({ blobs: this.#blobs, clock: deps.clock, sent, uploads: this.#limits.up });
    this.#tables = new PieceTables({ ...deps, blobs: this.#blobs, log: this.#log });
    this.#channels = new BlobChannels({
      blobs: this.#blobs,
      clock: deps.clock,
      log: this.#log,
      exchangeOf: (digest, peerId) =>
        this.#peers.isRefused(peerId, digest) ? undefined : this.#downloads.get(digest)?.exchange,
      refused: (channel) => this.#downloads.get(channel.digest)?.channelRefused(channel),
      becameIdle: (connection) => this.#peers.becameIdle(connection),
      sent,
      uploads: this.#limits.up,
    });
    this.#downloadDeps = this.#makeDownloadDeps(metrics);
    this.#arriving = new ArrivingFrames({ ...this.#downloadDeps, limits: this.#limits });
  }

  /** Listens for peers and for the coordinator's events. Dispose it to stop. */
  static async start(deps: SwarmDeps, options: SwarmOptions): Promise<Swarm> {
    const known = await KnownPeers.open({ ...deps, log: deps.log.child({ part: 'swarm' }) });
    const swarm = new Swarm(deps, known, options);
    swarm.#resources.use(known);
    const listener = await deps.transport.listen((opened) => swarm.#peers.accept(opened));
    swarm.#address = listener.address;
    swarm.#resources.use(swarm.#peers);
    swarm.#resources.use(listener);
    swarm.#resources.defer(
      deps.link.listen({
        onEvent: (event) => swarm.#onEvent(event),
        onConnected: () => {
          for (const download of swarm.#downloads.values()) download.sessionChanged();
        },
      }),
    );
    return swarm;
  }

  /** Peers that this node knows; hyperswarm finds more. */
  get known(): KnownPeers {
    return this.#known;
  }

  /** Blobs that come from outside the fleet, as far as they came. */
  get arriving(): ArrivingLeaves {
    return this.#arriving;
  }

  /** Open connections to peers by what carries them. */
  linkCounts(): ReturnType<Peers['linkCounts']> {
    return this.#peers.linkCounts();
  }

  /** `host:port` that the peer protocol listens on. */
  get address(): string {
    return this.#address;
  }

  async open(blob: WantedBlob, signal: AbortSignal): Promise<BlobReader> {
    signal.throwIfAborted();
    const running = this.#running(blob.digest);
    if (running !== undefined) return running.join(blob.ranges);
    const here = await this.#deps.store.open(blob.digest);
    if (here !== undefined) return here;
    return this.#download(blob, 'client').join(blob.ranges);
  }

  async replicate(blob: WantedBlob, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    // The host that fetched it has it whole a moment before those that read it along.
    await this.#arriving.settled(blob.digest, signal);
    const here = this.#running(blob.digest) === undefined ? await this.#deps.store.open(blob.digest) : undefined;
    if (here !== undefined) {
      await here[Symbol.asyncDispose]();
      return;
    }
    await this.#download(blob, 'background').replicate(signal);
  }

  downloads(): ReadonlyArray<ReturnType<Download['status']>> {
    const running = [...this.#downloads.values()].filter((download) => !download.isIdle);
    return running.map((download) => download.status());
  }

  /** Takes new settings for what runs and what comes. */
  tune(tuning: SwarmTuning): void {
    const { up, down } = ratesOf(tuning);
    this.#limits.up.setRates(up);
    this.#limits.down.setRates(down);
    this.#isFilling = tuning.backgroundFill ?? true;
  }

  /** Cuts nodes off that are not of the fleet any more. Removals that the coordinator tells meanwhile are taken up by itself. */
  removeNodes(nodeIds: readonly string[]): void {
    this.#peers.remove(nodeIds);
    this.#deps.transport.refuse?.(this.#known.forget(nodeIds));
  }

  /** Stops giving a blob away, before it is removed from the store. */
  withdraw(digest: Digest): void {
    this.#channels.withdraw(digest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopping = true;
    const reason = new AppError('shutting_down', 'the node is stopping');
    await Promise.all([...this.#downloads.values()].map((download) => download.stop(reason)));
    this.#limits.up.stop();
    this.#limits.down.stop();
    await this.#resources[Symbol.asyncDispose]();
  }

  #makeDownloadDeps(metrics: SwarmMetrics): DownloadDeps {
    const parts = {
      ...this.#deps,
      log: this.#log,
      metrics,
      known: this.#known,
      blobs: this.#blobs,
      peers: this.#peers,
      channels: this.#channels,
      small: this.#small,
      tables: this.#tables,
    };
    const search = new HolderSearch(parts);
    const locator = new BlobLocator({ ...parts, search });
    const reports = this.#resources.use(new PeerReports(parts));
    const { down: downloads } = this.#limits;
    const share = new BackgroundShare();
    return { ...parts, locator, reports, downloads, share, slots: new DownloadSlots(this.#options) };
  }

  #running(digest: Digest): Download | undefined {
    const download = this.#downloads.get(digest);
    return download?.isOver === true ? undefined : download;
  }

  /** The one download of a digest. */
  #download(blob: WantedBlob, priority: DownloadPriority): Download {
    const running = this.#running(blob.digest);
    if (running !== undefined) return running;
    if (this.#isStopping) throw new AppError('shutting_down', 'the node is stopping');
    const { noProgressMs = NO_PROGRESS_MS, lingerMs = LINGER_MS } = this.#options;
    const { linkBytesPerSecond = LINK_BYTES_PER_SECOND } = this.#options;
    const after = this.#downloads.get(blob.digest)?.done ?? Promise.resolve();
    const backgroundFill = (): boolean => this.#isFilling;
    const options = { noProgressMs, lingerMs, linkBytesPerSecond, backgroundFill };
    const { digest, sizeBytes } = blob;
    const record = this.#deps.pulls.begin({ ...blob, cause: priority === 'client' ? 'client' : 'order' });
    const download = new Download(this.#downloadDeps, { digest, sizeBytes, priority, record, after }, options);
    this.#downloads.set(blob.digest, download);
    const forget = (): void => {
      if (this.#downloads.get(blob.digest) === download) this.#downloads.delete(blob.digest);
    };
    download.done.then(forget, forget);
    return download;
  }

  #onEvent(event: CoordinatorEvent): void {
    if (event.type === 'roster.removed') this.removeNodes(event.nodeIds);
    if (event.type !== 'swarm.neighbours') return;
    this.#known.note(event.added);
    this.#downloads.get(event.digest)?.neighboursChanged(event);
  }

  #peersUser(): PeersUser {
    return {
      opened: (connection) => {
        const { peerId, peerAddress, peerZone, transport } = connection;
        this.#log.debug({ peer: peerId, transport }, 'peer connected');
        if (peerAddress !== undefined)
          this.#known.noteConnected({ nodeId: peerId, address: peerAddress, zone: peerZone });
      },
      frame: (connection, frame) => this.#onFrame(connection, frame),
      data: (connection, place, bytes) => this.#channels.data(connection, place, bytes),
      isBusy: (connection) =>
        [this.#channels, this.#small, this.#tables, this.#arriving].some((each) => each.isBusy(connection)),
      closed: (connection) => {
        this.#log.debug({ peer: connection.peerId, reason: connection.closeReason }, 'peer disconnected');
        this.#small.closed(connection);
        this.#tables.closed(connection);
        this.#arriving.closed(connection);
        this.#channels.closed(connection);
        for (const download of this.#downloads.values()) download.connectionLost(connection.peerId);
      },
    };
  }

  #onFrame(connection: PeerConnection, frame: PeerFrame): void {
    switch (frame.type) {
      case 'small-request':
      case 'small-data':
      case 'small-reject':
        return this.#small.frame(connection, frame);
      case 'table-request':
      case 'table-part':
      case 'table-reject':
        return this.#tables.frame(connection, frame);
      case 'arriving-request':
      case 'arriving-data':
      case 'arriving-reject':
        return this.#arriving.frame(connection, frame);
      case 'hello':
      case 'hello-ack':
      case 'credit':
      case 'ping':
      case 'pong':
      case 'goodbye':
        // Taken by the connection itself.
        return undefined;
      default:
        return this.#channels.frame(connection, frame);
    }
  }
}

function ratesOf(tuning: SwarmTuning): { readonly up: TransferRates; readonly down: TransferRates } {
  const { uploadRate = Infinity, downloadRate = Infinity, otherZonesRate: farBytesPerSecond = Infinity } = tuning;
  return {
    up: { allBytesPerSecond: uploadRate, farBytesPerSecond },
    down: { allBytesPerSecond: downloadRate, farBytesPerSecond },
  };
}

// Several swarms in one process, over real TLS on loopback, with a coordinator that knows who has what and makes everybody
// everybody's neighbour.

import type { Digest } from '../../shared/oci/digest.ts';
import type { PieceTable } from '../../shared/pieces/piece-table.ts';
import type { Peer } from '../../shared/protocol/peer-shape.ts';
import { systemClock } from '../../shared/runtime/clock.ts';
import { silentLogger, type Logger } from '../../shared/runtime/log.ts';
import { Metrics } from '../../shared/runtime/metrics.ts';
import type { BlobStore, PartialStore } from '../../node/content/blob-store.ts';
import type { PeerMemory } from '../../node/content/peer-memory.ts';
import { PeerTransports } from '../../node/swarm/peer-transports.ts';
import { Swarm, type SwarmOptions } from '../../node/swarm/swarm.ts';
import { PullBook } from '../../node/pulls/pull-book.ts';
import { ResolvedImages } from '../../node/pulls/resolved-images.ts';
import { TlsTransport } from '../../node/swarm/tls-transport.ts';
import type { Transport } from '../../node/swarm/transport.ts';
import { FakeLink } from './fake-link.ts';
import { makeTestFleet, type TestFleet } from './fleet-identity.ts';
import type { PrivateDht, TestTransport } from './private-dht.ts';
import { MemoryBlobStore } from './memory-blob-store.ts';

export interface SwarmNode extends AsyncDisposable {
  readonly nodeId: string;
  readonly swarm: Swarm;
  /** Where it says that it may be dialled. */
  readonly advertised: string;
  /** Its hyperswarm transport, where the test gave it one. */
  readonly udp: TestTransport | undefined;
  readonly link: FakeLink;
  readonly store: MemoryBlobStore;
  readonly metrics: Metrics;
  readonly pulls: PullBook;
  /** Reports about peers that this node made. */
  readonly reports: ReadonlyArray<{ readonly nodeId: string; readonly reason: string }>;
}

export interface SwarmNodeOptions extends Partial<Omit<SwarmOptions, 'nodeId' | 'fleetId'>> {
  readonly store?: MemoryBlobStore;
  /** Stands in for the memory store where a test wants the real one. */
  readonly realStore?: BlobStore & PartialStore;
  readonly log?: Logger;
  /** Starts without a session; `link.connect` gives it one. */
  readonly isAway?: boolean;
  readonly wrap?: (transport: Transport) => Transport;
  /** Gives it hyperswarm beside TLS. */
  readonly dht?: PrivateDht;
}

/** Where nobody listens, so that nobody is reached over TLS. */
export const NOWHERE = '127.0.0.1:1';

/** The fake coordinator and the authority of some nodes. */
export class SwarmFleet implements AsyncDisposable {
  readonly identity: TestFleet;
  readonly #tables = new Map<Digest, PieceTable>();
  /** Who is named to others for a blob: holders and those who download it. */
  readonly #members = new Map<Digest, Map<string, Peer>>();
  readonly #nodes = new Map<string, SwarmNode>();
  readonly #opened: AsyncDisposable[] = [];
  /** What nodes know of each other; outlives a restart. */
  readonly #memories = new Map<string, MemoryOfPeers>();

  private constructor(identity: TestFleet) {
    this.identity = identity;
  }

  /** @param identity of a fleet that there is already; it then belongs to the caller too. */
  static async open(identity?: TestFleet): Promise<SwarmFleet> {
    return new SwarmFleet(identity ?? (await makeTestFleet()));
  }

  /** Tells the coordinator of a blob. */
  know(digest: Digest, table: PieceTable): void {
    this.#tables.set(digest, table);
  }

  /** Names a node as holder of a blob, rightly or not, and tells those who want it. */
  hold(digest: Digest, holder: Peer): void {
    this.#join(digest, holder);
  }

  forget(digest: Digest, nodeId: string): void {
    this.#members.get(digest)?.delete(nodeId);
  }

  peerOf(node: SwarmNode, isOrigin = false): Peer {
    const { nodeId, advertised: address, udp } = node;
    return { nodeId, address, isOrigin, ...(udp === undefined ? {} : { noiseKey: udp.noiseKey }) };
  }

  /** A node that is started later knows these from before. */
  introduce(nodeId: string, peers: readonly Peer[]): Promise<void> {
    return this.#memoryOf(nodeId).save(peers);
  }

  /** The peers that a node keeps for its next start. */
  knownTo(nodeId: string): Promise<readonly Peer[]> {
    return this.#memoryOf(nodeId).load();
  }

  /** Starts a node; `nodeId` may be that of one that was stopped. */
  async start(nodeId: string, options: SwarmNodeOptions = {}): Promise<SwarmNode> {
    const {
      store = new MemoryBlobStore(),
      realStore,
      log = silentLogger,
      wrap,
      dht,
      isAway = false,
      ...rest
    } = options;
    const reports: Array<{ nodeId: string; reason: string }> = [];
    const link: FakeLink = new FakeLink({
      'blob.locate': ({ digest }) => this.#locate(digest, nodeId),
      'blob.leave': () => ({}),
      'peer.report': (report) => {
        reports.push({ nodeId: report.nodeId, reason: report.reason });
        return {};
      },
    });
    link.isConnected = !isAway;
    const material = this.identity.nodeTls(nodeId);
    const { fleetId } = this.identity;
    const tls = new TlsTransport({ tls: () => material, log }, { listen: '127.0.0.1:0', fleetId });
    const metrics = new Metrics();
    const pulls = await PullBook.open({
      clock: systemClock,
      memory: { load: async () => [], append: () => undefined },
      images: new ResolvedImages(),
    });
    const transports = new PeerTransports({ tls, clock: systemClock, metrics });
    const swarm = await Swarm.start(
      {
        clock: systemClock,
        log,
        metrics,
        random: Math.random,
        link,
        store: realStore ?? store,
        partials: realStore ?? store,
        memory: this.#memoryOf(nodeId),
        transport: wrap === undefined ? transports : wrap(transports),
        pulls,
        onAdopted: () => undefined,
      },
      { nodeId, fleetId, backoffMs: 100, ...rest },
    );
    const advertised = options.advertise ?? swarm.address;
    const udp = await dht?.start(nodeId, {
      tls: material,
      address: advertised,
      isKnownKey: (key) => swarm.known.hasKey(key),
      onProven: (peer) => swarm.known.noteProven(peer),
    });
    if (udp !== undefined) transports.attach(udp.transport);
    const node: SwarmNode = {
      nodeId,
      swarm,
      advertised,
      udp,
      link,
      store,
      metrics,
      pulls,
      reports,
      [Symbol.asyncDispose]: async () => {
        this.#nodes.delete(nodeId);
        await swarm[Symbol.asyncDispose]();
        await udp?.[Symbol.asyncDispose]();
      },
    };
    this.#nodes.set(nodeId, node);
    this.#opened.push(node);
    return node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((each) => each[Symbol.asyncDispose]()));
    await this.identity[Symbol.asyncDispose]();
  }

  #memoryOf(nodeId: string): MemoryOfPeers {
    const memory = this.#memories.get(nodeId) ?? new MemoryOfPeers();
    this.#memories.set(nodeId, memory);
    return memory;
  }

  #locate(digest: Digest, nodeId: string): { table?: PieceTable; neighbours: Peer[] } {
    const table = this.#tables.get(digest);
    const node = this.#nodes.get(nodeId);
    const neighbours = [...(this.#members.get(digest)?.values() ?? [])].filter((peer) => peer.nodeId !== nodeId);
    if (table === undefined) return { neighbours: [] };
    if (node !== undefined && this.#members.get(digest)?.has(nodeId) !== true) this.#join(digest, this.peerOf(node));
    return { table, neighbours };
  }

  #join(digest: Digest, peer: Peer): void {
    const members = this.#members.get(digest) ?? new Map<string, Peer>();
    this.#members.set(digest, members);
    members.set(peer.nodeId, peer);
    for (const other of members.keys()) {
      if (other === peer.nodeId) continue;
      this.#nodes.get(other)?.link.emit({ type: 'swarm.neighbours', digest, added: [peer], removed: [] });
    }
  }
}

class MemoryOfPeers implements PeerMemory {
  #peers: readonly Peer[] = [];

  async load(): Promise<readonly Peer[]> {
    return this.#peers;
  }

  async save(peers: readonly Peer[]): Promise<void> {
    this.#peers = peers;
  }
}

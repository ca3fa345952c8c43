// A fleet that pulls one blob, on a virtual clock: the scheduler, the upload queues and the hand-out of the product, on made-up
// links, between neighbours that its directory names. Deterministic by seed. The first hosts have the blob.

import { pieceBytesFor, pieceCount, pieceLength } from '../../shared/pieces/piece-table.ts';
import { PieceScheduler } from '../../node/swarm/scheduler/piece-scheduler.ts';
import { PieceSet } from '../../node/swarm/scheduler/piece-set.ts';
import { pipelineDepth } from '../../node/swarm/scheduler/pipeline-depth.ts';
import { UploadQueue, type QueuedUpload } from '../../node/swarm/scheduler/upload-queue.ts';
import { FlowNetwork } from './core/flow-network.ts';
import { seededRandom, shuffled } from './core/seeded-random.ts';
import { VirtualTimers } from './core/virtual-timers.ts';
import { FleetLinks, type Pair } from './fleet-links.ts';
import { SimulatedSeeder } from './simulated-seeder.ts';
import { copyOf, type Host } from './world-host.ts';
import type { WorldOptions, WorldResult } from './world-options.ts';

const TICK_MS = 100;
const MAX_EVENTS = 400_000_000;

export class SwarmWorld {
  readonly #options: Required<Omit<WorldOptions, 'deaths'>> & Pick<WorldOptions, 'deaths'>;
  readonly #random: () => number;
  readonly #hosts: Host[];
  readonly #network: FlowNetwork;
  readonly #pieceCount: number;
  readonly #fleet: FleetLinks;
  #seederSent = 0;
  #arrivedCount = 0;
  #wastedCount = 0;
  #unfinished = 0;
  #eventCount = 0;
  #nowMs = 0;
  /** What each flow carries. */
  readonly #cargo: Array<{ readonly source: number; readonly link: number; readonly upload: QueuedUpload }> = [];
  readonly #timers = new VirtualTimers();

  constructor(options: WorldOptions) {
    const pieceBytes = options.pieceBytes ?? pieceBytesFor(options.sizeBytes);
    this.#options = {
      latencyMs: 0.5,
      verifyMsPerMib: 0.6,
      seeders: 1,
      seederKind: 'origin',
      arrivalMs: () => 0,
      slowHosts: 0,
      liars: 0,
      isRead: false,
      originBytesPerSecond: options.bytesPerSecond,
      ...options,
      pieceBytes,
    };
    this.#random = seededRandom(options.seed);
    this.#pieceCount = pieceCount(this.#options);
    const { seeders, seederKind, seed } = this.#options;
    const hosts = seeders + options.hosts;
    this.#fleet = new FleetLinks({ hosts, seeders, isOrigin: seederKind === 'origin', seed });
    this.#network = new FlowNetwork(hosts);
    this.#hosts = Array.from({ length: hosts }, (_, host) => this.#newHost(host));
    this.#arrive();
  }

  /** Runs until every host that lives has the blob, or nothing happens any more. */
  run(): WorldResult {
    for (const death of this.#options.deaths ?? []) this.#scheduleDeath(death);
    for (const [at, host] of this.#hosts.entries()) {
      if (host.scheduler !== undefined) this.#after(this.#random() * TICK_MS, () => this.#tick(at));
    }
    let maxLoad = 0;
    for (; this.#unfinished > 0 && this.#eventCount < MAX_EVENTS; this.#eventCount += 1) {
      const endMs = this.#network.nextEndMs;
      const timerMs = this.#timers.firstMs;
      if (endMs === Infinity && timerMs === Infinity) break;
      if (endMs < timerMs) {
        this.#nowMs = endMs;
        this.#sent(this.#network.takeEnded(endMs));
      } else {
        this.#nowMs = timerMs;
        this.#timers.runFirst();
      }
      if (this.#eventCount % 4096 === 0) maxLoad = Math.max(maxLoad, this.#network.maxLoad());
      if (this.#nowMs > 3_600_000) break;
    }
    return {
      finishedMs: this.#hosts.map((host) => host.finishedMs),
      seederCopies: this.#seederSent / this.#pieceCount,
      wasteShare: this.#wastedCount / Math.max(1, this.#arrivedCount),
      maxLoad,
      eventCount: this.#eventCount,
    };
  }

  /** The fluid bound for the healthy hosts, in milliseconds. */
  get boundMs(): number {
    const { sizeBytes, hosts, bytesPerSecond, originBytesPerSecond, slowHosts, seeders } = this.#options;
    const uploads =
      seeders * originBytesPerSecond + bytesPerSecond * (hosts - slowHosts) + (bytesPerSecond / 10) * slowHosts;
    return (
      Math.max(
        sizeBytes / (seeders * originBytesPerSecond),
        sizeBytes / bytesPerSecond,
        (hosts * sizeBytes) / uploads,
      ) * 1000
    );
  }

  #newHost(host: number): Host {
    const { bytesPerSecond, originBytesPerSecond, slowHosts, hosts, liars, seeders } = this.#options;
    const isSeeder = host < seeders;
    const isSlow = !isSeeder && host < seeders + slowHosts;
    const isLiar = host >= seeders + hosts - liars;
    const rate = (isSlow ? bytesPerSecond / 10 : bytesPerSecond) / 1000;
    this.#network.setLink(host, isSeeder ? { up: originBytesPerSecond / 1000, down: rate } : { up: rate, down: rate });
    const isPuller = !isSeeder && !isLiar;
    if (isPuller) this.#unfinished += 1;
    return {
      links: [],
      queues: [],
      sending: [],
      scheduler: isPuller ? this.#newScheduler(host) : undefined,
      seeder: undefined,
      has: isSeeder ? PieceSet.full(this.#pieceCount) : new PieceSet(this.#pieceCount),
      isDead: false,
      isLiar,
      verifyFreeMs: 0,
      finishedMs: isPuller ? Infinity : 0,
    };
  }

  #newScheduler(host: number): PieceScheduler {
    const scheduler = new PieceScheduler(
      {
        request: (link, piece) => this.#tell(host, link, (peer, back) => this.#onRequest(peer, back, piece)),
        requestAny: (link) => this.#tell(host, link, (peer, back) => this.#onAny(peer, back)),
        cancel: (link, piece) => this.#tell(host, link, (peer, back) => this.#onCancel(peer, back, piece)),
        stalled: () => undefined,
      },
      { pieceCount: this.#pieceCount, depth: 2, random: this.#random },
    );
    if (this.#options.isRead) scheduler.setReaders([0]);
    return scheduler;
  }

  #arrive(): void {
    const { seeders, arrivalMs } = this.#options;
    const together: number[] = [];
    for (let host = seeders; host < this.#hosts.length; host += 1) {
      const atMs = arrivalMs(host - seeders);
      if (atMs > 0) this.#after(atMs, () => this.#linkPairs(this.#fleet.join(host)));
      else together.push(host);
    }
    this.#linkPairs(this.#fleet.joinTogether(shuffled(together, this.#random)));
  }

  #linkPairs(pairs: readonly Pair[]): void {
    for (const [left, right] of pairs) this.#link(left, right);
  }

  #link(left: number, right: number): void {
    const leftHost = this.#hosts[left];
    const rightHost = this.#hosts[right];
    if (leftHost === undefined || rightHost === undefined || left === right) return;
    if (leftHost.isDead || rightHost.isDead) return;
    if (leftHost.links.some((to) => to?.peer === right)) return;
    const atLeft = leftHost.links.length;
    const atRight = rightHost.links.length;
    leftHost.links.push({ peer: right, back: atRight });
    rightHost.links.push({ peer: left, back: atLeft });
    leftHost.queues.push(new UploadQueue());
    rightHost.queues.push(new UploadQueue());
    this.#introduce(left, atLeft);
    this.#introduce(right, atRight);
  }

  /** Tells a host what is at the other end of one of its links. */
  #introduce(at: number, link: number): void {
    const host = this.#hosts[at];
    const peer = host?.links[link]?.peer;
    const other = peer === undefined ? undefined : this.#hosts[peer];
    if (host === undefined || other === undefined || peer === undefined) return;
    const isNeeding = !other.has.isComplete && !other.isLiar;
    if (host.has.isComplete && isNeeding) this.#seederOf(at, host).joined(link, other.has);
    if (host.scheduler === undefined) return;
    host.scheduler.neighbourAdded(link, this.#nowMs);
    this.#setDepths(host);
    const pieces = other.isLiar ? PieceSet.full(this.#pieceCount) : copyOf(other.has);
    const { scheduler } = host;
    const isOffering = other.has.isComplete;
    this.#after(this.#options.latencyMs, () => {
      if (isOffering && other.seeder !== undefined) scheduler.neighbourOffers(link, other.seeder.offer, this.#nowMs);
      scheduler.neighbourPieces(link, pieces, this.#nowMs);
    });
  }

  #setDepths(host: Host): void {
    const { bytesPerSecond, latencyMs, pieceBytes } = this.#options;
    const neighbours = host.links.filter((link) => link !== undefined).length;
    const depth = pipelineDepth({ bytesPerSecond, roundTripMs: 2 * latencyMs, neighbours, pieceBytes });
    for (const link of host.links.keys()) host.scheduler?.setDepth(link, depth);
  }

  #seederOf(at: number, host: Host): SimulatedSeeder {
    host.seeder ??= new SimulatedSeeder(
      {
        give: (link, pieceIndex) => {
          const isQueued = host.queues[link]?.add({ channel: 0, pieceIndex, isByCredit: true }) === true;
          if (isQueued) this.#after(0, () => this.#sendNext(at, link));
          return isQueued;
        },
        offer: (link, offer) =>
          this.#tell(at, link, (peer, back) => this.#hosts[peer]?.scheduler?.neighbourOffers(back, offer, this.#nowMs)),
      },
      { pieceCount: this.#pieceCount, pieceBytes: this.#options.pieceBytes },
    );
    return host.seeder;
  }

  /** A message over a link, heard after the latency unless an end is dead by then. */
  #tell(from: number, link: number, hear: (peer: number, back: number) => void): void {
    const to = this.#hosts[from]?.links[link];
    if (to === undefined) return;
    this.#after(this.#options.latencyMs, () => {
      const isCut = this.#hosts[to.peer]?.isDead !== false || this.#hosts[from]?.isDead !== false;
      if (!isCut && this.#hosts[from]?.links[link] === to) hear(to.peer, to.back);
    });
  }

  #onRequest(at: number, link: number, pieceIndex: number): void {
    const host = this.#hosts[at];
    if (host === undefined) return;
    if (!host.has.has(pieceIndex)) {
      this.#tell(at, link, (peer, back) =>
        this.#hosts[peer]?.scheduler?.requestRejected(back, pieceIndex, this.#nowMs),
      );
      return;
    }
    host.queues[link]?.add({ channel: 0, pieceIndex, isByCredit: false });
    this.#sendNext(at, link);
  }

  #onAny(at: number, link: number): void {
    this.#hosts[at]?.seeder?.asked(link);
  }

  #onCancel(at: number, link: number, piece: number): void {
    const host = this.#hosts[at];
    const sending = host?.sending[link];
    if (host?.queues[link]?.cancel(0, piece) === true || sending?.upload.pieceIndex !== piece) return;
    this.#network.cancel(sending.flow, this.#nowMs);
    this.#flowOver(at, link, { upload: sending.upload, isSent: false });
  }

  #sendNext(at: number, link: number): void {
    const host = this.#hosts[at];
    const to = host?.links[link];
    if (host === undefined || to === undefined || host.isDead || host.sending[link] !== undefined) return;
    const upload = host.queues[link]?.take();
    if (upload === undefined) return;
    const { pieceIndex } = upload;
    const flow = this.#network.start(at, to.peer, pieceLength(this.#options, pieceIndex), this.#nowMs);
    host.sending[link] = { upload, flow };
    this.#cargo[flow] = { source: at, link, upload };
    if (at < this.#options.seeders) this.#seederSent += 1;
    if (!upload.isByCredit) return;
    this.#tell(at, link, (peer, back) => {
      const isWanted = this.#hosts[peer]?.scheduler?.creditStarted(back, pieceIndex, this.#nowMs);
      if (isWanted === false) this.#tell(peer, back, (source, theirs) => this.#onCancel(source, theirs, pieceIndex));
    });
  }

  /** The last byte of a piece left. */
  #sent(flow: number): void {
    const cargo = this.#cargo[flow];
    if (cargo === undefined) return;
    const { source, link, upload } = cargo;
    this.#tell(source, link, (peer, back) => this.#onPiece(peer, back, upload.pieceIndex));
    this.#flowOver(source, link, { upload, isSent: true });
  }

  #flowOver(at: number, link: number, end: { readonly upload: QueuedUpload; readonly isSent: boolean }): void {
    const host = this.#hosts[at];
    if (host === undefined) return;
    host.sending[link] = undefined;
    this.#sendNext(at, link);
    if (end.upload.isByCredit) host.seeder?.served(link, end.upload.pieceIndex, end.isSent);
  }

  #onPiece(at: number, link: number, piece: number): void {
    const host = this.#hosts[at];
    if (host?.scheduler === undefined) return;
    this.#arrivedCount += 1;
    if (host.has.has(piece)) this.#wastedCount += 1;
    host.scheduler.pieceArrived(link, piece, this.#nowMs);
    const tookMs = (pieceLength(this.#options, piece) / 1024 / 1024) * this.#options.verifyMsPerMib;
    host.verifyFreeMs = Math.max(this.#nowMs, host.verifyFreeMs) + tookMs;
    this.#after(host.verifyFreeMs - this.#nowMs, () => this.#onVerified(at, piece));
  }

  #onVerified(at: number, piece: number): void {
    const host = this.#hosts[at];
    if (host?.scheduler === undefined || host.isDead) return;
    host.scheduler.pieceVerified(piece);
    if (!host.has.add(piece)) return;
    if (host.scheduler.isComplete && host.finishedMs === Infinity) {
      host.finishedMs = this.#nowMs;
      this.#unfinished -= 1;
      this.#after(this.#options.latencyMs, () => this.#linkPairs(this.#fleet.complete(at)));
    }
    if (this.#options.isRead) host.scheduler.setReaders([host.has.firstMissing(0)]);
    for (let link = 0; link < host.links.length; link += 1) {
      const peer = host.links[link]?.peer;
      if (peer === undefined || this.#hosts[peer]?.scheduler?.isComplete === true) continue;
      this.#tell(at, link, (other, back) => this.#onHave(other, back, piece));
    }
  }

  #onHave(at: number, link: number, piece: number): void {
    this.#hosts[at]?.seeder?.has(link, piece);
    this.#hosts[at]?.scheduler?.neighbourHas(link, piece, this.#nowMs);
  }

  #tick(at: number): void {
    const host = this.#hosts[at];
    if (host?.scheduler === undefined || host.isDead || host.finishedMs < Infinity) return;
    host.links.forEach((to, link) => {
      const isSending = to !== undefined && this.#hosts[to.peer]?.sending[to.back] !== undefined;
      if (isSending && this.#hosts[to.peer]?.isDead === false) host.scheduler?.bytesArrived(link, this.#nowMs);
    });
    host.scheduler.tick(this.#nowMs);
    this.#after(TICK_MS, () => this.#tick(at));
  }

  #scheduleDeath(death: NonNullable<WorldOptions['deaths']>[number]): void {
    this.#after(death.atMs, () => this.#die(death));
    this.#after(death.atMs + death.noticedMs, () => this.#noticeDeath(death.host));
    if (death.returnsMs !== undefined) this.#after(death.returnsMs, () => this.#return(death.host));
  }

  #die(death: { readonly host: number; readonly returnsMs?: number }): void {
    const host = this.#hosts[death.host];
    if (host === undefined) return;
    host.isDead = true;
    if (host.finishedMs === Infinity && death.returnsMs === undefined) this.#unfinished -= 1;
    for (let link = 0; link < host.links.length; link += 1) this.#cutFlows(death.host, link);
  }

  /** Ends what is on the way on a link, both ways, and forgets what waits there. */
  #cutFlows(at: number, link: number): void {
    const to = this.#hosts[at]?.links[link];
    if (to === undefined) return;
    for (const [host, number] of [
      [at, link],
      [to.peer, to.back],
    ] as const) {
      const sender = this.#hosts[host];
      if (sender === undefined) continue;
      for (const waiting of sender.queues[number]?.removeChannel(0) ?? []) {
        if (waiting.isByCredit) sender.seeder?.served(number, waiting.pieceIndex, false);
      }
      const sending = sender.sending[number];
      if (sending === undefined) continue;
      this.#network.cancel(sending.flow, this.#nowMs);
      sender.sending[number] = undefined;
      if (sending.upload.isByCredit) sender.seeder?.served(number, sending.upload.pieceIndex, false);
    }
  }

  /** Its neighbours learn that a host is gone, and of others in its place. */
  #noticeDeath(at: number): void {
    const host = this.#hosts[at];
    if (host === undefined) return;
    for (const [link, to] of host.links.entries()) {
      if (to === undefined) continue;
      this.#cutFlows(at, link);
      const other = this.#hosts[to.peer];
      if (other !== undefined) other.links[to.back] = undefined;
      other?.scheduler?.neighbourGone(to.back, this.#nowMs);
      host.seeder?.left(link);
      other?.seeder?.left(to.back);
      host.links[link] = undefined;
    }
    this.#linkPairs(this.#fleet.lose(at));
  }

  /** A host comes back with the pieces that it had. */
  #return(at: number): void {
    const host = this.#hosts[at];
    if (host === undefined) return;
    host.isDead = false;
    if (host.scheduler !== undefined && host.finishedMs === Infinity) {
      host.scheduler = this.#newScheduler(at);
      for (let piece = host.has.next(0); piece >= 0; piece = host.has.next(piece + 1)) host.scheduler.pieceKept(piece);
      this.#tick(at);
    }
    this.#linkPairs(this.#fleet.return(at, { isWhole: host.has.isComplete }));
  }

  #after(ms: number, work: () => void): void {
    this.#timers.add(this.#nowMs + ms, work);
  }
}

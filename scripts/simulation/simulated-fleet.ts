// A fleet that pulls an image, on a virtual clock: the schedulers, upload queues and hand-outs of the product, on made-up links,
// between neighbours that its directory names. Deterministic by seed. The first hosts have the image.

import { digestOf } from '../../shared/oci/digest.ts';
import { pieceBytesFor, pieceLength } from '../../shared/pieces/piece-table.ts';
import { tellAtMs } from '../../node/swarm/scheduler/arrival-forecast.ts';
import { foretellingLeadMs } from '../../node/swarm/scheduler/foretold-pieces.ts';
import type { QueuedUpload } from '../../node/swarm/scheduler/upload-queue.ts';
import { PieceSet } from '../../node/swarm/scheduler/piece-set.ts';
import { DelayLine } from './core/delay-line.ts';
import { seededRandom, shuffled } from './core/seeded-random.ts';
import { SerialWork } from './core/serial-work.ts';
import { VirtualTimers } from './core/virtual-timers.ts';
import { FleetLinks, type Pair } from './fleet-links.ts';
import type { Death, FleetOutcome, FleetScenario } from './fleet-scenario.ts';
import type { SimulatedBlob } from './host-options.ts';
import { Standstills } from './standstills.ts';
import { SimulatedHost, type SimulatedChannel, type SimulatedConnection } from './simulated-host.ts';
import { MESSAGE, Wires } from './wires.ts';
import { Zones } from './zones.ts';

/** As the product does: deadlines are looked at so often. */
const TICK_MS = 100;
/** A pull that is not over by then never will be. */
const MAX_VIRTUAL_MS = 3_600_000;
/** Loads and progress are looked at once in so many events. */
const LOAD_EVERY = 16_384;
const PROGRESS_EVERY = 1024;
/** A piece that comes sooner or later than was thought is not looked at again for less. */
const EARLIEST_LOOK_MS = 1;
const MIB = 1024 * 1024;

/** What is known of a run while it lasts. */
export interface FleetProgress {
  readonly virtualMs: number;
  /** Of all bytes that all hosts are to get. */
  readonly share: number;
  readonly eventCount: number;
}

export class SimulatedFleet {
  readonly #scenario: FleetScenario;
  readonly #holders: number;
  readonly #blobs: readonly SimulatedBlob[];
  readonly #zones: Zones;
  readonly #hosts: readonly SimulatedHost[];
  readonly #wires: Wires;
  readonly #links: FleetLinks;
  readonly #random: () => number;
  readonly #timers = new VirtualTimers();
  readonly #standstills: Standstills;
  readonly #hashing: SerialWork;
  readonly #ticks = new DelayLine(TICK_MS);
  /** Told at the end of a turn: after all else that happens in the same moment. */
  readonly #haves = new DelayLine(0);
  readonly #count = { arrived: 0, wasted: 0, controlBytes: 0 };
  /** The end that the lower number of two connected hosts has. */
  readonly #ends = new Map<number, { readonly end: number; isUp: boolean; readonly blobs: number[] }>();
  /** By end. */
  readonly #connections: SimulatedConnection[] = [];
  /** By end and blob. */
  readonly #channels: Array<SimulatedChannel | undefined> = [];
  readonly #bytesInto: number[];
  /** How long before its last byte a piece is told of. */
  readonly #leadMs: number;
  #unfinished = 0;
  #verifiedBytes = 0;
  #eventCount = 0;
  #nowMs = 0;

  constructor(scenario: FleetScenario) {
    this.#scenario = scenario;
    this.#holders = scenario.holders ?? 1;
    const count = this.#holders + scenario.hosts;
    this.#random = seededRandom(scenario.seed);
    this.#zones = new Zones(scenario.zones, this.#holders);
    this.#bytesInto = Array.from({ length: this.#zones.count }, () => 0);
    this.#blobs = scenario.layers.map((sizeBytes, layer) => ({
      digest: digestOf(Buffer.from(`layer ${layer} of a simulated image`)),
      sizeBytes,
      pieceBytes: scenario.pieceBytes ?? pieceBytesFor(sizeBytes),
    }));
    this.#links = new FleetLinks(
      this.#blobs.map(({ digest }) => digest),
      {
        hosts: count,
        holders: this.#holders,
        isOrigin: scenario.holderKind !== 'pusher',
        declaredSlow: scenario.slow?.areDeclared === true ? scenario.slow.hosts : 0,
        seed: scenario.seed,
        zones: this.#zones,
      },
    );
    this.#wires = new Wires(
      {
        heard: (end, kind, blob, value) => this.#heard(end, kind, blob, value),
        sent: (end) => this.#sent(end),
        connected: (end) => this.#connected(end),
      },
      { hosts: count, latencyMs: scenario.latencyMs, zones: this.#zones },
    );
    this.#leadMs = foretellingLeadMs([2 * scenario.latencyMs]);
    this.#hashing = new SerialWork(count);
    this.#hosts = Array.from({ length: count }, (_, host) => this.#newHost(host));
    this.#standstills = new Standstills(
      {
        after: (ms, work) => this.#after(ms, work),
        goesOn: (host) => this.#hosts[host]?.tick(),
      },
      scenario.standstills ?? [],
    );
    this.#arrive();
    for (const death of scenario.deaths ?? []) this.#scheduleDeath(death);
  }

  /** Runs until every host that lives has the image, or nothing happens any more. @param onProgress called now and then. */
  run(onProgress: (progress: FleetProgress) => void = () => undefined): FleetOutcome {
    let maxLoad = 0;
    const { hosts, layers, liars = 0 } = this.#scenario;
    const imageBytes = layers.reduce((sum, bytes) => sum + bytes, 0);
    for (; this.#unfinished > 0 && this.#step(); this.#eventCount += 1) {
      if (this.#eventCount % PROGRESS_EVERY !== 0) continue;
      if (this.#eventCount % LOAD_EVERY === 0) maxLoad = Math.max(maxLoad, this.#wires.maxLoad);
      const share = this.#verifiedBytes / (imageBytes * (hosts - liars));
      onProgress({ virtualMs: this.#nowMs, share, eventCount: this.#eventCount });
      if (this.#nowMs > MAX_VIRTUAL_MS) break;
    }
    const origins = this.#hosts.slice(0, this.#holders);
    return {
      finishedMs: this.#hosts.map((host) => host.finishedMs),
      originCopies: origins.reduce((sum, host) => sum + host.sentBytes, 0) / imageBytes,
      copiesInto: this.#bytesInto.map((bytes) => bytes / imageBytes),
      wasteShare: this.#count.wasted / Math.max(1, this.#count.arrived),
      controlBytesPerHost: this.#count.controlBytes / this.#hosts.length,
      maxLoad,
      eventCount: this.#eventCount,
    };
  }

  /** Does what comes next. @returns false when nothing does. */
  #step(): boolean {
    const wiresMs = this.#wires.nextMs;
    const hashingMs = this.#hashing.nextMs;
    const havesMs = this.#haves.firstMs;
    const ticksMs = this.#ticks.firstMs;
    const timersMs = this.#timers.firstMs;
    const nowMs = Math.min(wiresMs, hashingMs, havesMs, ticksMs, timersMs);
    if (nowMs === Infinity) return false;
    this.#nowMs = nowMs;
    this.#wires.setNow(nowMs);
    if (wiresMs === nowMs) this.#wires.runNext(nowMs);
    else if (hashingMs === nowMs) this.#hashing.take(this.#verified);
    else if (ticksMs === nowMs) this.#ticks.take(this.#tick);
    else if (timersMs === nowMs) this.#timers.runFirst();
    else this.#haves.take(this.#tellHaves);
    return true;
  }

  #newHost(number: number): SimulatedHost {
    const { rate, uplink = rate, originUplink = uplink, slow, liars = 0, hosts, latencyMs, isRead } = this.#scenario;
    const isHolder = number < this.#holders;
    const isLiar = number >= this.#holders + hosts - liars;
    const share = !isHolder && number < this.#holders + (slow?.hosts ?? 0) ? (slow?.share ?? 1) : 1;
    const link = isHolder ? { up: originUplink, down: originUplink } : { up: uplink * share, down: rate * share };
    this.#wires.setLink(number, { up: link.up / 1000, down: link.down / 1000 });
    if (!isHolder && !isLiar) this.#unfinished += 1;
    return new SimulatedHost(
      {
        wires: this.#wires,
        blobs: this.#blobs,
        random: this.#random,
        nowMs: () => this.#nowMs,
        verify: (host, blob, piece) => this.#verify(host, blob, piece),
        haveWaits: (host) => this.#haves.push(this.#nowMs, host.number, 0, 0),
        standingOf: ({ host, end }, blob) => this.#links.standingOf(host.number, this.#wires.ownerOf(end ^ 1), blob),
        lagging: (host, blob, classes) => {
          const complaint = { classes, nowMs: this.#nowMs };
          this.#after(this.#scenario.latencyMs, () => this.#link(this.#links.complain(host.number, blob, complaint)));
        },
        fellBehind: (host) =>
          this.#after(latencyMs, () => this.#link(this.#links.fallBehind(host.number, this.#nowMs))),
        sending: (connection, upload) => this.#sending(connection, upload),
        completed: (host, blob) => this.#completed(host, blob),
        count: this.#count,
      },
      { number, bytesPerSecond: rate, latencyMs, isHolder, isLiar, isRead: isRead === true },
    );
  }

  #arrive(): void {
    const { arrivalMs = () => 0 } = this.#scenario;
    const together: number[] = [];
    for (const host of this.#hosts.slice(this.#holders)) {
      const atMs = arrivalMs(host.number - this.#holders);
      if (atMs > 0) this.#after(atMs, () => this.#start(host));
      else together.push(host.number);
    }
    for (const number of together) this.#begin(this.#hosts[number]);
    this.#link(this.#links.joinTogether(shuffled(together, this.#random)));
  }

  #start(host: SimulatedHost): void {
    this.#begin(host);
    this.#link(this.#links.join(host.number, [...this.#blobs.keys()]));
  }

  #begin(host: SimulatedHost | undefined): void {
    if (host === undefined || host.isLiar) return;
    for (const blob of this.#blobs.keys()) host.startDownload(blob);
    this.#ticks.push(this.#nowMs - this.#random() * TICK_MS, host.number, 0, 0);
  }

  /** Connects pairs that heard of each other, or opens one more blob between those that are connected. */
  #link(pairs: readonly Pair[]): void {
    for (const { left, right, blob, isOver } of pairs) {
      const [low, high] = left < right ? [left, right] : [right, left];
      const key = low * this.#hosts.length + high;
      const known = this.#ends.get(key);
      if (left === right || this.#hosts[low]?.isDead !== false || this.#hosts[high]?.isDead !== false) continue;
      if (known !== undefined) this.#renamed(left, known.end, blob);
      if (isOver) continue;
      if (known === undefined) {
        const end = this.#wires.connect(low, high, this.#nowMs);
        const isToOtherZone = this.#zones.of(low) !== this.#zones.of(high);
        const ends = [
          this.#hosts[low].addConnection(end, isToOtherZone),
          this.#hosts[high].addConnection(end + 1, isToOtherZone),
        ];
        this.#connections.push(...ends);
        for (let at = 0; at < 2 * this.#blobs.length; at += 1) this.#channels.push(undefined);
        this.#ends.set(key, { end, isUp: false, blobs: [blob] });
      } else if (!known.blobs.includes(blob)) {
        known.blobs.push(blob);
        if (known.isUp) this.#after(this.#scenario.latencyMs, () => this.#open(known.end, blob));
      }
    }
  }

  /** What a host may ask of another changed. */
  #renamed(asker: number, end: number, blob: number): void {
    const ours = this.#connections[this.#wires.ownerOf(end) === asker ? end : end + 1];
    ours?.host.renamed(ours, blob);
  }

  #connected(end: number): void {
    const low = this.#wires.ownerOf(end);
    const known = this.#ends.get(low * this.#hosts.length + this.#wires.ownerOf(end ^ 1));
    if (known === undefined || known.end !== end) return;
    known.isUp = true;
    for (const blob of known.blobs) this.#open(end, blob);
  }

  /** A blob that neither side wants any more is not opened. */
  #open(end: number, blob: number): void {
    const [left, right] = this.#connections.slice(end, end + 2);
    if (left === undefined || right === undefined || !this.#wires.isOpen(end)) return;
    if (!left.host.isDownloading(blob) && !right.host.isDownloading(blob)) return;
    for (const connection of [left, right]) {
      const channel = connection.host.openChannel(connection, blob);
      if (channel !== undefined) this.#channels[connection.end * this.#blobs.length + blob] = channel;
    }
  }

  #heard(end: number, kind: number, blob: number, value: number): void {
    const channel = this.#channels[end * this.#blobs.length + blob];
    if (channel === undefined) return;
    const { number } = channel.connection.host;
    if (this.#standstills.holds(number, () => this.#heard(end, kind, blob, value))) return;
    if (kind === MESSAGE.bitfield) this.#heardBitfield(channel);
    else channel.connection.host.hear(channel, kind, value);
  }

  /** Its receiver sees a piece come from now on, and tells of it when it is nearly there. */
  #sending(from: SimulatedConnection, { channel, pieceIndex }: QueuedUpload): void {
    if (this.#leadMs === 0) return;
    const { latencyMs } = this.#scenario;
    const to = this.#connections[from.end ^ 1];
    const firstMs = this.#nowMs + latencyMs;
    const look = (): void => {
      if (to?.host.expects(to, channel, pieceIndex) !== true) return;
      const isSending = from.sending?.channel === channel && from.sending.pieceIndex === pieceIndex;
      const endMs = this.#wires.endMs(from.end) + latencyMs;
      const waitMs = isSending ? tellAtMs({ firstMs, endMs }, this.#leadMs) - this.#nowMs : 0;
      if (waitMs === Infinity) return;
      if (waitMs > EARLIEST_LOOK_MS) this.#after(waitMs, look);
      else to.host.foretell(channel, pieceIndex);
    };
    this.#after(latencyMs, look);
  }

  #heardBitfield(channel: SimulatedChannel): void {
    const { host, end } = channel.connection;
    const other = this.#connections[end ^ 1]?.host;
    const has = other?.has[channel.blob];
    if (has !== undefined) host.hearBitfield(channel, other?.isLiar === true ? PieceSet.full(has.length) : has.copy());
  }

  #sent(end: number): void {
    const connection = this.#connections[end];
    if (connection === undefined) return;
    const { host, sending } = connection;
    const later = (): void => void (connection.sending === sending && this.#sent(end));
    if (this.#standstills.holds(host.number, later)) return;
    if (this.#zones.count > 1) this.#countCrossing(connection);
    host.sent(connection);
  }

  #countCrossing(from: SimulatedConnection): void {
    const zone = this.#zones.of(this.#wires.ownerOf(from.end ^ 1));
    const cut = this.#blobs[from.sending?.channel ?? -1];
    if (cut === undefined || this.#zones.of(from.host.number) === zone) return;
    this.#bytesInto[zone] = (this.#bytesInto[zone] ?? 0) + pieceLength(cut, from.sending?.pieceIndex ?? 0);
  }

  #verify(host: SimulatedHost, blob: number, piece: number): void {
    const cut = this.#blobs[blob];
    if (cut === undefined) return;
    const tookMs = (pieceLength(cut, piece) / MIB) * this.#scenario.verifyMsPerMib;
    this.#hashing.add(host.number, { nowMs: this.#nowMs, tookMs }, blob, piece);
  }

  readonly #verified = (number: number, blob: number, piece: number): void => {
    if (this.#standstills.holds(number, () => this.#verified(number, blob, piece))) return;
    const cut = this.#blobs[blob];
    if (cut !== undefined) this.#verifiedBytes += pieceLength(cut, piece);
    this.#hosts[number]?.verified(blob, piece);
  };

  readonly #tellHaves = (number: number): void => {
    if (!this.#standstills.holds(number, () => this.#tellHaves(number))) this.#hosts[number]?.news.tell();
  };

  readonly #tick = (number: number): void => {
    const host = this.#hosts[number];
    if (host === undefined || host.isDead || host.isComplete) return;
    if (this.#standstills.holds(number, () => this.#tick(number))) return;
    host.tick();
    this.#ticks.push(this.#nowMs, number, 0, 0);
  };

  #completed(host: SimulatedHost, blob: number): void {
    if (host.isComplete) this.#unfinished -= 1;
    this.#after(this.#scenario.latencyMs, () => this.#link(this.#links.complete(host.number, blob)));
  }

  #scheduleDeath(death: Death): void {
    const host = this.#hosts[death.host];
    if (host === undefined) return;
    this.#after(death.atMs, () => this.#die(host, death));
    this.#after(death.atMs + death.noticedMs, () => this.#noticeDeath(host));
    if (death.returnsMs !== undefined) this.#after(death.returnsMs, () => this.#return(host));
  }

  #die(host: SimulatedHost, death: Death): void {
    if (host.isDead) return;
    if (!host.isComplete && death.returnsMs === undefined) this.#unfinished -= 1;
    host.die();
    for (const { end } of this.#endsOf(host)) {
      this.#wires.close(end);
      for (const connection of this.#connections.slice(end, end + 2)) connection.host.cutConnection(connection);
    }
  }

  /** Its neighbours learn that a host is gone, and of others in its place. */
  #noticeDeath(host: SimulatedHost): void {
    for (const { key, end } of this.#endsOf(host)) {
      this.#ends.delete(key);
      this.#wires.close(end);
      for (const connection of this.#connections.slice(end, end + 2)) connection.host.closeConnection(connection);
    }
    this.#link(this.#links.lose(host.number));
  }

  /** A host comes back with the pieces that it had. */
  #return(host: SimulatedHost): void {
    host.isDead = false;
    const lacking = [...this.#blobs.keys()].filter((blob) => host.has[blob]?.isComplete === false);
    if (lacking.length > 0) this.#begin(host);
    this.#link(this.#links.return(host.number, lacking));
  }

  #endsOf(host: SimulatedHost): Array<{ readonly key: number; readonly end: number }> {
    const found: Array<{ readonly key: number; readonly end: number }> = [];
    for (const [key, { end }] of this.#ends) {
      const isOurs = this.#wires.ownerOf(end) === host.number || this.#wires.ownerOf(end ^ 1) === host.number;
      if (isOurs) found.push({ key, end });
    }
    return found;
  }

  #after(ms: number, work: () => void): void {
    this.#timers.add(this.#nowMs + ms, work);
  }
}

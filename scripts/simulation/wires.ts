// Connections of a simulated fleet: who is connected with whom, messages on the way, and pieces on the way. Numbers and typed
// arrays throughout, since a fleet of thousands sends tens of millions of messages.
//
// A connection has two ends with neighbouring numbers, 2k and 2k + 1; the other end of `end` is `end ^ 1`. An end sends at most
// one piece at a time, so a flow has the number of the end that sends it.

import { DelayLine } from './core/delay-line.ts';
import { FlowNetwork } from './core/flow-network.ts';
import type { Zones } from './zones.ts';

/** What a message says. */
export const MESSAGE = {
  have: 0,
  request: 1,
  anyPiece: 2,
  cancel: 3,
  reject: 4,
  offer: 5,
  bitfield: 6,
  /** The last byte of a piece. */
  piece: 7,
  /** The first byte of a piece that its sender chose. */
  creditStart: 8,
} as const;

const KIND_BITS = 4;
/** Ends that are counted when room is made first. */
const FIRST_CAPACITY = 1024;
/** What a new connection takes, in times of one way: the coordinator's word, then TCP, TLS 1.3 and hello, a round trip each. */
const CONNECT_TRIPS = 7;

export interface WireEvents {
  /** A message came to an end. */
  heard(end: number, kind: number, blob: number, value: number): void;
  /** The last byte of the piece that this end was sending left. */
  sent(end: number): void;
  /** The other side of a connection answered: both ends may speak. */
  connected(end: number): void;
}

export class Wires {
  readonly #events: WireEvents;
  readonly #zones: Zones;
  readonly #network: FlowNetwork;
  /** Messages and new connections, one line each per distance: within a zone, between zones. */
  readonly #messages: readonly DelayLine[];
  readonly #connecting: readonly DelayLine[];
  #owners = new Int32Array(FIRST_CAPACITY);
  #isOpen = new Uint8Array(FIRST_CAPACITY);
  #distance = new Uint8Array(FIRST_CAPACITY);
  #endCount = 0;
  #nowMs = 0;

  constructor(
    events: WireEvents,
    options: { readonly hosts: number; readonly latencyMs: number; readonly zones: Zones },
  ) {
    const { hosts, latencyMs, zones } = options;
    this.#events = events;
    this.#zones = zones;
    this.#network = new FlowNetwork(hosts, zones.pipeCount);
    for (let pipe = 0; pipe < zones.pipeCount; pipe += 1) this.#network.setPipe(pipe, zones.rate / 1000);
    const distancesMs = [latencyMs, zones.latencyMs];
    this.#messages = distancesMs.map((ms) => new DelayLine(ms));
    this.#connecting = distancesMs.map((ms) => new DelayLine(ms * CONNECT_TRIPS));
  }

  /** Rates in bytes per millisecond. */
  setLink(host: number, link: { readonly up: number; readonly down: number }): void {
    this.#network.setLink(host, link);
  }

  get maxLoad(): number {
    return this.#network.maxLoad();
  }

  get nextMs(): number {
    let firstMs = this.#network.nextEndMs;
    for (const line of this.#messages) firstMs = Math.min(firstMs, line.firstMs);
    for (const line of this.#connecting) firstMs = Math.min(firstMs, line.firstMs);
    return firstMs;
  }

  /** Does what happens at `nextMs`. */
  runNext(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#network.nextEndMs <= nowMs) {
      this.#events.sent(this.#network.takeEnded());
      return;
    }
    for (const line of this.#messages) if (line.firstMs <= nowMs) return line.take(this.#hear);
    for (const line of this.#connecting) if (line.firstMs <= nowMs) return line.take(this.#connected);
  }

  /** Begins a connection. @returns the end of `left`; the other is its neighbour. Both are told when it is there. */
  connect(left: number, right: number, nowMs: number): number {
    const end = this.#endCount;
    this.#endCount += 2;
    if (this.#endCount > this.#owners.length) this.#grow();
    this.#owners[end] = left;
    this.#owners[end + 1] = right;
    const distance = this.#zones.of(left) === this.#zones.of(right) ? 0 : 1;
    this.#distance[end >> 1] = distance;
    this.#isOpen[end >> 1] = 1;
    this.#connecting[distance]?.push(nowMs, end, 0, 0);
    return end;
  }

  ownerOf(end: number): number {
    return this.#owners[end] ?? 0;
  }

  isOpen(end: number): boolean {
    return this.#isOpen[end >> 1] === 1;
  }

  /** Ends a connection. What is on the way on it is lost. */
  close(end: number): void {
    this.#isOpen[end >> 1] = 0;
  }

  /** Says something to the other end. */
  say(end: number, kind: number, blob: number, value: number): void {
    this.#messages[this.#distance[end >> 1] ?? 0]?.push(this.#nowMs, kind | (blob << KIND_BITS), end ^ 1, value);
  }

  /** Begins to send a piece to the other end. */
  send(end: number, bytes: number): void {
    const source = this.ownerOf(end);
    const target = this.ownerOf(end ^ 1);
    this.#network.start(end, { source, target, pipe: this.#zones.pipeOf(source, target) }, bytes, this.#nowMs);
  }

  isSending(end: number): boolean {
    return this.#network.isRunning(end);
  }

  /** When the last byte of what an end sends leaves, as things are. */
  endMs(end: number): number {
    return this.#network.endMs(end);
  }

  /** Stops what an end sends. @returns bytes that did not leave. */
  stop(end: number, nowMs: number): number {
    return this.#network.isRunning(end) ? this.#network.cancel(end, nowMs) : 0;
  }

  /** Time as of the last event; whoever acts between events sets it. */
  setNow(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  readonly #hear = (head: number, end: number, value: number): void => {
    if (this.#isOpen[end >> 1] !== 1) return;
    this.#events.heard(end, head & ((1 << KIND_BITS) - 1), head >> KIND_BITS, value);
  };

  readonly #connected = (end: number): void => {
    if (this.#isOpen[end >> 1] === 1) this.#events.connected(end);
  };

  #grow(): void {
    const capacity = this.#owners.length * 2;
    const owners = new Int32Array(capacity);
    owners.set(this.#owners);
    this.#owners = owners;
    const isOpen = new Uint8Array(capacity / 2);
    isOpen.set(this.#isOpen.subarray(0, capacity / 2));
    this.#isOpen = isOpen;
    const distance = new Uint8Array(capacity / 2);
    distance.set(this.#distance.subarray(0, capacity / 2));
    this.#distance = distance;
  }
}

// Links and the transfers that share them, as flows: no packets. Each host has an uplink and a downlink; some flows pass a
// pipe besides, which all flows from one zone to another share. A flow runs at a locally max-min fair rate: when it starts it gets at
// least the smallest of its fair shares on its way, others give way down to theirs; what an ending flow frees is handed on
// along the ways of the others. No link ever carries more than it can.

import { TimeHeap } from './time-heap.ts';

/** Links that one flow uses: uplink, downlink, and perhaps a pipe. */
const WAY = 3;
const NO_LINK = -1;
/** Free capacity below this share of a link is not handed on: it would cost work and change nothing. */
const SPARE_SHARE = 0.002;
/** A flow that could grow by less than this share stays as it is. */
const GROWTH_SHARE = 0.01;
const SLOWEST_RATE = 1e-9;

/** Rates are bytes per millisecond. Flows have numbers that the caller gives; each runs at most once at a time. */
export class FlowNetwork {
  readonly #hostCount: number;
  readonly #capacity: Float64Array;
  readonly #used: Float64Array;
  /** Flows on each link: uplinks of all hosts, then downlinks, then pipes. */
  readonly #flows: number[][];
  /** By flow; a heap key is never later than the true end, which saves most changes of the heap. */
  readonly #ends: TimeHeap;
  #way = new Int32Array(0);
  #rates = new Float64Array(0);
  #lefts = new Float64Array(0);
  #settledMs = new Float64Array(0);
  #endsMs = new Float64Array(0);
  readonly #squeezed: number[] = [];
  readonly #squeezedOn: number[] = [];
  readonly #bySpeed: number[] = [];
  #nowMs = 0;

  constructor(hostCount: number, pipeCount = 0) {
    const links = 2 * hostCount + pipeCount;
    this.#hostCount = hostCount;
    this.#capacity = new Float64Array(links).fill(Infinity);
    this.#used = new Float64Array(links);
    this.#flows = Array.from({ length: links }, () => []);
    this.#ends = new TimeHeap(hostCount * 16);
  }

  setLink(host: number, link: { readonly up: number; readonly down: number }): void {
    this.#capacity[host] = link.up;
    this.#capacity[this.#hostCount + host] = link.down;
  }

  setPipe(pipe: number, rate: number): void {
    this.#capacity[2 * this.#hostCount + pipe] = rate;
  }

  /** When the next flow ends; Infinity when none runs. */
  get nextEndMs(): number {
    for (;;) {
      const keyMs = this.#ends.firstMs;
      if (keyMs === Infinity) return Infinity;
      const endMs = this.#endsMs[this.#ends.first] ?? Infinity;
      if (endMs <= keyMs) return keyMs;
      this.#ends.set(this.#ends.first, endMs);
    }
  }

  /** When a running flow ends if nothing changes. */
  endMs(flow: number): number {
    return this.#endsMs[flow] ?? 0;
  }

  isRunning(flow: number): boolean {
    return (this.#rates[flow] ?? 0) > 0;
  }

  /** Share of its capacity that the busiest link carries: at most 1, up to rounding. */
  maxLoad(): number {
    let load = 0;
    for (const [link, flows] of this.#flows.entries()) {
      let sum = 0;
      for (const flow of flows) sum += this.#rates[flow] ?? 0;
      load = Math.max(load, sum / (this.#capacity[link] ?? 1));
    }
    return load;
  }

  /** @param way.pipe number of a pipe that it passes; left out when it passes none. */
  start(
    flow: number,
    way: { readonly source: number; readonly target: number; readonly pipe?: number | undefined },
    bytes: number,
    nowMs: number,
  ): void {
    if (flow >= this.#rates.length) this.#grow(flow);
    this.#nowMs = nowMs;
    const at = flow * WAY;
    this.#way[at] = way.source;
    this.#way[at + 1] = this.#hostCount + way.target;
    this.#way[at + 2] = way.pipe === undefined ? NO_LINK : 2 * this.#hostCount + way.pipe;
    this.#rates[flow] = 0;
    this.#lefts[flow] = bytes;
    this.#settledMs[flow] = nowMs;
    let share = Infinity;
    for (let step = at; step < at + WAY; step += 1) {
      const link = this.#way[step] ?? NO_LINK;
      if (link === NO_LINK) continue;
      const flows = this.#flows[link];
      if (flows === undefined) continue;
      flows.push(flow);
      share = Math.min(share, (this.#capacity[link] ?? 0) / flows.length);
    }
    for (let step = at; step < at + WAY; step += 1) this.#makeRoom(this.#way[step] ?? NO_LINK, flow, share);
    this.#setRate(flow, this.#spareOnWay(flow));
    this.#handOnSqueezed();
  }

  /** Ends the flow that is first to end, at `nextEndMs`. */
  takeEnded(): number {
    const nowMs = this.nextEndMs;
    const flow = this.#ends.takeFirst();
    this.#end(flow, nowMs);
    return flow;
  }

  /** Ends a flow early. @returns bytes that were left. */
  cancel(flow: number, nowMs: number): number {
    const leftMs = (this.#endsMs[flow] ?? nowMs) - nowMs;
    const left = Math.max(0, leftMs * (this.#rates[flow] ?? 0));
    this.#ends.remove(flow);
    this.#end(flow, nowMs);
    return left;
  }

  #end(flow: number, nowMs: number): void {
    this.#nowMs = nowMs;
    const rate = this.#rates[flow] ?? 0;
    this.#rates[flow] = 0;
    const at = flow * WAY;
    for (let step = at; step < at + WAY; step += 1) {
      const link = this.#way[step] ?? NO_LINK;
      if (link === NO_LINK) continue;
      const flows = this.#flows[link] ?? [];
      // Without flows nothing is used: rounding errors end here.
      this.#used[link] = flows.length === 1 ? 0 : (this.#used[link] ?? 0) - rate;
      removeFrom(flows, flow);
    }
    for (let step = at; step < at + WAY; step += 1) this.#handOn(this.#way[step] ?? NO_LINK);
  }

  /** Takes from flows above their fair share of a link, the fastest first, until `share` is free. */
  #makeRoom(link: number, added: number, share: number): void {
    if (link === NO_LINK) return;
    const flows = this.#flows[link] ?? [];
    const rates = this.#rates;
    const fair = (this.#capacity[link] ?? 0) / flows.length;
    const above = fair * 1.000001;
    while (this.#spare(link) < share) {
      let fastest = -1;
      let fastestRate = above;
      for (const flow of flows) {
        const rate = rates[flow] ?? 0;
        if (rate > fastestRate && flow !== added) {
          fastest = flow;
          fastestRate = rate;
        }
      }
      if (fastest < 0) return;
      this.#setRate(fastest, fair);
      this.#squeezed.push(fastest);
      this.#squeezedOn.push(link);
    }
  }

  /** What gave way on one link left room on the others of its way. */
  #handOnSqueezed(): void {
    for (let index = 0; index < this.#squeezed.length; index += 1) {
      const at = (this.#squeezed[index] ?? 0) * WAY;
      for (let step = at; step < at + WAY; step += 1) {
        const link = this.#way[step] ?? NO_LINK;
        if (link !== this.#squeezedOn[index]) this.#handOn(link);
      }
    }
    this.#squeezed.length = 0;
    this.#squeezedOn.length = 0;
  }

  /** Gives free capacity of a link to flows that can use it elsewhere too, the slowest first. */
  #handOn(link: number): void {
    if (link === NO_LINK) return;
    const least = (this.#capacity[link] ?? 0) * SPARE_SHARE;
    if (this.#spare(link) <= least) return;
    for (const flow of this.#slowestFirst(this.#flows[link] ?? [])) {
      const rate = this.#rates[flow] ?? 0;
      const more = this.#spareOnWay(flow);
      if (more <= rate * GROWTH_SHARE) continue;
      this.#setRate(flow, rate + more);
      if (this.#spare(link) <= least) return;
    }
  }

  /** The same list each time, filled anew. */
  #slowestFirst(flows: readonly number[]): readonly number[] {
    const sorted = this.#bySpeed;
    const rates = this.#rates;
    sorted.length = 0;
    for (const flow of flows) {
      const rate = rates[flow] ?? 0;
      let at = sorted.length;
      sorted.push(flow);
      while (at > 0 && (rates[sorted[at - 1] ?? 0] ?? 0) > rate) {
        sorted[at] = sorted[at - 1] ?? 0;
        at -= 1;
      }
      sorted[at] = flow;
    }
    return sorted;
  }

  #spare(link: number): number {
    return (this.#capacity[link] ?? 0) - (this.#used[link] ?? 0);
  }

  #spareOnWay(flow: number): number {
    const at = flow * WAY;
    const ends = Math.min(this.#spare(this.#way[at] ?? 0), this.#spare(this.#way[at + 1] ?? 0));
    const pipe = this.#way[at + 2] ?? NO_LINK;
    return pipe === NO_LINK ? ends : Math.min(ends, this.#spare(pipe));
  }

  #setRate(flow: number, wanted: number): void {
    const rate = Math.max(wanted, SLOWEST_RATE);
    const before = this.#rates[flow] ?? 0;
    const nowMs = this.#nowMs;
    const left = Math.max(0, (this.#lefts[flow] ?? 0) - before * (nowMs - (this.#settledMs[flow] ?? 0)));
    this.#lefts[flow] = left;
    this.#settledMs[flow] = nowMs;
    this.#rates[flow] = rate;
    const at = flow * WAY;
    for (let step = at; step < at + WAY; step += 1) {
      const link = this.#way[step] ?? NO_LINK;
      if (link !== NO_LINK) this.#used[link] = (this.#used[link] ?? 0) + rate - before;
    }
    const endMs = nowMs + left / rate;
    this.#endsMs[flow] = endMs;
    if (endMs < this.#ends.timeOf(flow)) this.#ends.set(flow, endMs);
  }

  #grow(flow: number): void {
    const capacity = Math.max(1024, flow + 1, this.#rates.length * 2);
    const way = new Int32Array(capacity * WAY);
    way.set(this.#way);
    this.#way = way;
    this.#rates = grown(this.#rates, capacity);
    this.#lefts = grown(this.#lefts, capacity);
    this.#settledMs = grown(this.#settledMs, capacity);
    this.#endsMs = grown(this.#endsMs, capacity);
  }
}

function grown(from: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const to = new Float64Array(capacity);
  to.set(from);
  return to;
}

function removeFrom(list: number[], value: number): void {
  const at = list.indexOf(value);
  const last = list.pop();
  if (last !== undefined && at < list.length) list[at] = last;
}

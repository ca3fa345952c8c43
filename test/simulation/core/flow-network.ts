// Links and the transfers that share them, as flows: no packets. Each host has an uplink and a downlink; a flow runs at a
// locally max-min fair rate: when it starts it gets at least the smaller of its fair shares at both ends, others give way
// down to theirs; what an ending flow frees is handed on at both ends. No link ever carries more than it can.

import { TimeHeap } from './time-heap.ts';

/** Rates are bytes per millisecond. */
export class FlowNetwork {
  readonly #up: Float64Array;
  readonly #down: Float64Array;
  readonly #usedUp: Float64Array;
  readonly #usedDown: Float64Array;
  readonly #outgoing: number[][];
  readonly #incoming: number[][];
  readonly #finishes: TimeHeap;
  readonly #free: number[] = [];
  readonly #sources: number[] = [];
  readonly #targets: number[] = [];
  readonly #rates: number[] = [];
  readonly #lefts: number[] = [];
  readonly #settledMs: number[] = [];
  readonly #squeezed: number[] = [];
  #nowMs = 0;

  constructor(hostCount: number) {
    this.#up = new Float64Array(hostCount);
    this.#down = new Float64Array(hostCount);
    this.#usedUp = new Float64Array(hostCount);
    this.#usedDown = new Float64Array(hostCount);
    this.#outgoing = Array.from({ length: hostCount }, () => []);
    this.#incoming = Array.from({ length: hostCount }, () => []);
    this.#finishes = new TimeHeap(hostCount * 8);
  }

  setLink(host: number, link: { readonly up: number; readonly down: number }): void {
    this.#up[host] = link.up;
    this.#down[host] = link.down;
  }

  /** When the next flow ends; Infinity when none runs. */
  get nextEndMs(): number {
    return this.#finishes.firstMs;
  }

  /** Share of its capacity that the busiest link carries: at most 1, up to rounding. */
  maxLoad(): number {
    let load = 0;
    for (let host = 0; host < this.#up.length; host += 1) {
      const sum = (flows: readonly number[]): number =>
        flows.reduce((total, flow) => total + (this.#rates[flow] ?? 0), 0);
      load = Math.max(load, sum(this.#outgoing[host] ?? []) / (this.#up[host] ?? 1));
      load = Math.max(load, sum(this.#incoming[host] ?? []) / (this.#down[host] ?? 1));
    }
    return load;
  }

  /** @returns the number of the new flow, which is free for use again after its end. */
  start(source: number, target: number, bytes: number, nowMs: number): number {
    this.#nowMs = nowMs;
    const flow = this.#free.pop() ?? this.#sources.length;
    this.#sources[flow] = source;
    this.#targets[flow] = target;
    this.#rates[flow] = 0;
    this.#lefts[flow] = bytes;
    this.#settledMs[flow] = nowMs;
    const outgoing = this.#outgoing[source] ?? [];
    const incoming = this.#incoming[target] ?? [];
    outgoing.push(flow);
    incoming.push(flow);
    const share = Math.min((this.#up[source] ?? 0) / outgoing.length, (this.#down[target] ?? 0) / incoming.length);
    this.#makeRoom(outgoing, flow, (this.#up[source] ?? 0) / outgoing.length, () => this.#spareUp(source) >= share);
    this.#makeRoom(incoming, flow, (this.#down[target] ?? 0) / incoming.length, () => this.#spareDown(target) >= share);
    this.#setRate(flow, Math.min(this.#spareUp(source), this.#spareDown(target)));
    // What gave way left room at its other end.
    for (const slower of this.#squeezed.splice(0)) {
      if (this.#sources[slower] === source) this.#handOn(this.#incoming[this.#targets[slower] ?? 0] ?? []);
      else this.#handOn(this.#outgoing[this.#sources[slower] ?? 0] ?? []);
    }
    return flow;
  }

  /** Ends the flow that is first to end. */
  takeEnded(nowMs: number): number {
    const flow = this.#finishes.takeFirst();
    this.#end(flow, nowMs);
    return flow;
  }

  cancel(flow: number, nowMs: number): void {
    this.#finishes.remove(flow);
    this.#end(flow, nowMs);
  }

  #end(flow: number, nowMs: number): void {
    this.#nowMs = nowMs;
    const source = this.#sources[flow] ?? 0;
    const target = this.#targets[flow] ?? 0;
    const rate = this.#rates[flow] ?? 0;
    this.#usedUp[source] = (this.#usedUp[source] ?? 0) - rate;
    this.#usedDown[target] = (this.#usedDown[target] ?? 0) - rate;
    this.#rates[flow] = 0;
    removeFrom(this.#outgoing[source] ?? [], flow);
    removeFrom(this.#incoming[target] ?? [], flow);
    this.#free.push(flow);
    this.#handOn(this.#outgoing[source] ?? []);
    this.#handOn(this.#incoming[target] ?? []);
  }

  /** Takes from flows above their fair share, the fastest first, until there is room. */
  #makeRoom(flows: readonly number[], added: number, share: number, hasRoom: () => boolean): void {
    while (!hasRoom()) {
      let fastest = -1;
      for (const flow of flows) {
        if (
          flow !== added &&
          (this.#rates[flow] ?? 0) > share * 1.000001 &&
          (fastest < 0 || (this.#rates[flow] ?? 0) > (this.#rates[fastest] ?? 0))
        ) {
          fastest = flow;
        }
      }
      if (fastest < 0) return;
      this.#setRate(fastest, share);
      this.#squeezed.push(fastest);
    }
  }

  /** Gives free capacity to flows that can use it at their other end, the slowest first. */
  #handOn(flows: readonly number[]): void {
    if (flows.length === 0) return;
    const bySpeed =
      flows.length === 1
        ? flows
        : flows.toSorted((left, right) => (this.#rates[left] ?? 0) - (this.#rates[right] ?? 0));
    for (const flow of bySpeed) {
      const rate = this.#rates[flow] ?? 0;
      const more = Math.min(this.#spareUp(this.#sources[flow] ?? 0), this.#spareDown(this.#targets[flow] ?? 0));
      if (more > rate * 0.01) this.#setRate(flow, rate + more);
    }
  }

  #spareUp(host: number): number {
    return (this.#up[host] ?? 0) - (this.#usedUp[host] ?? 0);
  }

  #spareDown(host: number): number {
    return (this.#down[host] ?? 0) - (this.#usedDown[host] ?? 0);
  }

  #setRate(flow: number, wanted: number): void {
    const rate = Math.max(wanted, 1e-9);
    const before = this.#rates[flow] ?? 0;
    const source = this.#sources[flow] ?? 0;
    const target = this.#targets[flow] ?? 0;
    const nowMs = this.#nowMs;
    const left = Math.max(0, (this.#lefts[flow] ?? 0) - before * (nowMs - (this.#settledMs[flow] ?? 0)));
    this.#lefts[flow] = left;
    this.#settledMs[flow] = nowMs;
    this.#rates[flow] = rate;
    this.#usedUp[source] = (this.#usedUp[source] ?? 0) + rate - before;
    this.#usedDown[target] = (this.#usedDown[target] ?? 0) + rate - before;
    this.#finishes.set(flow, nowMs + left / rate);
  }
}

function removeFrom(list: number[], value: number): void {
  const at = list.indexOf(value);
  const last = list.pop();
  if (last !== undefined && at < list.length) list[at] = last;
}

// Bytes on the links of all hosts over time, counted where the links end: at the switch.

import { setTimeout as pause } from 'node:timers/promises';
import type { HostAgent } from './host-agent.ts';

/** Often enough for a plot, and a thousandth of a core. */
const SAMPLE_EVERY_MS = 200;

/** What crossed one host's link, seen from that host. */
export interface HostTraffic {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** All hosts in order, since the counting began. */
export interface TrafficSample {
  readonly atMs: number;
  readonly hosts: readonly HostTraffic[];
}

/** Counts until it is stopped; `samples` grows, and its last is of the end. Disposing stops it without a last one. */
export class LinkTraffic implements AsyncDisposable {
  readonly samples: TrafficSample[] = [];
  readonly #agent: HostAgent;
  readonly #hostCount: number;
  readonly #stopping = new AbortController();
  #base: TrafficSample | undefined;
  #running: Promise<void> = Promise.resolve();

  private constructor(agent: HostAgent, hostCount: number) {
    this.#agent = agent;
    this.#hostCount = hostCount;
  }

  /** @param agent one in the namespace of the switch. */
  static async start(agent: HostAgent, hostCount: number, signal: AbortSignal): Promise<LinkTraffic> {
    const traffic = new LinkTraffic(agent, hostCount);
    traffic.#base = await traffic.#read(signal);
    traffic.#running = traffic.#keepCounting(AbortSignal.any([signal, traffic.#stopping.signal]));
    return traffic;
  }

  /** Takes a last sample. @returns what crossed each link since the start. */
  async stop(signal: AbortSignal): Promise<readonly HostTraffic[]> {
    await this[Symbol.asyncDispose]();
    return (await this.#sample(signal)).hosts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #keepCounting(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await pause(SAMPLE_EVERY_MS, undefined, { signal });
        await this.#sample(signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #sample(signal: AbortSignal): Promise<TrafficSample> {
    const { atMs, hosts } = await this.#read(signal);
    const since = hosts.map((host, index) => ({
      receivedBytes: host.receivedBytes - (this.#base?.hosts[index]?.receivedBytes ?? 0),
      sentBytes: host.sentBytes - (this.#base?.hosts[index]?.sentBytes ?? 0),
    }));
    const sample = { atMs, hosts: since };
    this.samples.push(sample);
    return sample;
  }

  async #read(signal: AbortSignal): Promise<TrafficSample> {
    const { atMs, counters } = await this.#agent.call('counters', {}, signal);
    const hosts = Array.from({ length: this.#hostCount }, (_, index) => {
      const port = counters[`h${index + 1}`];
      // What the switch sends into a link, the host receives.
      return { receivedBytes: port?.sentBytes ?? 0, sentBytes: port?.receivedBytes ?? 0 };
    });
    return { atMs, hosts };
  }
}

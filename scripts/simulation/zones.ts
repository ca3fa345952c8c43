// Where hosts stand, and the thin links between these places.

import type { ZonePlan } from './fleet-scenario.ts';

/** Without zones everything is one. */
const ONE_ZONE: ZonePlan = { count: 1, rate: 0, latencyMs: 0 };

export class Zones {
  readonly #plan: ZonePlan;
  readonly #holders: number;

  /** @param holders the first so many hosts stand in zone 0; the others go round. */
  constructor(plan: ZonePlan | undefined, holders: number) {
    this.#plan = plan ?? ONE_ZONE;
    this.#holders = holders;
  }

  get count(): number {
    return this.#plan.count;
  }

  get rate(): number {
    return this.#plan.rate;
  }

  get latencyMs(): number {
    return this.#plan.latencyMs;
  }

  /** One per ordered pair of zones; those of a zone with itself are not used. */
  get pipeCount(): number {
    return this.count === 1 ? 0 : this.count * this.count;
  }

  of(host: number): number {
    return host < this.#holders ? 0 : (host - this.#holders) % this.count;
  }

  /** The pipe between two hosts; undefined within a zone. */
  pipeOf(source: number, target: number): number | undefined {
    if (this.count === 1) return undefined;
    const from = this.of(source);
    const to = this.of(target);
    return from === to ? undefined : from * this.count + to;
  }
}

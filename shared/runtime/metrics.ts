// Counters, gauges and histograms in the Prometheus format. The only place that imports prom-client.

import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

export interface CounterMetric {
  add(amount?: number, labels?: Readonly<Record<string, string>>): void;
}
export interface GaugeMetric {
  set(value: number, labels?: Readonly<Record<string, string>>): void;
}
export interface HistogramMetric {
  observe(value: number, labels?: Readonly<Record<string, string>>): void;
}
export interface MetricDescription {
  /** `shoal_<part>_<what>_<unit>`. */
  readonly name: string;
  readonly help: string;
  /** From small fixed sets: never a digest, a repository or a peer. */
  readonly labels?: readonly string[];
}

/** The metrics of one process. Each name is made once, by the part that owns it. */
export class Metrics {
  readonly #registry = new Registry();

  /** Adds process and event-loop metrics. Keeps no timer of its own. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  counter(description: MetricDescription): CounterMetric {
    const counter = new Counter({ ...options(description), registers: [this.#registry] });
    return { add: (amount = 1, labels = {}) => counter.inc(labels, amount) };
  }

  gauge(description: MetricDescription): GaugeMetric {
    const gauge = new Gauge({ ...options(description), registers: [this.#registry] });
    return { set: (value, labels = {}) => gauge.set(labels, value) };
  }

  /** A gauge that is read when somebody asks. */
  gaugeOf(description: MetricDescription, read: () => number): void {
    const gauge: Gauge = new Gauge({
      ...options(description),
      registers: [this.#registry],
      collect: () => gauge.set(read()),
    });
  }

  /** @param buckets upper bounds in the unit of the name. */
  histogram(description: MetricDescription, buckets: readonly number[]): HistogramMetric {
    const histogram = new Histogram({ ...options(description), buckets: [...buckets], registers: [this.#registry] });
    return { observe: (value, labels = {}) => histogram.observe(labels, value) };
  }

  /** The page for `GET /metrics`. */
  async text(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}

function options(description: MetricDescription): { name: string; help: string; labelNames: string[] } {
  return { name: description.name, help: description.help, labelNames: [...(description.labels ?? [])] };
}

// The metrics of the reference registry under its own names, beside ours: dashboards for it exist.

import type { ApiPath } from '../../shared/oci/api-path.ts';
import type { CounterMetric, GaugeMetric, HistogramMetric, Metrics } from '../../shared/runtime/metrics.ts';

/** Our routes in its words. What it does not have is counted under our word. */
const HANDLERS: Readonly<Record<ApiPath['type'], string>> = {
  base: 'base',
  blob: 'blob',
  token: 'base',
  catalog: 'catalog',
  extension: 'extension',
  manifest: 'manifest',
  name_invalid: 'unknown',
  referrers: 'referrers',
  tags: 'tags',
  unknown: 'unknown',
  upload: 'blob_upload_chunk',
  uploads: 'blob_upload',
};
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SIZE_BUCKETS = [1024, 64 * 1024, 1024 ** 2, 16 * 1024 ** 2, 256 * 1024 ** 2, 1024 ** 3, 4 * 1024 ** 3];

/** Make one per process: names are registered once. */
export class ReferenceMetrics {
  readonly #requests: CounterMetric;
  readonly #inFlight: GaugeMetric;
  readonly #durations: HistogramMetric;
  readonly #requestSizes: HistogramMetric;
  readonly #responseSizes: HistogramMetric;
  readonly #running = new Map<string, number>();

  constructor(metrics: Metrics) {
    const name = (what: string): string => `registry_http_${what}`;
    this.#requests = metrics.counter({
      name: name('requests_total'),
      help: 'Total number of HTTP requests made.',
      labels: ['handler', 'method', 'code'],
    });
    this.#inFlight = metrics.gauge({
      name: name('in_flight_requests'),
      help: 'The in-flight HTTP requests.',
      labels: ['handler'],
    });
    const duration = { name: name('request_duration_seconds'), help: 'The HTTP request latencies in seconds.' };
    this.#durations = metrics.histogram({ ...duration, labels: ['handler', 'method'] }, DURATION_BUCKETS);
    const requestSize = { name: name('request_size_bytes'), help: 'The HTTP request sizes in bytes.' };
    this.#requestSizes = metrics.histogram({ ...requestSize, labels: ['handler'] }, SIZE_BUCKETS);
    const responseSize = { name: name('response_size_bytes'), help: 'The HTTP response sizes in bytes.' };
    this.#responseSizes = metrics.histogram({ ...responseSize, labels: ['handler'] }, SIZE_BUCKETS);
  }

  begin(route: ApiPath['type']): void {
    this.#move(HANDLERS[route], 1);
  }

  /** @param request.receivedBytes of the body. */
  finish(request: {
    readonly route: ApiPath['type'];
    readonly method: string;
    readonly status: number;
    readonly ms: number;
    readonly receivedBytes: number;
    readonly sentBytes: number;
  }): void {
    const handler = HANDLERS[request.route];
    const method = request.method.toLowerCase();
    this.#move(handler, -1);
    this.#requests.add(1, { handler, method, code: String(request.status) });
    this.#durations.observe(request.ms / 1000, { handler, method });
    this.#requestSizes.observe(request.receivedBytes, { handler });
    this.#responseSizes.observe(request.sentBytes, { handler });
  }

  #move(handler: string, by: number): void {
    const running = (this.#running.get(handler) ?? 0) + by;
    this.#running.set(handler, running);
    this.#inFlight.set(running, { handler });
  }
}

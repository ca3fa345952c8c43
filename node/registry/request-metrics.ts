// What the registry API counts. Labels are the kind of path, the method and the status: small fixed sets.

import type { ErrorCode } from '../../shared/runtime/errors.ts';
import type { CounterMetric, HistogramMetric, Metrics } from '../../shared/runtime/metrics.ts';

const DURATION_BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300];
const KNOWN_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** The metrics of one registry. Make one per process: names are registered once. */
export class RequestMetrics {
  readonly #requests: CounterMetric;
  readonly #durations: HistogramMetric;
  readonly #blobBytes: CounterMetric;
  readonly #errors: CounterMetric;

  constructor(metrics: Metrics) {
    this.#requests = metrics.counter({
      name: 'shoal_registry_requests_total',
      help: 'Requests of the registry API; status 499 is a client that left before its answer was out.',
      labels: ['route', 'method', 'status'],
    });
    const duration = {
      name: 'shoal_registry_request_duration_seconds',
      help: 'From the headers of a request to the end of its answer.',
      labels: ['route', 'method'],
    };
    this.#durations = metrics.histogram(duration, DURATION_BUCKETS);
    this.#blobBytes = metrics.counter({
      name: 'shoal_registry_blob_bytes_sent_total',
      help: 'Bytes of blobs handed to clients.',
    });
    this.#errors = metrics.counter({
      name: 'shoal_registry_errors_total',
      help: 'Failed requests by the code of the failure; internal for a bug.',
      labels: ['code'],
    });
  }

  countRequest(request: {
    readonly route: string;
    readonly method: string;
    readonly status: number;
    readonly ms: number;
  }): void {
    const { route, status, ms } = request;
    const method = KNOWN_METHODS.has(request.method) ? request.method : 'other';
    this.#requests.add(1, { route, method, status: String(status) });
    this.#durations.observe(ms / 1000, { route, method });
  }

  countBlobBytes(bytes: number): void {
    this.#blobBytes.add(bytes);
  }

  countError(code: ErrorCode | 'internal'): void {
    this.#errors.add(1, { code });
  }
}

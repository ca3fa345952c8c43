// What the cache did, under the names of the reference registry, for dashboards that were made for it.

import type { CounterMetric, Metrics } from '../../shared/runtime/metrics.ts';

export type CachedKind = 'blob' | 'manifest';

export interface ProxyMetrics {
  /** A client asked: `hit` when nothing of it had to be fetched. */
  asked(type: CachedKind, result: 'hit' | 'miss'): void;
  /** Came from an upstream. */
  pulled(type: CachedKind, bytes: number): void;
  /** Went to a client. */
  pushed(type: CachedKind, bytes: number): void;
}

/** Make it once per `Metrics`. */
export function proxyMetrics(metrics: Metrics): ProxyMetrics {
  const counter = (what: string, help: string): CounterMetric =>
    metrics.counter({ name: `registry_proxy_${what}_total`, help, labels: ['type'] });
  const requests = counter('requests', 'Requests for content of upstreams.');
  const hits = counter('hits', 'Those among them that were answered without fetching anything.');
  const misses = counter('misses', 'Those among them for which something was fetched.');
  const pulledBytes = counter('pulled_bytes', 'Bytes fetched from upstreams.');
  const pushedBytes = counter('pushed_bytes', 'Bytes of upstreams given to clients.');
  return {
    asked: (type, result) => {
      requests.add(1, { type });
      (result === 'hit' ? hits : misses).add(1, { type });
    },
    pulled: (type, bytes) => pulledBytes.add(bytes, { type }),
    pushed: (type, bytes) => pushedBytes.add(bytes, { type }),
  };
}

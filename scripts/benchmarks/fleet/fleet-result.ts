// What a run of the fleet bench says: pure, from times and counters to the figures people compare.

import { median } from '../report.ts';
import type { HostKind } from './fleet-options.ts';
import type { HostTraffic, TrafficSample } from './link-traffic.ts';

/** One host that pulled. */
export interface HostResult extends HostTraffic {
  readonly host: number;
  readonly kind: HostKind;
  /** From the common start until every byte was there and checked; absent when it failed or was killed. */
  readonly seconds?: number;
  /** Until the first byte of a layer. */
  readonly firstByteSeconds?: number;
  readonly error?: string;
}

/** One side of a run: everything the clients and the links said. */
export interface SideResult {
  readonly hosts: readonly HostResult[];
  readonly source: HostTraffic;
  readonly control: HostTraffic;
  readonly pusher?: HostTraffic;
  readonly samples: readonly TrafficSample[];
  readonly startMs: number;
  /** CPU time of all programs on all hosts during the pull, clients and kernel's part of their work included. */
  readonly cpuSeconds: number;
  /** Share of the machine's cores that was idle during the pull: near 0 it was the cores that were measured. */
  readonly idleShare: number;
}

/** The figures of one side of one run. Seconds and ratio are those of healthy hosts. */
export interface SideSummary {
  readonly slowestSeconds: number;
  readonly p50Seconds: number;
  readonly fastestSeconds: number;
  /** The slowest against the fluid bound. */
  readonly ratio: number;
  readonly firstByteP50Seconds: number;
  /** Bytes that left the source's link, headers and all, in sizes of the image. */
  readonly originCopies: number;
  /** The same of the host that was pushed to, when that is another. */
  readonly pusherCopies?: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** To and from the coordinator's host. */
  readonly controlBytes: number;
  readonly cpuSeconds: number;
  readonly idleShare: number;
  readonly slowHostSeconds: readonly number[];
  readonly failures: readonly string[];
}

/** @param boundSeconds of the healthy hosts. */
export function summarise(
  side: SideResult,
  run: { readonly sizeBytes: number; readonly boundSeconds: number },
): SideSummary {
  const healthy = side.hosts.filter((host) => host.kind === 'healthy');
  const seconds = healthy.map((host) => host.seconds ?? Number.NaN);
  const slowestSeconds = Math.max(...seconds);
  const links = [...side.hosts, side.source, side.control, ...(side.pusher === undefined ? [] : [side.pusher])];
  return {
    slowestSeconds,
    p50Seconds: median(seconds),
    fastestSeconds: Math.min(...seconds),
    ratio: slowestSeconds / run.boundSeconds,
    firstByteP50Seconds: median(healthy.map((host) => host.firstByteSeconds ?? Number.NaN)),
    originCopies: side.source.sentBytes / run.sizeBytes,
    ...(side.pusher === undefined ? {} : { pusherCopies: side.pusher.sentBytes / run.sizeBytes }),
    sentBytes: sum(links.map((link) => link.sentBytes)),
    receivedBytes: sum(links.map((link) => link.receivedBytes)),
    controlBytes: side.control.sentBytes + side.control.receivedBytes,
    cpuSeconds: side.cpuSeconds,
    idleShare: side.idleShare,
    slowHostSeconds: side.hosts.filter((host) => host.kind === 'slow').map((host) => host.seconds ?? Number.NaN),
    failures: side.hosts
      .filter((host) => host.kind !== 'killed' && host.error !== undefined)
      .map((host) => `host ${host.host}: ${host.error}`),
  };
}

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

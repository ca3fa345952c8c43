// The client on a host of the bench, and what it can be asked to do (host-agent-main.mjs).

import { join } from 'node:path';
import { inNamespace } from '../../../test/support/run-command.ts';
import { root } from '../../setup.mjs';
import { ChildCalls } from '../calls/child-calls.ts';

const MAIN = join(root, 'scripts/benchmarks/fleet/host-agent-main.mjs');

/** A file to push as a layer. */
export interface LayerFile {
  readonly path: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

/** An image in a registry, as the host sees it. */
export interface ImagePlace {
  /** `http://host:port` */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
}

/** When things happened, in milliseconds of the machine's own monotonic clock (`monotonicMs`). */
export interface PullTimes {
  readonly manifestMs: number;
  readonly blobs: ReadonlyArray<{ readonly digest: string; readonly firstByteMs: number; readonly doneMs: number }>;
  readonly doneMs: number;
}

/** What crossed interfaces until `atMs`. */
export interface InterfaceCounters {
  readonly atMs: number;
  readonly counters: Readonly<Record<string, { readonly receivedBytes: number; readonly sentBytes: number }>>;
}

interface HostCalls {
  get(params: { readonly url: string }): { readonly status: number; readonly body: string };
  push(params: ImagePlace & { readonly layers: readonly LayerFile[] }): object;
  pull(params: ImagePlace & { readonly atMs: number }): PullTimes;
  counters(params: object): InterfaceCounters;
}

/** The clock of `PullTimes`. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The client on one host. */
export type HostAgent = ChildCalls<HostCalls>;

/** Starts one in a namespace; returns when it takes calls. */
export function startHostAgent(namespace: string): Promise<HostAgent> {
  return ChildCalls.start<HostCalls>(inNamespace(namespace, [process.execPath, MAIN]));
}

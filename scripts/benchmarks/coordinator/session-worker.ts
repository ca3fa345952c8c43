// A process that holds many sessions with the coordinator, and what it can be asked to do (session-worker-main.ts).

import { join } from 'node:path';
import { root } from '../../setup.mjs';
import { ChildCalls } from '../calls/child-calls.ts';

const MAIN = join(root, 'scripts/benchmarks/coordinator/session-worker-main.ts');

/** Sessions to open, each of a node that is enrolled for it. */
export interface OpenParams {
  readonly count: number;
  /** Of the first node; each has a number of its own over all workers. */
  readonly firstNumber: number;
  /** `host:port` */
  readonly coordinator: string;
  readonly fleetId: string;
  readonly ca: string;
  readonly token: string;
  readonly isOrigin: boolean;
}

/** @property atMs of the wall clock, so that all workers begin together. */
export interface AnnounceParams {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly atMs: number;
}

export interface ResolveParams {
  readonly repository: string;
  readonly tag: string;
  readonly everyMs: number;
}

/** @property hashes of the piece table, base64. */
export interface BlobParams {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly pieceBytes: number;
  readonly hashes: string;
}

/** Times are in milliseconds. */
export interface SessionWorkerCalls {
  open(params: OpenParams): object;
  announce(params: AnnounceParams): number[];
  resolve(params: ResolveParams): number[];
  stopResolving(params: object): object;
  push(params: {
    readonly repository: string;
    readonly tag: string;
    readonly manifest: { readonly digest: string; readonly mediaType: string; readonly text: string };
    readonly blobs: readonly BlobParams[];
  }): object;
}

export type SessionWorker = ChildCalls<SessionWorkerCalls>;

/** Starts one; returns when it takes calls. */
export function startSessionWorker(): Promise<SessionWorker> {
  return ChildCalls.start<SessionWorkerCalls>([process.execPath, '--import', import.meta.resolve('tsx'), MAIN]);
}

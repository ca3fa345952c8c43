// Many sessions in one process, each as a node has it: mutual TLS with a certificate of its own, a WebSocket, pings.

import { setMaxListeners } from 'node:events';
import pLimit from 'p-limit';
import { Announcer } from '../../../node/coordinator-link/announcer.ts';
import { Session } from '../../../node/coordinator-link/session.ts';
import type { StoredBlob } from '../../../node/content/blob-store.ts';
import { makeFreshKey } from '../../../node/identity/fresh-key.ts';
import { parseDigest } from '../../../shared/oci/digest.ts';
import { EnrolResponse } from '../../../shared/protocol/admin-api.ts';
import { callCoordinator } from '../../../shared/protocol/coordinator-api.ts';
import { SESSION_PROTOCOL, type CoordinatorLink } from '../../../shared/protocol/coordinator-methods.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { answerCalls } from '../calls/answer-calls.mjs';
import type { AnnounceParams, OpenParams, ResolveParams, SessionWorkerCalls } from './session-worker.ts';

/** Handshakes under way at a time: enough to keep one core busy. */
const OPENING_AT_A_TIME = 8;

interface Announcing {
  readonly session: Session;
  /** As a node has it, so that announcements come when nodes would send them. */
  readonly announcer: Announcer;
  /** Called when something was acknowledged. */
  acknowledged: () => void;
}

const nodes: Announcing[] = [];
const never = new AbortController().signal;
setMaxListeners(0, never);
let probing = new AbortController();

/** One key for all certificates of this process: making thousands of keys would measure nothing of the coordinator. */
async function open({ count, firstNumber, coordinator, fleetId, ca, token, isOrigin }: OpenParams): Promise<object> {
  const { key, csr } = await makeFreshKey();
  const limit = pLimit(OPENING_AT_A_TIME);
  const openOne = async (number: number): Promise<void> => {
    const body = { token, csr, name: `bench-${number}` };
    const call = { method: 'POST', path: '/api/enrol', body, answer: EnrolResponse } as const;
    const deps = { clock: systemClock };
    const { nodeId, certificate } = await callCoordinator(deps, { address: coordinator, fleetId, ca }, call, never);
    const swarmAddress = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}:5110`;
    const hello = { protocol: SESSION_PROTOCOL, version: '0.0.0', isOrigin, swarmAddress };
    const tls = { cert: certificate, key, ca };
    const session = await Session.open(
      { clock: systemClock, onEvent: () => undefined },
      { address: coordinator, fleetId, nodeId, tls, hello },
      never,
    );
    void session.ended.then((reason) => process.stderr.write(`a session of the bench ended: ${reason}\n`));
    await withAnnouncer(session);
  };
  await Promise.all(Array.from({ length: count }, (_, index) => limit(() => openOne(firstNumber + index))));
  return {};
}

/** Resolves when the snapshot, of nothing, was acknowledged. */
async function withAnnouncer(session: Session): Promise<void> {
  await new Promise<void>((acknowledged) => {
    const link: CoordinatorLink = {
      isConnected: true,
      failure: undefined,
      call: async (method, params, signal) => {
        const answer = await session.call(method, params, signal);
        node.acknowledged();
        return answer;
      },
      listen: () => () => undefined,
    };
    const deps = { link, blobs: { list: noBlobs }, clock: systemClock, log: silentLogger, random: Math.random };
    const node: Announcing = { session, announcer: new Announcer(deps), acknowledged };
    nodes.push(node);
  });
}

async function* noBlobs(): AsyncGenerator<StoredBlob> {
  // The nodes of the bench hold nothing at the start.
}

/** Every node has a blob in the same moment. @returns when each word of it was acknowledged, in milliseconds from the start. */
async function announce({ digest, sizeBytes, atMs }: AnnounceParams): Promise<number[]> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - Date.now())));
  const blob = { digest: parseDigest(digest), sizeBytes };
  const startMs = performance.now();
  return Promise.all(
    nodes.map(
      (node) =>
        new Promise<number>((resolve) => {
          node.acknowledged = () => resolve(performance.now() - startMs);
          node.announcer.add(blob);
        }),
    ),
  );
}

/** Resolves a tag again and again, each `everyMs` whether or not the one before was answered. Ends with `stopResolving`. */
async function resolveTag({ repository, tag, everyMs }: ResolveParams): Promise<number[]> {
  const session = nodes[0]?.session;
  if (session === undefined) throw new Error('this process has no session');
  probing = new AbortController();
  const times: number[] = [];
  const waiting: Array<Promise<unknown>> = [];
  const ask = async (): Promise<void> => {
    const startMs = performance.now();
    const found = await session.call('manifest.resolve', { repository, reference: { tag } }, never);
    if (!found.found) throw new Error('the tag of the bench is gone');
    times.push(performance.now() - startMs);
  };
  await new Promise<void>((done) => {
    const timer = setInterval(() => {
      if (!probing.signal.aborted) {
        waiting.push(ask());
        return;
      }
      clearInterval(timer);
      done();
    }, everyMs);
  });
  await Promise.all(waiting);
  return times;
}

/** What a push of one image says to the coordinator. */
async function push({ repository, tag, manifest, blobs }: Parameters<SessionWorkerCalls['push']>[0]): Promise<object> {
  const session = nodes[0]?.session;
  if (session === undefined) throw new Error('this process has no session');
  for (const { digest, sizeBytes, pieceBytes, hashes } of blobs) {
    const table = { sizeBytes, pieceBytes, hashes: Buffer.from(hashes, 'base64') };
    await session.call('blob.add', { repository, digest: parseDigest(digest), table }, never);
  }
  const { digest, mediaType, text } = manifest;
  const params = { repository, digest: parseDigest(digest), mediaType, bytes: Buffer.from(text), tags: [tag] };
  await session.call('manifest.put', params, never);
  return {};
}

async function stopResolving(): Promise<object> {
  probing.abort();
  return {};
}

answerCalls({ open, announce, resolve: resolveTag, stopResolving, push });

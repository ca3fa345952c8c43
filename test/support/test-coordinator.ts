// A coordinator as `shoal coordinator` starts it, on a free port, with nodes that speak to it in the process or over TLS.

import { generateKeyPairSync } from 'node:crypto';
import { makeSigningRequest } from '../../shared/identity/signing-request.ts';
import type { TlsMaterial } from '../../shared/identity/tls-material.ts';
import { digestOf, type Digest } from '../../shared/oci/digest.ts';
import { hashPiece, pieceBytesFor, type PieceTable } from '../../shared/pieces/piece-table.ts';
import {
  SESSION_PROTOCOL,
  type CoordinatorEvent,
  type CoordinatorLink,
  type Params,
} from '../../shared/protocol/coordinator-methods.ts';
import { systemClock } from '../../shared/runtime/clock.ts';
import { createLogger, silentLogger } from '../../shared/runtime/log.ts';
import { Metrics } from '../../shared/runtime/metrics.ts';
import { coordinatorConfig } from './coordinator-config.ts';
import { startCoordinator, type AdminAccess, type RunningCoordinator } from '../../coordinator/coordinator.ts';

export interface TestCoordinator {
  readonly running: RunningCoordinator;
  readonly admin: AdminAccess;
}

/** Starts one in `data`. The caller disposes `running`. */
export async function startTestCoordinator(data: string, settings: object = {}): Promise<TestCoordinator> {
  let admin: AdminAccess | undefined;
  const running = await startCoordinator(coordinatorConfig({ data, listen: '127.0.0.1:0', ...settings }), {
    clock: systemClock,
    log:
      process.env['SHOAL_TEST_LOG'] === undefined ? silentLogger : createLogger({ level: 'debug', format: 'pretty' }),
    metrics: new Metrics(),
    version: '0.0.0',
    keepAdminAccess: async (access) => {
      admin = access;
    },
  });
  if (admin === undefined) throw new Error('the coordinator gave no admin access');
  return { running, admin };
}

export interface TestNode {
  readonly nodeId: string;
  readonly tls: TlsMaterial;
}

/** Lets a node into the fleet. */
export function enrolTestNode(running: RunningCoordinator, name: string): TestNode {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { nodeId, certificate, ca } = running.enrolOwn({ csr: makeSigningRequest(privateKey), name });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { nodeId, tls: { cert: certificate, key, ca } };
}

/** What a test node says at the start. */
export function helloOf(
  name: string,
  options: {
    readonly isOrigin?: boolean;
    readonly zone?: string;
    readonly rack?: string;
    readonly hasSlowLink?: boolean;
    readonly carriesOut?: string[];
  } = {},
): Params<'session.hello'> {
  return {
    ...options,
    protocol: SESSION_PROTOCOL,
    version: '0.0.0',
    isOrigin: options.isOrigin ?? false,
    swarmAddress: `${name}:5110`,
  };
}

/** A node's link with the events that it got. */
export class LinkedNode implements AsyncDisposable {
  readonly nodeId: string;
  readonly link: CoordinatorLink & AsyncDisposable;
  readonly events: CoordinatorEvent[] = [];
  readonly #watchers = new Set<() => void>();

  private constructor(nodeId: string, link: CoordinatorLink & AsyncDisposable) {
    this.nodeId = nodeId;
    this.link = link;
  }

  /** Starts the link and waits until it has a session. */
  static async connect(
    nodeId: string,
    link: CoordinatorLink & AsyncDisposable & { start(): void },
  ): Promise<LinkedNode> {
    const node = new LinkedNode(nodeId, link);
    const connected = new Promise<void>((resolve) => {
      link.listen({
        onConnected: resolve,
        onEvent: (event) => {
          node.events.push(event);
          for (const watcher of node.#watchers) watcher();
        },
      });
    });
    link.start();
    await connected;
    return node;
  }

  /** The first event, past or to come, that `isWanted` accepts. */
  event(isWanted: (event: CoordinatorEvent) => boolean): Promise<CoordinatorEvent> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.events.find(isWanted);
        if (found === undefined) return;
        this.#watchers.delete(look);
        resolve(found);
      };
      this.#watchers.add(look);
      look();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.link[Symbol.asyncDispose]();
  }
}

/** Links a node within the process and waits for its session. */
export async function linkNode(
  running: RunningCoordinator,
  name: string,
  options: { readonly isOrigin?: boolean } = {},
): Promise<LinkedNode> {
  const { nodeId } = enrolTestNode(running, name);
  return LinkedNode.connect(nodeId, running.linkInProcess({ nodeId, hello: helloOf(name, options) }));
}

export interface SmallBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly table: PieceTable;
}

/** A blob of one piece. */
export function smallBlob(text: string): SmallBlob {
  const bytes = Buffer.from(text);
  const table = { sizeBytes: bytes.length, pieceBytes: pieceBytesFor(bytes.length), hashes: hashPiece(bytes) };
  return { digest: digestOf(bytes), sizeBytes: bytes.length, table };
}

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';

/** An image manifest over blobs, the first being its config. */
export function imageManifest(
  blobs: readonly SmallBlob[],
  extra: object = {},
): { readonly digest: Digest; readonly bytes: Buffer; readonly mediaType: string } {
  const [config, ...layers] = blobs.map(({ digest, sizeBytes }) => ({
    mediaType: 'application/x',
    digest,
    size: sizeBytes,
  }));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers, ...extra }));
  return { digest: digestOf(bytes), bytes, mediaType: OCI_MANIFEST };
}

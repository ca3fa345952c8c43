// A fleet in one process on a fake clock, for the model test of collection: the coordinator's own core on a real SQLite file,
// and hosts made of the node's own announcer, orders, removals, uploads and locks over stores in memory. Only the ways of
// bytes between hosts are short: who replicates copies from another host's store.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { CoordinatorCore } from '../../coordinator/coordinator-core.ts';
import { coordinatorConfig } from './coordinator-config.ts';
import { FleetDatabase } from '../../coordinator/database/fleet-database.ts';
import { InProcessLink } from '../../coordinator/sessions/in-process-link.ts';
import { DigestLocks } from '../../node/content/digest-locks.ts';
import type { AdoptedBlob, UploadStore } from '../../node/content/blob-store.ts';
import { NodeUploads } from '../../node/content/node-uploads.ts';
import { Announcer } from '../../node/coordinator-link/announcer.ts';
import { Orders } from '../../node/coordinator-link/orders.ts';
import { Removals } from '../../node/coordinator-link/removals.ts';
import type { Digest } from '../../shared/oci/digest.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { silentLogger as log } from '../../shared/runtime/log.ts';
import { Metrics } from '../../shared/runtime/metrics.ts';
import { FakeClock } from './fake-clock.ts';
import { MemoryBlobStore } from './memory-blob-store.ts';
import { helloOf, smallBlob } from './test-coordinator.ts';

export const PUSH_GRACE_MS = 60_000;
export const DELETE_DELAY_MS = 20_000;
export const EVERY_MS = 10_000;

/** What a host's program is made of, while it runs. */
interface HostParts {
  readonly link: InProcessLink;
  readonly uploads: NodeUploads;
  readonly removals: Removals;
  readonly close: () => Promise<void>;
}

/** One host. What its store holds outlives a crash of the coordinator, and of the host's own program. */
export class WorldHost {
  readonly nodeId: string;
  readonly isOrigin: boolean;
  readonly store = new MemoryBlobStore();
  readonly #world: CollectionWorld;
  #parts: HostParts | undefined;
  readonly #waiting = new Map<string, AdoptedBlob>();

  constructor(world: CollectionWorld, options: { readonly nodeId: string; readonly isOrigin: boolean }) {
    this.#world = world;
    this.nodeId = options.nodeId;
    this.isOrigin = options.isOrigin;
  }

  get link(): InProcessLink {
    return this.#running.link;
  }

  get isRunning(): boolean {
    return this.#parts !== undefined;
  }

  start(): void {
    const { clock, core } = this.#world;
    const { nodeId, isOrigin, store } = this;
    const hello = helloOf(nodeId, { isOrigin });
    const link = new InProcessLink({ clock, log, openSession: core.openSession }, { nodeId, hello });
    const metrics = new Metrics();
    const locks = new DigestLocks();
    const announcer = new Announcer({ link, blobs: store, clock, log, random: () => 0.5 });
    const replicate = async ({ digest }: { digest: Digest }): Promise<void> => this.#replicate(digest);
    const orders = new Orders({
      link,
      blobs: store,
      swarm: { replicate },
      locks,
      announcer,
      clock,
      log,
      metrics,
      random: () => 0.5,
    });
    const removals = new Removals({ link, blobs: store, announcer, locks, log, metrics });
    const onAdopted = (blob: AdoptedBlob): void => announcer.add(blob);
    const uploads = new NodeUploads({
      link,
      known: { rememberBlob: () => undefined },
      store: this.#uploadStore(),
      locks,
      onAdopted,
    });
    const close = async (): Promise<void> => {
      await link[Symbol.asyncDispose]();
      await Promise.all([removals, orders, announcer].map((part) => part[Symbol.asyncDispose]()));
    };
    this.#parts = { link, uploads, removals, close };
    link.start();
  }

  async stop(): Promise<void> {
    const parts = this.#parts;
    this.#parts = undefined;
    await parts?.close();
  }

  /** As a client pushes: asked for first, sent when it is not there. */
  async pushBlob(repository: string, text: string): Promise<void> {
    const { digest } = smallBlob(text);
    const { link, uploads } = this.#running;
    const { signal } = this.#world;
    if ((await link.call('blob.stat', { repository, digest }, signal)).sizeBytes !== undefined) return;
    const id = await uploads.begin(repository);
    this.#waiting.set(id, { ...smallBlob(text) });
    await uploads.finish({ repository, id, digest }, signal);
  }

  /** Its program ends with a file on disk that it had no time to tell of, and starts again. */
  async crashWithFile(digest: Digest): Promise<void> {
    if (this.#parts === undefined) return;
    await this.stop();
    this.store.add(this.#world.bytesOf(digest));
    if (this.#world.isCoordinatorUp) this.start();
  }

  /** Tries to make room of one blob. */
  async evict(digest: Digest): Promise<void> {
    if ((await this.store.stat(digest)) !== undefined) await this.#running.removals.remove(digest, 'evicted');
  }

  get #running(): HostParts {
    if (this.#parts === undefined) throw new AppError('coordinator_unreachable', 'this host is stopped');
    return this.#parts;
  }

  #uploadStore(): UploadStore {
    let count = 0;
    const unused = (): never => assert.fail('not part of this world');
    return {
      create: async () => `${this.nodeId}-${(count += 1)}` as Awaited<ReturnType<UploadStore['create']>>,
      owner: unused,
      offset: unused,
      append: unused,
      cancel: unused,
      finish: async (_, id) => {
        const blob = this.#waiting.get(id);
        assert.ok(blob !== undefined);
        await this.#world.clock.sleep(Math.floor(this.#world.random() * 5), this.#world.signal);
        this.store.add(this.#world.bytesOf(blob.digest));
        return blob;
      },
    };
  }

  async #replicate(digest: Digest): Promise<void> {
    await this.#world.clock.sleep(Math.floor(this.#world.random() * 20), this.#world.signal);
    for (const other of this.#world.hosts) {
      const bytes = other === this ? undefined : other.store.bytesOf(digest);
      if (bytes !== undefined) return void this.store.add(bytes);
    }
    throw new AppError('blob_unavailable', 'no host has it');
  }
}

/** The fleet. */
export class CollectionWorld {
  readonly clock = new FakeClock();
  readonly hosts: WorldHost[] = [];
  /** `repository@digest` of manifests that users deleted, at any time. */
  readonly deletedByUsers = new Set<string>();
  readonly random: () => number;
  readonly signal = new AbortController().signal;
  readonly #folder: string;
  readonly #bytes = new Map<Digest, Uint8Array>();
  #core: CoordinatorCore | undefined;
  #database: FleetDatabase | undefined;

  constructor(options: { readonly folder: string; readonly random: () => number; readonly texts: readonly string[] }) {
    this.#folder = options.folder;
    this.random = options.random;
    for (const text of options.texts) this.#bytes.set(smallBlob(text).digest, Buffer.from(text));
  }

  get core(): CoordinatorCore {
    if (this.#core === undefined) throw new Error('the coordinator is down');
    return this.#core;
  }

  get isCoordinatorUp(): boolean {
    return this.#core !== undefined;
  }

  get database(): FleetDatabase {
    if (this.#database === undefined) throw new Error('the coordinator is down');
    return this.#database;
  }

  bytesOf(digest: Digest): Uint8Array {
    const bytes = this.#bytes.get(digest);
    assert.ok(bytes !== undefined);
    return bytes;
  }

  addHost(name: string, options: { readonly isOrigin: boolean }): void {
    this.database.nodes.insert({ nodeId: name, serial: name, expiresMs: Number.MAX_SAFE_INTEGER }, this.clock.wallMs());
    const host = new WorldHost(this, { nodeId: name, ...options });
    this.hosts.push(host);
    host.start();
  }

  startCoordinator(): void {
    const { clock } = this;
    const metrics = new Metrics();
    this.#database = FleetDatabase.open(join(this.#folder, 'coordinator.db'), { metrics });
    const config = coordinatorConfig({
      data: this.#folder,
      listen: '127.0.0.1:0',
      graceMs: 0,
      sweepEveryMs: 1000,
      orderRetryMs: 1000,
      durability: { copies: 1, waitMs: 5000 },
      collection: { everyMs: EVERY_MS, deleteDelayMs: DELETE_DELAY_MS, pushGraceMs: PUSH_GRACE_MS, untagged: 'remove' },
    });
    this.#core = new CoordinatorCore(
      {
        clock,
        database: this.#database,
        log,
        metrics,
        renewCertificate: () => '',
        authority: { sign: () => Buffer.alloc(0) },
      },
      { config, fleetId: 'model', seed: 1 },
    );
  }

  /** What was not committed is gone: the database is closed under the coordinator, and its hosts lose their sessions. */
  async crashCoordinator(): Promise<void> {
    const core = this.core;
    this.#core = undefined;
    await this.#stopHosts();
    this.#database?.[Symbol.dispose]();
    await core[Symbol.asyncDispose]().catch(() => undefined); // only its timers matter: it has no database any more
  }

  restart(): void {
    this.startCoordinator();
    for (const host of this.hosts) if (!host.isRunning) host.start();
  }

  async close(): Promise<void> {
    await this.#stopHosts();
    await this.#core?.[Symbol.asyncDispose]();
    this.#database?.[Symbol.dispose]();
  }

  /** What they wait for has its time meanwhile. */
  async #stopHosts(): Promise<void> {
    const stopping = Promise.all(this.hosts.map((host) => host.stop()));
    await this.clock.advance(100);
    await stopping;
  }
}

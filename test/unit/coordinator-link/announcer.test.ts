import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Announcer } from '../../../node/coordinator-link/announcer.ts';
import type { BlobStat, StoredBlob } from '../../../node/content/blob-store.ts';
import { digestOf, type Digest } from '../../../shared/oci/digest.ts';
import type { Params } from '../../../shared/protocol/coordinator-methods.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeLink } from '../../support/fake-link.ts';

type Announcement = Params<'holdings.announce'>;

/** A host's blobs, and what a coordinator makes of the announcements by its own rules. */
class World {
  readonly clock = new FakeClock();
  readonly held = new Map<Digest, number>();
  readonly heard: Announcement[] = [];
  /** As the coordinator knows it. */
  known = new Set<Digest>();
  failNext = 0;
  /** What the coordinator answers. */
  spreadMs = 0;
  readonly link = new FakeLink({
    'holdings.announce': (announcement) => {
      if (this.failNext > 0) {
        this.failNext -= 1;
        throw new AppError('timed_out', 'no answer');
      }
      this.#hear(announcement);
      return { spreadMs: this.spreadMs };
    },
  });
  readonly announcer: Announcer;
  #snapshot: Set<Digest> | undefined;

  constructor(options: { readonly blobCount: number; readonly isConnected: boolean }) {
    for (let index = 0; index < options.blobCount; index += 1) this.hold(index);
    this.link.isConnected = options.isConnected;
    this.announcer = new Announcer({
      link: this.link,
      blobs: { list: () => this.#list() },
      clock: this.clock,
      log: silentLogger,
      random: () => 1,
    });
  }

  hold(index: number): BlobStat {
    const blob = { digest: digestOf(Buffer.from(String(index))), sizeBytes: index };
    this.held.set(blob.digest, blob.sizeBytes);
    return blob;
  }

  add(index: number): void {
    this.announcer.add(this.hold(index));
  }

  remove(index: number): void {
    const digest = digestOf(Buffer.from(String(index)));
    this.held.delete(digest);
    this.announcer.remove(digest);
  }

  assertKnown(): void {
    assert.deepEqual([...this.known].sort(), [...this.held.keys()].sort());
  }

  #hear(announcement: Announcement): void {
    this.heard.push(announcement);
    const { snapshot, added, removed } = announcement;
    if (snapshot === 'begin' || snapshot === 'whole') this.#snapshot = new Set();
    assert.ok(snapshot !== 'continue' || this.#snapshot !== undefined, 'a snapshot goes on that never began');
    const target = this.#snapshot ?? this.known;
    for (const { digest } of added) target.add(digest);
    for (const digest of removed) target.delete(digest);
    if (snapshot === 'end' || snapshot === 'whole') {
      this.known = target;
      this.#snapshot = undefined;
    }
  }

  async *#list(): AsyncGenerator<StoredBlob> {
    for (const [digest, sizeBytes] of [...this.held]) {
      await Promise.resolve();
      yield { digest, sizeBytes, lastUsedMs: 0 };
    }
  }
}

test('A session starts with everything that is here, in parts that fit a message', async () => {
  const world = new World({ blobCount: 4001, isConnected: false });
  world.link.connect();

  await world.clock.advance(0);
  while (world.heard.length < 3) await world.clock.advance(1);

  assert.deepEqual(
    world.heard.map(({ snapshot, added }) => [snapshot, added.length]),
    [
      ['begin', 2000],
      ['continue', 2000],
      ['end', 1],
    ],
  );
  world.assertKnown();
  await world.announcer[Symbol.asyncDispose]();
});

test('A host with nothing says so in one message', async () => {
  const world = new World({ blobCount: 0, isConnected: true });

  await world.clock.advance(1);

  assert.deepEqual(world.heard, [{ snapshot: 'whole', added: [], removed: [] }]);
  await world.announcer[Symbol.asyncDispose]();
});

test('A host that is told to says everything again, from the beginning when it was saying it', async () => {
  const world = new World({ blobCount: 2001, isConnected: true });
  world.link.emit({ type: 'order.announce' });
  while (world.heard.length < 2) await world.clock.advance(1);
  world.add(5000);
  world.link.emit({ type: 'order.announce' });
  while (world.heard.length < 4) await world.clock.advance(1);
  await world.clock.advance(1000);

  assert.deepEqual(
    world.heard.map(({ snapshot }) => snapshot),
    ['begin', 'end', 'begin', 'end'],
  );
  world.assertKnown();
  world.add(6000);
  await world.clock.advance(1000);
  world.assertKnown();
  await world.announcer[Symbol.asyncDispose]();
});

test('Changes within 50 ms go out together, the last word on each blob', async () => {
  const world = new World({ blobCount: 1, isConnected: true });
  await world.clock.advance(1);

  world.add(1);
  world.add(2);
  world.remove(2);
  await world.clock.advance(50);

  assert.equal(world.heard.length, 2);
  assert.deepEqual(
    world.heard[1]?.added.map(({ sizeBytes }) => sizeBytes),
    [1],
  );
  world.assertKnown();
  await world.announcer[Symbol.asyncDispose]();
});

test('Within a large fleet news wait for a part of the time that the coordinator named, and go out together', async () => {
  const world = new World({ blobCount: 1, isConnected: true });
  world.spreadMs = 4000;
  await world.clock.advance(1);

  world.add(1);
  await world.clock.advance(2000);
  world.add(2);
  await world.clock.advance(2049);
  assert.equal(world.heard.length, 1);
  await world.clock.advance(1);

  assert.equal(world.heard.length, 2);
  world.assertKnown();
  await world.announcer[Symbol.asyncDispose]();
});

test('The snapshot of a new session does not wait for news that were being gathered', async () => {
  const world = new World({ blobCount: 1, isConnected: true });
  world.spreadMs = 30_000;
  await world.clock.advance(1);
  world.add(1);
  await world.clock.advance(100);

  world.link.disconnect();
  world.link.connect();
  await world.clock.advance(1);

  assert.deepEqual(
    world.heard.map(({ snapshot }) => snapshot),
    ['whole', 'whole'],
  );
  world.assertKnown();
  await world.announcer[Symbol.asyncDispose]();
});

test('Stopping does not wait for news that are being gathered', async () => {
  const world = new World({ blobCount: 1, isConnected: true });
  world.spreadMs = 30_000;
  await world.clock.advance(1);
  world.add(1);
  await world.clock.advance(100);

  await world.announcer[Symbol.asyncDispose]();

  assert.equal(world.clock.pendingCount, 0);
});

test('What was not heard is told again', async () => {
  const world = new World({ blobCount: 2, isConnected: true });
  await world.clock.advance(1);
  world.failNext = 3;

  world.add(7);
  await world.clock.advance(10_000);

  world.assertKnown();
  await world.announcer[Symbol.asyncDispose]();
});

test('The coordinator ends up knowing what is here, whatever changes, breaks and comes back', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), index: fc.nat(20) }),
    fc.record({ do: fc.constant('remove' as const), index: fc.nat(20) }),
    fc.record({
      do: fc.constantFrom('disconnect' as const, 'connect' as const, 'fail' as const, 'order' as const),
      index: fc.constant(0),
    }),
    fc.record({ do: fc.constant('wait' as const), index: fc.nat(60) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const world = new World({ blobCount: 3, isConnected: false });
      world.spreadMs = 100;
      for (const { do: what, index } of steps) {
        if (what === 'add') world.add(index);
        if (what === 'remove') world.remove(index);
        if (what === 'disconnect' && world.link.isConnected) world.link.disconnect();
        if (what === 'connect' && !world.link.isConnected) world.link.connect();
        if (what === 'fail') world.failNext = 1;
        if (what === 'order' && world.link.isConnected) world.link.emit({ type: 'order.announce' });
        if (what === 'wait') await world.clock.advance(index);
      }
      if (!world.link.isConnected) world.link.connect();
      await world.clock.advance(60_000);

      world.assertKnown();
      await world.announcer[Symbol.asyncDispose]();
    }),
    { numRuns: 100 },
  );
});

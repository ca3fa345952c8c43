import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { digestOf, parseDigest, type Digest } from '../../../shared/oci/digest.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import type { Store } from '../../../node/store/store.ts';
import { chunkOf, never, readBlob, sampleOf } from '../../contract/store/store-under-test.ts';
import { printedRandom } from '../../support/printed-random.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

const ROUNDS = 12;
const child = fileURLToPath(new URL('./crash-child.ts', import.meta.url));

/** What the killed process had acknowledged. */
interface Acknowledged {
  readonly sessions: Map<string, { readonly seed: string; readonly sizeBytes: number; offset: number }>;
  readonly blobs: Set<Digest>;
  readonly partials: Map<string, number>;
}

test('A process killed at any moment loses nothing that it acknowledged and leaves no half blob', async (t) => {
  const random = printedRandom((line) => t.diagnostic(line));
  await using folder = await openTemporaryFolder('crash');
  const adopted = new Set<Digest>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const lines = 1 + Math.floor(random() * 120);
    t.diagnostic(`round ${round}: killed after ${lines} lines`);
    const acknowledged = await runUntilKilled(folder.path, { round, lines });
    for (const digest of acknowledged.blobs) adopted.add(digest);

    await using store = await openTestStore({ folder: folder.path });
    await assertBlobsWhole(store, adopted);
    for (const [id, session] of acknowledged.sessions) await finishSession(store, id, session);
    for (const [seed, sizeBytes] of acknowledged.partials) await finishPartial(store, sampleOf(seed, sizeBytes));
    await assertNoLeftovers(folder.path);
  }
});

async function runUntilKilled(
  folder: string,
  options: { readonly round: number; readonly lines: number },
): Promise<Acknowledged> {
  const killed = spawn(process.execPath, ['--import', 'tsx', child, folder, String(options.round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise((resolve) => killed.once('exit', resolve));
  const acknowledged: Acknowledged = { sessions: new Map(), blobs: new Set(), partials: new Map() };
  let count = 0;
  for await (const line of createInterface({ input: killed.stdout })) {
    count += 1;
    if (count === options.lines) killed.kill('SIGKILL');
    note(acknowledged, line.split(' '));
  }
  await exited;
  assert.equal(killed.signalCode, 'SIGKILL');
  return acknowledged;
}

function note(
  { sessions, blobs, partials }: Acknowledged,
  [what, name = '', third = '', fourth = '']: readonly string[],
): void {
  if (what === 'created') sessions.set(name, { seed: third, sizeBytes: Number(fourth), offset: 0 });
  if (what === 'partial') partials.set(name, Number(third));
  if (what === 'offset') {
    const session = sessions.get(name);
    if (session !== undefined) session.offset = Number(third);
  }
  if (what === 'adopted') {
    blobs.add(parseDigest(third));
    sessions.delete(name);
    partials.delete(name);
  }
}

async function assertBlobsWhole(store: Store, adopted: ReadonlySet<Digest>): Promise<void> {
  const missing = new Set(adopted);
  for await (const { digest } of store.blobs.list()) {
    const bytes = await readBlob(store.blobs, digest);
    assert.ok(bytes !== undefined);
    assert.equal(digestOf(bytes), digest);
    assert.equal((await store.blobs.table(digest))?.sizeBytes, bytes.byteLength);
    missing.delete(digest);
  }
  assert.deepEqual([...missing], []);
}

/** The session is there with at least the acknowledged bytes, or its blob is, whose answer did not get out. */
async function finishSession(
  store: Store,
  id: string,
  session: { readonly seed: string; readonly sizeBytes: number; readonly offset: number },
): Promise<void> {
  const { bytes, digest } = sampleOf(session.seed, session.sizeBytes);
  const offset = await store.uploads.offset('a/b', id).catch((error: unknown) => error);
  if (isAppError(offset, 'upload_unknown')) {
    assert.deepEqual(await readBlob(store.blobs, digest), bytes);
    return;
  }
  assert.ok(typeof offset === 'number' && offset >= session.offset);
  const rest = bytes.subarray(offset);
  await store.uploads.finish('a/b', id, digest, chunkOf(rest), never);
}

async function finishPartial(store: Store, sample: ReturnType<typeof sampleOf>): Promise<void> {
  await using partial = await store.partials.openPartial(sample.digest, sample.table);
  for (let pieceIndex = 0; pieceIndex < partial.verified.length; pieceIndex += 1) {
    if (partial.verified.has(pieceIndex)) continue;
    const buffer = await partial.acquireBuffer(pieceIndex, never);
    const from = pieceIndex * sample.table.pieceBytes;
    buffer.bytes.set(sample.bytes.subarray(from, from + buffer.bytes.byteLength));
    assert.equal(await partial.writePiece(buffer), true);
  }
  await partial.finish();
  assert.deepEqual(await readBlob(store.blobs, sample.digest), sample.bytes);
}

async function assertNoLeftovers(folder: string): Promise<void> {
  const names = await readdir(join(folder, 'blobs'), { recursive: true });
  assert.deepEqual(
    names.filter((name) => name.endsWith('.tmp')),
    [],
  );
  const locks = (await readdir(folder)).filter((name) => name.startsWith('lock-'));
  assert.equal(locks.length, 1, 'the lock of the killed process was taken over');
}

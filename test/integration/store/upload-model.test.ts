// Upload sessions against a model of them: random requests on several sessions at once, and restarts in between.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Store } from '../../../node/store/store.ts';
import type { UploadStore } from '../../../node/content/blob-store.ts';
import { digestOf, type Digest } from '../../../shared/oci/digest.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { bodyOf, never, readBlob } from '../../contract/store/store-under-test.ts';
import { descriptorsUnder } from '../../support/open-descriptors.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

/** What a session is, to the model. */
interface Model {
  id: string;
  bytes: Buffer;
  isOpen: boolean;
}

type Fault = 'none' | 'breaks' | 'too short' | 'too long' | 'out of order';
type Step =
  | { readonly type: 'append'; readonly lengthBytes: number; readonly fault: Fault; readonly says: boolean }
  | {
      readonly type: 'finish';
      readonly algorithm: 'sha256' | 'sha512';
      readonly isRight: boolean;
      readonly lastBytes: number;
    }
  | { readonly type: 'cancel' };

const SESSIONS = 3;
const lengths = fc.oneof(
  fc.integer({ min: 1, max: 2000 }),
  fc.integer({ min: 200_000, max: 300_000 }),
  fc.integer({ min: 1_000_000, max: 2_500_000 }),
);
const faults = fc.constantFrom<Fault>('none', 'none', 'none', 'breaks', 'too short', 'too long', 'out of order');
const append: fc.Arbitrary<Step> = fc.record({
  type: fc.constant('append'),
  lengthBytes: lengths,
  fault: faults,
  says: fc.boolean(),
});
const finish: fc.Arbitrary<Step> = fc.record({
  type: fc.constant('finish'),
  algorithm: fc.constantFrom('sha256', 'sha512'),
  isRight: fc.integer({ min: 0, max: 4 }).map((number) => number > 0),
  lastBytes: fc.oneof(fc.constant(0), lengths),
});
const cancel: fc.Arbitrary<Step> = fc.constant({ type: 'cancel' });
const steps = fc.array(
  fc.oneof({ weight: 6, arbitrary: append }, { weight: 2, arbitrary: finish }, { weight: 1, arbitrary: cancel }),
  {
    maxLength: 5,
  },
);
/** Between two phases the store is closed and opened again. */
const phases = fc.array(fc.array(steps, { minLength: SESSIONS, maxLength: SESSIONS }), { minLength: 1, maxLength: 3 });

test('Upload sessions do what the model does, whatever comes in whatever order, across restarts', async () => {
  await fc.assert(
    fc.asyncProperty(phases, async (plan) => {
      await using folder = await openTemporaryFolder('model');
      const models = new Map<number, Model>();
      const adopted = new Map<Digest, Buffer>();
      for (const sessions of plan) {
        await using store = await openTestStore({ folder: folder.path });
        await checkAgainst(store, models, adopted);
        await Promise.all(sessions.map((list, index) => runSteps(store.uploads, { models, index, adopted }, list)));
        await checkAgainst(store, models, adopted);
        const isOfBlob = (path: string): boolean => path.startsWith(`${folder.path}/blobs`);
        const left = await descriptorsUnder(folder.path);
        assert.deepEqual(
          left.filter((path) => !isOfBlob(path)),
          [],
        );
      }
      assert.deepEqual(await descriptorsUnder(folder.path), []);
    }),
    { numRuns: 15, endOnFailure: true },
  );
});

interface Place {
  readonly models: Map<number, Model>;
  readonly index: number;
  readonly adopted: Map<Digest, Buffer>;
}

async function runSteps(uploads: UploadStore, place: Place, list: readonly Step[]): Promise<void> {
  for (const step of list) {
    const known = place.models.get(place.index);
    const model =
      known?.isOpen === true ? known : { id: await uploads.create('a/b'), bytes: Buffer.alloc(0), isOpen: true };
    place.models.set(place.index, model);
    if (step.type === 'append') await runAppend(uploads, model, step);
    else if (step.type === 'finish') await runFinish(uploads, { ...place, model }, step);
    else {
      await uploads.cancel('a/b', model.id);
      model.isOpen = false;
    }
  }
}

async function runAppend(uploads: UploadStore, model: Model, step: Step & { type: 'append' }): Promise<void> {
  const { fault, says } = step;
  const bytes = contentOf(model.bytes.byteLength, step.lengthBytes);
  const breaksWith = new Error('broken');
  const chunk = {
    body: bodyOf(bytes, fault === 'breaks' ? { breaksWith } : {}),
    ...(says || fault === 'out of order'
      ? { firstByte: model.bytes.byteLength + (fault === 'out of order' ? 1 : 0) }
      : {}),
    ...lengthSaid(bytes.byteLength, step),
  };

  const outcome = await uploads.append('a/b', model.id, chunk, never).catch((error: unknown) => error);

  if (fault === 'none' || fault === 'breaks') model.bytes = Buffer.concat([model.bytes, bytes]);
  if (fault === 'none') assert.equal(outcome, model.bytes.byteLength);
  else if (fault === 'breaks') assert.equal(outcome, breaksWith);
  else assert.ok(isAppError(outcome, fault === 'out of order' ? 'upload_out_of_order' : 'size_mismatch'));
}

function lengthSaid(lengthBytes: number, { fault, says }: { readonly fault: Fault; readonly says: boolean }) {
  if (fault === 'too short') return { lengthBytes: lengthBytes + 1 };
  if (fault === 'too long') return { lengthBytes: lengthBytes - 1 };
  return says ? { lengthBytes: fault === 'breaks' ? lengthBytes + 10 : lengthBytes } : {};
}

async function runFinish(
  uploads: UploadStore,
  { model, adopted }: Place & { readonly model: Model },
  step: Step & { type: 'finish' },
): Promise<void> {
  const last = contentOf(model.bytes.byteLength, step.lastBytes);
  const whole = Buffer.concat([model.bytes, last]);
  const digest = digestOf(step.isRight ? whole : Buffer.from(`not ${model.id}`), step.algorithm);
  const chunk = step.lastBytes > 0 ? { body: bodyOf(last) } : undefined;

  const outcome = await uploads.finish('a/b', model.id, digest, chunk, never).catch((error: unknown) => error);

  model.isOpen = false;
  if (step.isRight) {
    assert.ok(!(outcome instanceof Error), String(outcome));
    adopted.set(digest, whole);
  } else assert.ok(isAppError(outcome, 'digest_mismatch'));
}

async function checkAgainst(
  store: Store,
  models: ReadonlyMap<number, Model>,
  adopted: ReadonlyMap<Digest, Buffer>,
): Promise<void> {
  for (const { id, bytes, isOpen } of models.values()) {
    const offset = await store.uploads.offset('a/b', id).catch((error: unknown) => error);
    if (isOpen) assert.equal(offset, bytes.byteLength);
    else assert.ok(isAppError(offset, 'upload_unknown'));
  }
  for (const [digest, bytes] of adopted) assert.deepEqual(await readBlob(store.blobs, digest), bytes);
  assert.equal((await store.blobs.usage()).blobCount, adopted.size);
}

/** Bytes that tell their place, so that a gap or an overlap shows. */
function contentOf(from: number, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, lengthBytes));
  for (let at = 0; at < bytes.byteLength; at += 1) bytes[at] = ((from + at) * 31 + ((from + at) >> 8)) & 0xff;
  return bytes;
}

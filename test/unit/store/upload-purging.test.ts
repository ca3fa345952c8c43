import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoreOptions } from '../../../node/store/store.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

const HOUR_MS = 3_600_000;

/** Whether an upload that was left alone for two hours, of an expiry of one, can go on. */
async function canGoOn(purging: StoreOptions['uploadPurging']): Promise<boolean> {
  await using folder = await openTemporaryFolder('purging');
  const clock = new FakeClock();
  const options = { uploadExpiryMs: HOUR_MS, ...(purging === undefined ? {} : { uploadPurging: purging }) };
  await using store = await openTestStore({ folder: folder.path, ...options }, { clock });
  const id = await store.uploads.create('a');
  await clock.advance(2 * HOUR_MS);
  return await store.uploads.offset('a', id).then(
    () => true,
    (error: unknown) => {
      assert.ok(isAppError(error, 'upload_unknown'), String(error));
      return false;
    },
  );
}

test('An upload ends by its age only while purging is on', async () => {
  assert.deepEqual(
    [await canGoOn(undefined), await canGoOn('on'), await canGoOn('dry-run'), await canGoOn('off')],
    [false, false, true, true],
  );
});

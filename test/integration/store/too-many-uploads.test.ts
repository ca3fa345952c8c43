import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunkOf, never } from '../../contract/store/store-under-test.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

const MAX_SESSIONS = 10_000;
const AT_ONCE = 100;

test('Sessions that were only opened give way to new ones after a minute, those with bytes do not', async () => {
  await using folder = await openTemporaryFolder('uploads');
  const clock = new FakeClock();
  await using store = await openTestStore({ folder: folder.path }, { clock });
  const used = await store.uploads.create('a/b');
  await store.uploads.append('a/b', used, chunkOf(Buffer.from('x')), never);
  const first = await store.uploads.create('a/b');
  for (let count = 2; count < MAX_SESSIONS; count += AT_ONCE) {
    const batch = Math.min(AT_ONCE, MAX_SESSIONS - count);
    await Promise.all(Array.from({ length: batch }, () => store.uploads.create('a/b')));
  }
  await assert.rejects(store.uploads.create('a/b'), { code: 'too_many_requests' });

  await clock.advance(61_000);
  const late = await store.uploads.create('a/b');

  assert.equal(await store.uploads.offset('a/b', late), 0);
  assert.equal(await store.uploads.offset('a/b', used), 1);
  await assert.rejects(store.uploads.offset('a/b', first), { code: 'upload_unknown' });
});

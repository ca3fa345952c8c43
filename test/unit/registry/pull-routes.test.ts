import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check } from 'typebox/value';
import { PullBook } from '../../../node/pulls/pull-book.ts';
import { ResolvedImages } from '../../../node/pulls/resolved-images.ts';
import type { AccessPolicy } from '../../../node/registry/access.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { PullDetail, PullList } from '../../../shared/protocol/pull-report.ts';
import { systemClock as clock } from '../../../shared/runtime/clock.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { listenRegistry } from '../../support/registry-listener.ts';

async function bookOfThree(): Promise<PullBook> {
  const memory = { load: async () => [], append: () => undefined };
  const book = await PullBook.open({ clock, memory, images: new ResolvedImages() });
  for (const name of ['one', 'two', 'three']) {
    book.begin({ digest: digestOf(Buffer.from(name)), sizeBytes: 5, cause: 'client', repository: 'app' });
  }
  return book;
}

test('GET /pulls lists pulls, the newest first and as many as asked for, and GET /pulls/ID tells one', async () => {
  await using registry = await listenRegistry({ pulls: await bookOfThree() });

  const list: unknown = await (await fetch(`${registry.baseUrl}/pulls?limit=2`)).json();
  const detail: unknown = await (await fetch(`${registry.baseUrl}/pulls/3`)).json();

  assert.ok(Check(PullList, list));
  assert.deepEqual(
    list.pulls.map(({ id }) => id),
    [3, 2],
  );
  assert.ok(Check(PullDetail, detail));
  assert.equal(detail.blobs[0]?.digest, digestOf(Buffer.from('three')));
});

test('What is no report is 404, and what is no number is refused', async () => {
  await using registry = await listenRegistry({ pulls: await bookOfThree() });

  for (const id of ['4', '0', '-1', '1e3', 'x', '99999999999999999999', '%00']) {
    assert.equal((await fetch(`${registry.baseUrl}/pulls/${id}`)).status, 404, id);
  }
  for (const limit of ['x', '-1', '1.5', '']) {
    assert.equal((await fetch(`${registry.baseUrl}/pulls?limit=${limit}`)).status, 400, limit);
  }
});

test('Reports need what the catalog needs, since they name repositories', async () => {
  const access: AccessPolicy = {
    authorize: (_, needs) => {
      assert.deepEqual(needs, [{ type: 'catalog' }]);
      throw new AppError('credentials_required', 'who are you', { detail: { challenge: 'Basic realm="x"' } });
    },
  };
  await using registry = await listenRegistry({ access, pulls: await bookOfThree() });

  for (const path of ['/pulls', '/pulls/1']) {
    const answer = await fetch(`${registry.baseUrl}${path}`);
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get('www-authenticate'), 'Basic realm="x"');
  }
});

// A registry that is read over its API, with all that networks and registries do.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImportTarget } from '../../../node/import/import-target.ts';
import { RegistryServer, type RegistryApi, type RegistryCatalog } from '../../../node/import/registry-server.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { systemClock, type Clock } from '../../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../../shared/runtime/errors.ts';

const signal = new AbortController().signal;
const bytes = Buffer.from('0123456789');
const digest = digestOf(bytes);

/** Has nothing but what a test gives it. */
function open(
  api: Partial<RegistryApi & RegistryCatalog>,
  named: readonly string[] = [],
): { readonly server: RegistryServer; readonly sleeps: readonly number[] } {
  const none = async (): Promise<undefined> => undefined;
  const sleeps: number[] = [];
  const clock: Clock = { ...systemClock, sleep: async (ms) => void sleeps.push(ms) };
  const nothing = { repositories: none, tags: none, digestOfTag: none, manifest: none, blobSize: none, blob: none };
  const all_ = { ...nothing, ...api };
  return { server: new RegistryServer({ clock, api: all_, catalog: all_ }, { named }), sleeps };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function* chunks(...parts: readonly (Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield part;
  }
}

/** Takes what it is given. */
function gathering(): { readonly target: ImportTarget; readonly received: () => string } {
  let text = '';
  const refuse = async (): Promise<never> => {
    throw new Error('not asked for');
  };
  const target: ImportTarget = {
    state: refuse,
    hold: refuse,
    adoptFile: refuse,
    push: refuse,
    receive: async (_blob, open_) => {
      text = Buffer.concat(await all(open_())).toString();
    },
  };
  return { target, received: () => text };
}

test('A blob that breaks off goes on behind what came, also from a registry that begins anew', async () => {
  const asked: number[] = [];
  const { server, sleeps } = open({
    blobSize: async () => bytes.length,
    blob: async (_remote, _digest, fromByte) => {
      asked.push(fromByte);
      if (asked.length === 1)
        return { sizeBytes: 10, firstByte: 0, body: chunks(bytes.subarray(0, 4), new Error('reset')) };
      if (asked.length === 2) return { sizeBytes: 10, firstByte: 4, body: chunks(bytes.subarray(4, 6)) };
      const parts = [bytes.subarray(0, 3), bytes.subarray(3, 8), bytes.subarray(8)];
      return { sizeBytes: 10, firstByte: 0, body: chunks(...parts) };
    },
  });
  const { target, received } = gathering();

  const blob = await server.blob('a', { digest }, signal);
  await blob.bring(target, signal);

  assert.equal(received(), bytes.toString());
  assert.deepEqual(asked, [0, 4, 6]);
  assert.equal(sleeps.length, 2);
});

test('A blob that never gets on, one that is longer than was said, and one that went are given up', async () => {
  const bring = async (blob: RegistryApi['blob']): Promise<unknown> => {
    const { server } = open({ blobSize: async () => bytes.length, blob });
    const found = await server.blob('a', { digest }, signal);
    return found.bring(gathering().target, signal).then(
      () => 'brought',
      (error: unknown) => (isAppError(error) ? error.code : error),
    );
  };
  const sending = (...parts: readonly (Uint8Array | Error)[]): RegistryApi['blob'] => {
    return async () => ({ sizeBytes: 10, firstByte: 0, body: chunks(...parts) });
  };

  assert.equal(await bring(sending(new Error('reset'))), 'upstream_unavailable');
  assert.equal(await bring(sending(bytes, bytes)), 'size_mismatch');
  assert.equal(await bring(async () => undefined), 'blob_unknown');
});

test('A registry that asks for patience gets it, one that is away for good ends the import', async () => {
  let tries = 0;
  const busy = open({
    blobSize: async () => {
      tries += 1;
      if (tries < 3) throw new AppError('too_many_requests', 'slowly', { detail: { retryAfterSeconds: 7 } });
      return 10;
    },
  });
  const away = open({
    blobSize: async () => {
      throw new AppError('upstream_unavailable', 'cannot be reached', { cause: new Error('ECONNREFUSED') });
    },
  });

  assert.equal((await busy.server.blob('a', { digest }, signal)).sizeBytes, 10);
  assert.deepEqual(busy.sleeps, [7000, 7000]);
  await assert.rejects(away.server.blob('a', { digest }, signal), { code: 'node_unreachable' });
  assert.equal(away.sleeps.length, 4);
});

test('Lists are read page by page, and what is wrong with them is told', async () => {
  const pages = open({
    repositories: async ({ last }) =>
      last === undefined
        ? { names: ['a', 'b'], illegalCount: 1, next: 'b' }
        : { names: ['c'], illegalCount: 0, next: undefined },
    tags: async (_remote, { last }) =>
      last === undefined ? { tags: ['v1', 'v2'], hasMore: true } : { tags: ['v3'], hasMore: false },
    digestOfTag: async (_remote, tag) => (tag === 'v2' ? undefined : digest),
  });
  const problems: string[] = [];
  const onProblem = (what: string): void => void problems.push(what);

  assert.deepEqual(await all(pages.server.repositories(onProblem, signal)), ['a', 'b', 'c']);
  const tags = await all(pages.server.tags('a', onProblem, signal));

  assert.deepEqual(
    tags.map(({ tag }) => tag),
    ['v1', 'v3'],
  );
  assert.deepEqual(problems, [
    'the registry lists 1 names that no repository may have',
    'the tag v2 is listed and not there',
  ]);
});

test('A list that says again and again that there is more ends, and one that is not there can be named', async () => {
  const stuck = open({ repositories: async () => ({ names: ['a'], illegalCount: 0, next: 'same' }) });
  const ignore = (): void => undefined;

  assert.deepEqual(await all(stuck.server.repositories(ignore, signal)), ['a', 'a']);
  await assert.rejects(all(open({}).server.repositories(ignore, signal)), /name them, --only/);
  assert.deepEqual(await all(open({}, ['x']).server.repositories(ignore, signal)), ['x']);
});

// What is asked of upstreams for several clients at once ends with the node, since no client ends it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Content, Manifests } from '../../../node/content/content.ts';
import { DigestLocks } from '../../../node/content/digest-locks.ts';
import { openUpstreams, type OpenedUpstreams } from '../../../node/upstream/open-upstreams.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { onceAborted } from '../../../shared/runtime/abort-listener.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { Metrics } from '../../../shared/runtime/metrics.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeUpstream } from '../../support/fake-upstream.ts';
import { openTemporaryFolder } from '../../support/temporary-folder.ts';
import { openTestStore } from '../../support/test-store.ts';

const REPOSITORY = 'up.example/org/app';
const SUBJECT = digestOf(Buffer.from('signed'));
const never = new AbortController().signal;

/** Work of which nothing comes before its signal is aborted. @param onBegun called once it has begun. */
function endless(signal: AbortSignal, onBegun: () => void): Promise<never> {
  return new Promise((_, reject) => {
    onceAborted(signal, () => reject(signal.reason as Error));
    onBegun();
  });
}

test('A node that stops ends its questions for a manifest and for referrers, whoever still waits for them', async () => {
  await using folder = await openTemporaryFolder('stopping');
  await using upstream = await FakeUpstream.start();
  const clock = new FakeClock();
  await using store = await openTestStore({ folder: folder.path }, { clock });
  let onBegun = (): void => undefined;
  const open = async (): Promise<OpenedUpstreams> => {
    const manifests: Partial<Manifests> = {
      pull: (_repository, _reference, { signal }) => endless(signal, onBegun),
      referrers: async () => ({ descriptors: [], hasMore: false, hasSubject: false }),
    };
    const opened = await openUpstreams(
      {
        clock,
        log: silentLogger,
        metrics: new Metrics(),
        link: {
          isConnected: true,
          failure: undefined,
          listen: () => () => undefined,
          call: (_method, _params, signal) => endless(signal, onBegun),
        },
        leaves: { serve: () => undefined, fetch: () => assert.fail('nobody reads along'), blame: () => undefined },
        known: { rememberBlob: () => undefined },
        store,
        locks: new DigestLocks(),
        onAdopted: () => undefined,
      },
      { manifests } as Content,
      { registries: [{ name: 'up.example', url: upstream.url }], freshMs: 0 },
    );
    assert.ok(opened !== undefined);
    return opened;
  };
  const query = { repository: REPOSITORY, subject: SUBJECT, artifactTypes: [], limit: 10, maxBytes: 1000 };
  const questions = [
    ({ content }: OpenedUpstreams) => content.manifests.pull(REPOSITORY, { tag: 'v1' }, { signal: never }),
    ({ content }: OpenedUpstreams) => content.manifests.referrers(query, never),
  ];
  for (const ask of questions) {
    const opened = await open();
    const begun = new Promise<void>((resolve) => (onBegun = resolve));
    const answer = assert.rejects(ask(opened), (error) => isAppError(error, 'shutting_down'));
    await begun;

    await opened[Symbol.asyncDispose]();

    await answer;
  }
});

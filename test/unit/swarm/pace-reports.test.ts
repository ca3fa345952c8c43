import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PaceReports } from '../../../node/swarm/pace-reports.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { AppError } from '../../../shared/runtime/errors.ts';
import { silentLogger } from '../../../shared/runtime/log.ts';
import { FakeLink } from '../../support/fake-link.ts';

const digest = digestOf(Buffer.from('blob'));

test('The coordinator hears of a slow host and of classes that fall behind, and nothing breaks when it does not answer', async () => {
  const fail = (): never => {
    throw new AppError('timed_out', 'no answer');
  };
  const link = new FakeLink({ 'swarm.behind': fail, 'blob.lagging': () => ({}) });
  const reports = new PaceReports({ link, log: silentLogger }, digest, new AbortController().signal);

  reports.fellBehind();
  reports.lagging([3]);
  await new Promise((resolve) => setImmediate(resolve));

  assert.deepEqual(link.calls, [
    { method: 'swarm.behind', params: {} },
    { method: 'blob.lagging', params: { digest, classes: [3] } },
  ]);
});

test('While the coordinator is away nothing is told', () => {
  const link = new FakeLink({});
  link.disconnect();
  const reports = new PaceReports({ link, log: silentLogger }, digest, new AbortController().signal);

  reports.fellBehind();
  reports.lagging([3]);

  assert.deepEqual(link.calls, []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redeliveryView, type Redelivery } from '../../../node/cli/redelivery-view.ts';
import type { RedeliverResponse } from '../../../shared/protocol/notifications-api.ts';

const one: Redelivery = { eventId: 'e-1', state: undefined, endpoint: undefined };
const failed: Redelivery = { eventId: undefined, state: 'failed', endpoint: 'ci' };

function answer(some: Partial<RedeliverResponse>): RedeliverResponse {
  return { count: 0, left: 0, waiting: 0, unconfigured: [], ...some };
}

test('What is sent again and what found no room are counted apart', () => {
  assert.deepEqual(redeliveryView(answer({ count: 1 }), one), { text: '1 event will be sent again\n' });
  assert.match(
    redeliveryView(answer({ count: 3, left: 2 }), failed).text,
    /^3 events will be sent again\nnot sent: 2 events, as the queue is full \(notifications\.queueLimit\)/,
  );
});

test('No room for any, no such event and an endpoint that is gone are failures of their own', () => {
  assert.match(
    redeliveryView(answer({ left: 2 }), failed).problem ?? '',
    /^2 events for the endpoint ci cannot .* queue is full/,
  );
  assert.match(
    redeliveryView(answer({}), one).problem ?? '',
    /^the delivery log has no event e-1\. `shoal notifications list`/,
  );
  assert.match(
    redeliveryView(answer({}), { ...one, endpoint: 'ci' }).problem ?? '',
    /no event e-1 for the endpoint ci\./,
  );
  assert.equal(
    redeliveryView(answer({ unconfigured: ['old', 'b\u001B'] }), one).problem,
    'this event was for an endpoint that is not configured: old, b?',
  );
});

test('Nothing that failed, and an event that waits already, are no failures', () => {
  assert.deepEqual(redeliveryView(answer({}), failed), {
    text: 'the delivery log has no failed event for the endpoint ci\n',
  });
  assert.deepEqual(redeliveryView(answer({ waiting: 1 }), one), { text: '1 delivery of it waited already\n' });
});

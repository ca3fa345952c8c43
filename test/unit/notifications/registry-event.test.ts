import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { envelopeText, MAX_REFERENCES } from '../../../coordinator/notifications/registry-event.ts';
import { signatureHeaders } from '../../../coordinator/notifications/signature.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { someRequester } from '../../support/some-requester.ts';

test('A signature is that of the Standard Webhooks specification', () => {
  // The example of the specification.
  const message = {
    eventId: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    body: '{"test": 2432232314}',
    atMs: 1_614_265_330_000,
  };
  const headers = signatureHeaders(message, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');

  assert.deepEqual(headers, {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
  const { 'webhook-signature': plain } = signatureHeaders(message, 'a plain secret');
  assert.match(plain ?? '', /^v1,[A-Za-z0-9+/]{43}=$/);
  assert.notEqual(plain, headers['webhook-signature']);
  assert.equal(signatureHeaders(message, undefined)['webhook-signature'], undefined);
});

test('An envelope is one event, whatever a client says of itself, and has a bounded size', () => {
  const digest = digestOf(Buffer.from('x'));
  const references = Array.from({ length: 5000 }, () => ({ mediaType: 'application/x', digest, sizeBytes: 1 }));
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), fc.string({ maxLength: 300 }), (userAgent, user) => {
      const occasion = { by: someRequester({ userAgent, user }), nodeId: 'n', atMs: 0 };
      const change = { action: 'push', kind: 'manifest', repository: 'a/b', digest, tag: 'v1', references } as const;
      const text = envelopeText(change, occasion, { eventId: 'e', includeReferences: true });
      const { events } = JSON.parse(text) as {
        events: { request: { useragent: string }; actor: { name?: string }; target: { references: unknown[] } }[];
      };
      assert.equal(events.length, 1);
      assert.equal(events[0]?.request.useragent, userAgent);
      assert.equal(events[0]?.actor.name ?? '', user);
      assert.equal(events[0]?.target.references.length, MAX_REFERENCES);
      assert.ok(Buffer.byteLength(text) < 128 * 1024);
    }),
    { numRuns: 30 },
  );
});

test('What is gone has no link, and a client that says no host gets none', () => {
  const digest = digestOf(Buffer.from('x'));
  const targetOf = (change: object, baseUrl: string): object => {
    const occasion = { by: someRequester({ baseUrl }), nodeId: 'n', atMs: 0 };
    const whole = { action: 'push', kind: 'blob', repository: 'a', digest, ...change } as const;
    const text = envelopeText(whole, occasion, { eventId: 'e', includeReferences: false });
    return (JSON.parse(text) as { events: { target: object }[] }).events[0]?.target ?? {};
  };

  assert.deepEqual(targetOf({}, 'https://r.example/p'), {
    digest,
    repository: 'a',
    url: `https://r.example/p/v2/a/blobs/${digest}`,
  });
  assert.deepEqual(targetOf({ action: 'delete' }, 'https://r.example'), { digest, repository: 'a' });
  assert.deepEqual(targetOf({}, ''), { digest, repository: 'a' });
});

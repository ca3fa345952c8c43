// Challenges of upstreams: those of real registries, and whatever else may stand there.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseChallenges } from '../../../node/upstream/challenges.ts';

const read = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test('Challenges of real registries are read', () => {
  assert.deepEqual(
    read('Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'),
    [
      [
        'bearer',
        { realm: 'https://auth.docker.io/token', service: 'registry.docker.io', scope: 'repository:a/b:pull,push' },
      ],
    ],
  );
  assert.deepEqual(read('Basic realm="Registry Realm"'), [['basic', { realm: 'Registry Realm' }]]);
  assert.deepEqual(read('BEARER Realm=https ,  error = "a \\"b\\" \\\\"'), [
    ['bearer', { realm: 'https', error: 'a "b" \\' }],
  ]);
});

test('Several challenges in one header come apart', () => {
  assert.deepEqual(read('Negotiate, Basic realm="a, b", Bearer realm="c", service=d,'), [
    ['negotiate', {}],
    ['basic', { realm: 'a, b' }],
    ['bearer', { realm: 'c', service: 'd' }],
  ]);
  assert.deepEqual(read('NTLM abc==, Bearer realm="c"'), [
    ['ntlm', {}],
    ['bearer', { realm: 'c' }],
  ]);
});

test('Of two parameters of one name the first counts, and what follows an open quote does not', () => {
  assert.deepEqual(read('Bearer realm="a",realm="b"'), [['bearer', { realm: 'a' }]]);
  assert.deepEqual(read('Bearer service="x",realm="http://a'), [['bearer', { service: 'x' }]]);
  assert.deepEqual(read('Bearer realm="a" junk="b"'), [['bearer', { realm: 'a' }]]);
});

const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/);
const value = fc.string({ maxLength: 30 });

test('What is written by the grammar is read as it was meant', () => {
  const challenge = fc.record({ scheme: token, parameters: fc.dictionary(token, value, { minKeys: 1, maxKeys: 4 }) });

  fc.assert(
    fc.property(fc.array(challenge, { minLength: 1, maxLength: 4 }), (challenges) => {
      const header = challenges
        .map(({ scheme, parameters }) => {
          const parts = Object.entries(parameters).map(
            ([name, text]) => `${name}="${text.replaceAll(/["\\]/g, (mark) => `\\${mark}`)}"`,
          );
          return `${scheme} ${parts.join(', ')}`;
        })
        .join(', ');

      assert.deepEqual(
        parseChallenges(header).map(({ scheme, parameters }) => ({
          scheme,
          parameters: { ...Object.fromEntries(parameters) },
        })),
        challenges.map(({ scheme, parameters }) => ({ scheme, parameters: { ...parameters } })),
      );
    }),
  );
});

test('Nothing that may stand in a header makes it throw, or take long', () => {
  const bits = fc.constantFrom('Bearer', ' ', ',', '=', '"', '\\', 'realm', 'a', '==', '\t', ';');
  const noise = fc.oneof(
    fc.string(),
    fc.array(bits, { maxLength: 60 }).map((parts) => parts.join('')),
  );

  fc.assert(fc.property(noise, (header) => Array.isArray(parseChallenges(header))));
  for (const unit of ['a,', 'a=', 'a="', ', ', 'a b=c,', '\\"']) parseChallenges(unit.repeat(8000));
});

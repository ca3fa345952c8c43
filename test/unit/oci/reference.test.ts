import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isRepositoryName, isTag, parseTypedReference } from '../../../shared/oci/reference.ts';
import { isAppError } from '../../../shared/runtime/errors.ts';

const HEX = 'a'.repeat(64);

test('[N-1 N-2] Names are told from what only looks like one', () => {
  const valid = [
    'a',
    '0',
    'library/ubuntu',
    'a.b_c-d',
    'a__b',
    'a--b',
    'a---b/c',
    'foo/blobs/uploads',
    'x'.repeat(255),
  ];
  const invalid = [
    '',
    'A/b',
    'a..b',
    'a___b',
    'a-',
    '-a',
    'a_/b',
    '/a',
    'a/',
    'a//b',
    'foo/_oci',
    'aé',
    'x'.repeat(256),
    'a\n',
    'a\0',
  ];

  assert.deepEqual(
    valid.filter((name) => !isRepositoryName(name)),
    [],
  );
  assert.deepEqual(
    invalid.filter((name) => isRepositoryName(name)),
    [],
  );
});

test('[T-1] Tags are told from what only looks like one', () => {
  const valid = ['latest', '_x', '1.0', 'x'.repeat(128), `sha256-${HEX}`, `sha256-${HEX}.sig`];
  const invalid = ['', '.x', '-x', 'a+b', 'a/b', 'x'.repeat(129), 'a:b', 'a\n'];

  assert.deepEqual(
    valid.filter((tag) => !isTag(tag)),
    [],
  );
  assert.deepEqual(
    invalid.filter((tag) => isTag(tag)),
    [],
  );
});

test('A typed reference comes apart as docker takes it', () => {
  const digest = `sha256:${HEX}`;
  const cases = [
    ['ubuntu', { repository: 'ubuntu', tag: 'latest' }],
    ['registry/a', { repository: 'registry/a', tag: 'latest' }],
    ['registry:5000/a/b:1', { domain: 'registry:5000', repository: 'a/b', tag: '1' }],
    ['localhost/a', { domain: 'localhost', repository: 'a', tag: 'latest' }],
    ['Upper/a', { domain: 'Upper', repository: 'a', tag: 'latest' }],
    ['[::1]:5000/a:v1', { domain: '[::1]:5000', repository: 'a', tag: 'v1' }],
    [`a.example/b@${digest}`, { domain: 'a.example', repository: 'b', digest }],
    [`b:v1@${digest}`, { repository: 'b', tag: 'v1', digest }],
  ] as const;

  for (const [text, expected] of cases) assert.deepEqual(parseTypedReference(text), expected, text);
});

test('What is no reference is refused', () => {
  for (const text of [
    '',
    HEX,
    'A',
    'a:',
    'a@',
    'a@sha256:abc',
    'a@b@c',
    'host:5000/',
    '-.x/a',
    'a:b:c',
    'x'.repeat(2000),
  ]) {
    assert.throws(
      () => parseTypedReference(text),
      (error) => isAppError(error, 'name_invalid'),
      text,
    );
  }
});

test('Parsing any text ends in a reference or in one kind of failure', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      try {
        const { repository } = parseTypedReference(text);
        return isRepositoryName(repository);
      } catch (error) {
        return isAppError(error, 'name_invalid');
      }
    }),
  );
});

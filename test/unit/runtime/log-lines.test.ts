import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../../shared/runtime/errors.ts';
import { LOG_LINES } from '../../../shared/runtime/log-lines.ts';
import { loggedError } from '../../../shared/runtime/logged-error.ts';

const time = '2026-01-01T12:34:56.000Z';

function pretty(fields: object): string {
  return LOG_LINES.pretty(JSON.stringify({ level: 'warn', time, part: 'registry', msg: 'request failed', ...fields }));
}

test('An expected failure is one line, with its causes and without a stack', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5100'), { code: 'ECONNREFUSED' });
  const error = new AppError('not_enough_copies', 'too few copies in time', {
    cause: refused,
    detail: { digests: ['a', 'b', 'c', 'd', 'e', 'f', 'g'], retryAfterSeconds: 5 },
  });

  const logged = loggedError(error);

  assert.deepEqual(logged, {
    type: 'AppError',
    message: 'too few copies in time',
    code: 'not_enough_copies',
    detail: { digests: ['a', 'b', 'c', 'd', 'e', 'and 2 more'], retryAfterSeconds: 5 },
    cause: { type: 'Error', message: 'connect ECONNREFUSED 10.0.0.1:5100', code: 'ECONNREFUSED' },
  });
  assert.equal(
    pretty({ err: logged, route: 'manifest' }),
    '12:34:56 warn  registry: request failed: too few copies in time; connect ECONNREFUSED 10.0.0.1:5100  route=manifest\n',
  );
});

test('A cause that the failure quotes is not said twice', () => {
  const error = new AppError('coordinator_unreachable', 'cannot reach it: refused', { cause: new Error('refused') });

  assert.match(pretty({ err: loggedError(error) }), /request failed: cannot reach it: refused\n$/);
});

test('A bug shows where it happened, and what is no error is left as it is', () => {
  const text = pretty({ err: loggedError(new TypeError('x is not a function')) });

  assert.match(text, /request failed\n {4}TypeError: x is not a function\n +at .*log-lines\.test/);
  assert.equal(loggedError('words'), 'words');
  assert.match(pretty({ err: 'words' }), /request failed: "words"\n$/);
});

test('Causes are followed a few steps, also when they go round', () => {
  const one = new Error('one');
  const other = new Error('other', { cause: one });
  one.cause = other;

  assert.match(
    pretty({ err: loggedError(new AppError('timed_out', 'late', { cause: one })) }),
    /: late; one; other\n$/,
  );
});

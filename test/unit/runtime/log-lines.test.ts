import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOG_LINES } from '../../../shared/runtime/log-lines.ts';

const line = JSON.stringify({
  level: 'warn',
  time: '2026-01-01T00:00:00.000Z',
  part: 'tls',
  bytes: 7,
  reason: 'two words "quoted"\nand a line',
  msg: 'it happened',
});

test('A line of the log is written in every form that people and programs read', () => {
  assert.equal(
    LOG_LINES.pretty(line),
    '00:00:00 warn  tls: it happened  bytes=7  reason=two words "quoted"\nand a line\n',
  );
  assert.equal(
    LOG_LINES.logfmt(line),
    'time="2026-01-01T00:00:00.000Z" level=warn msg="it happened" part=tls bytes=7 reason="two words \\"quoted\\"\\nand a line"\n',
  );
  assert.deepEqual(JSON.parse(LOG_LINES.logstash(line)), {
    '@timestamp': '2026-01-01T00:00:00.000Z',
    '@version': '1',
    level: 'warn',
    message: 'it happened',
    part: 'tls',
    bytes: 7,
    reason: 'two words "quoted"\nand a line',
  });
});

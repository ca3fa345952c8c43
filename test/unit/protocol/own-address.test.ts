import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Check } from 'typebox/value';
import { METHODS } from '../../../shared/protocol/coordinator-methods.ts';

test('A node that says where it may be dialled says host and port, or has no session', () => {
  const says = (swarmAddress: string): boolean =>
    Check(METHODS['session.hello'].params, { protocol: 1, version: '1', isOrigin: false, swarmAddress });

  for (const good of ['10.0.0.5:5110', 'host-1.example:1', '[fe80::1]:65535']) assert.ok(says(good), good);
  for (const bad of [
    '',
    'host',
    'host:',
    'host:70000',
    ':5110',
    'a b:1',
    'http://host:1',
    'host:1\nx',
    'x'.repeat(400),
  ])
    assert.ok(!says(bad), bad);
});

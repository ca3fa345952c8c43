import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission, MAX_STRANGERS, MAX_UNPROVEN, type Handshake } from '../../../node/swarm/hyperswarm/admission.ts';

const relayKey = 'ee'.repeat(32);

function admission(): Admission {
  return new Admission({ maxConnections: 8, relay: () => relayKey });
}

function from(key: string, rest: Partial<Handshake> = {}): Handshake {
  return { key, relay: undefined, isKnown: false, openCount: 0, unprovenCount: 0, ...rest };
}

test('Of a thousand keys that nobody knows only some are answered, and known members all the while', () => {
  const gate = admission();
  const answered = Array.from({ length: 1000 }, (_, at) => gate.admits(from(`stranger-${at}`), 0)).filter(Boolean);

  assert.equal(answered.length, MAX_STRANGERS);
  assert.equal(gate.admits(from('member', { isKnown: true }), 0), true);
});

test('Strangers are answered again after a while', () => {
  const gate = admission();
  for (let at = 0; at < 1000; at += 1) gate.admits(from(`stranger-${at}`), 0);

  assert.equal(gate.admits(from('newcomer'), 9_999), false);
  assert.equal(gate.admits(from('newcomer'), 10_000), true);
});

test('Nobody is answered while too many have not proven themselves, or too many are connected', () => {
  const gate = admission();

  assert.equal(gate.admits(from('member', { isKnown: true, unprovenCount: MAX_UNPROVEN }), 0), false);
  assert.equal(gate.admits(from('member', { isKnown: true, openCount: 8 }), 0), false);
});

test('A key that was cut off is not answered, known or not', () => {
  const gate = admission();
  gate.refuse(['gone']);

  assert.equal(gate.admits(from('gone', { isKnown: true }), 0), false);
  assert.equal(gate.isRefused('gone'), true);
});

test('Nobody makes this node send packets through a relay that is not the fleet’s own', () => {
  const gate = admission();

  assert.equal(gate.admits(from('member', { isKnown: true, relay: 'aa'.repeat(32) }), 0), false);
  assert.equal(gate.admits(from('member', { isKnown: true, relay: relayKey }), 0), true);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LINKS_PER_STRAGGLER } from '../../../coordinator/directory/straggler-links.ts';
import { FELLOWS } from '../../../coordinator/directory/spare-links.ts';
import { MEMBERS_PER_HOLDER } from '../../../coordinator/directory/zone-swarm.ts';
import { ToldFleet } from '../../support/told-fleet.ts';

const HOUR_MS = 3_600_000;

/** An origin, and `count` members of which those that `isSlow` names said so before. */
function fleetOf(count: number, isSlow: (index: number) => boolean = () => false): ToldFleet {
  const fleet = new ToldFleet(5);
  fleet.add('origin', { isOrigin: true });
  fleet.hold('origin');
  for (let index = 0; index < count; index += 1) fleet.add(`n${index}`, { hasSlowLink: isSlow(index) });
  for (let index = 0; index < count; index += 1) fleet.join(`n${index}`);
  fleet.checkEvents();
  return fleet;
}

function neighboursOf(fleet: ToldFleet, nodeId: string): string[] {
  return [...(fleet.views.get(nodeId)?.keys() ?? [])];
}

test('Hosts that declare a slow link have two members each and no origin, and all others have eight besides', () => {
  const slow = new Set(['n20', 'n40', 'n41', 'n60', 'n80']);

  const fleet = fleetOf(100, (index) => slow.has(`n${index}`));

  for (const nodeId of slow) {
    const neighbours = neighboursOf(fleet, nodeId);
    assert.equal(neighbours.length, LINKS_PER_STRAGGLER, nodeId);
    assert.ok(neighbours.every((other) => other !== 'origin' && !slow.has(other)));
  }
  for (const nodeId of fleet.members) {
    if (slow.has(nodeId)) continue;
    const fast = neighboursOf(fleet, nodeId).filter((other) => other !== 'origin' && !slow.has(other));
    assert.ok(fast.length >= FELLOWS, `${nodeId}: ${fast.length}`);
  }
});

test('The neighbours of a host that falls behind are linked to each other, and its place at the origin goes to another', () => {
  const fleet = fleetOf(100);
  const behind = [...fleet.members].find((nodeId) => neighboursOf(fleet, nodeId).includes('origin')) ?? '';

  fleet.fallBehind(behind);

  fleet.checkEvents();
  assert.equal(neighboursOf(fleet, behind).length, LINKS_PER_STRAGGLER);
  const atOrigin = [...fleet.members].filter((nodeId) => neighboursOf(fleet, nodeId).includes('origin'));
  assert.equal(atOrigin.length, MEMBERS_PER_HOLDER);
  for (const nodeId of fleet.members) {
    if (nodeId === behind) continue;
    const others = neighboursOf(fleet, nodeId).filter((other) => other !== 'origin' && other !== behind);
    assert.ok(others.length >= FELLOWS, `${nodeId}: ${others.length}`);
  }
});

test('No more than a quarter of the members are held for slow, whoever says so', () => {
  const fleet = fleetOf(40);

  for (let index = 0; index < 40; index += 1) fleet.fallBehind(`n${index}`);

  fleet.checkEvents();
  const stragglers = [...fleet.members].filter((nodeId) => neighboursOf(fleet, nodeId).length <= LINKS_PER_STRAGGLER);
  assert.equal(stragglers.length, 10);
});

test('When the others are done slow hosts are members like all, and have holders', () => {
  const fleet = fleetOf(100, (index) => index >= 95);

  for (let index = 0; index < 95; index += 1) fleet.hold(`n${index}`);

  fleet.checkEvents();
  assert.equal(fleet.members.size, 5);
  for (const nodeId of fleet.members) {
    const neighbours = neighboursOf(fleet, nodeId);
    assert.ok(
      neighbours.some((other) => fleet.holders.has(other)),
      nodeId,
    );
    assert.equal(neighbours.filter((other) => fleet.members.has(other)).length, 4);
  }
});

test('A host that fell behind is a straggler in the next pull too, until an hour is over', () => {
  const fleet = fleetOf(60);
  fleet.fallBehind('n30', 0);

  fleet.leave('n30');
  fleet.directory.expire(HOUR_MS - 1);
  fleet.join('n30');
  assert.equal(neighboursOf(fleet, 'n30').length, LINKS_PER_STRAGGLER);
  fleet.leave('n30');
  fleet.directory.expire(HOUR_MS);
  fleet.join('n30');

  assert.ok(neighboursOf(fleet, 'n30').length >= FELLOWS);
});

test('Origins keep their places whatever they say', () => {
  const fleet = fleetOf(30);
  fleet.add('second', { isOrigin: true, hasSlowLink: true });
  fleet.join('second');

  fleet.fallBehind('second');

  assert.ok(neighboursOf(fleet, 'second').length >= FELLOWS);
});

test('A slow host is no gateway of its zone', () => {
  const fleet = new ToldFleet(5);
  fleet.add('origin', { isOrigin: true, zone: 'near' });
  fleet.hold('origin');
  for (let index = 0; index < 40; index += 1) fleet.add(`n${index}`, { zone: 'far', hasSlowLink: index % 8 === 7 });
  for (let index = 0; index < 40; index += 1) fleet.join(`n${index}`);
  fleet.fallBehind('n0');
  fleet.checkEvents();

  const gateways = [...fleet.views].filter(([, view]) => view.has('origin')).map(([nodeId]) => nodeId);

  assert.ok(gateways.length > 0);
  for (const nodeId of gateways) assert.ok(nodeId !== 'n0' && Number(nodeId.slice(1)) % 8 !== 7, nodeId);
});

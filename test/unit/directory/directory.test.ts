import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Directory } from '../../../coordinator/directory/directory.ts';
import { MESH_MEMBERS } from '../../../coordinator/directory/member-links.ts';
import { HOLDERS_PER_MEMBER, MEMBERS_PER_HOLDER } from '../../../coordinator/directory/zone-swarm.ts';
import { RING_COUNT } from '../../../coordinator/directory/ring.ts';
import { FELLOWS, MOST_FELLOWS } from '../../../coordinator/directory/spare-links.ts';
import { digestOf } from '../../../shared/oci/digest.ts';
import { GRACE_MS, layer, ToldFleet } from '../../support/told-fleet.ts';

class Fleet extends ToldFleet {
  /** Everything that must hold after each step. */
  check(): void {
    const fellowLimit = Math.max(MESH_MEMBERS - 1, FELLOWS);
    const served = new Map<string, number>();
    this.checkEvents();
    for (const [member, view] of this.views) {
      const fellows = [...view.keys()].filter((other) => this.members.has(other));
      const holders = [...view.keys()].filter((other) => !this.members.has(other));
      for (const share of view.values()) assert.equal(share, undefined, 'in one zone everything may be asked for');
      assert.ok(fellows.length <= fellowLimit && holders.length <= HOLDERS_PER_MEMBER);
      for (const fellow of fellows) assert.ok(this.views.get(fellow)?.has(member), 'links go both ways');
      for (const holder of holders) {
        assert.ok(this.holders.has(holder) && this.reachable.has(holder), `${holder} can serve`);
        served.set(holder, (served.get(holder) ?? 0) + 1);
      }
      if (this.members.size <= MESH_MEMBERS)
        assert.equal(fellows.length, this.members.size - 1, 'few members: full mesh');
    }
    for (const count of served.values()) assert.ok(count <= MEMBERS_PER_HOLDER);
    const canServe = [...this.holders].some((holder) => this.reachable.has(holder) && !this.members.has(holder));
    if (this.members.size > 0) this.#checkPaths(canServe);
  }

  #checkPaths(canServe: boolean): void {
    const [start] = this.members;
    assert.ok(start !== undefined);
    const seen = new Set([start]);
    const queue = [start];
    let reachesHolder = false;
    for (const member of queue) {
      for (const other of this.views.get(member)?.keys() ?? []) {
        if (!this.members.has(other)) reachesHolder = true;
        else if (!seen.has(other)) {
          seen.add(other);
          queue.push(other);
        }
      }
    }
    assert.equal(seen.size, this.members.size, 'members are connected');
    assert.equal(reachesHolder, canServe, 'there is a path to a holder if there is a holder');
  }
}

test('Whatever nodes do, links are symmetric, bounded, connected, lead to a holder, and events tell the truth', () => {
  const command = fc.record({
    action: fc.constantFrom('join', 'join', 'join', 'leave', 'hold', 'withdraw', 'lose', 'return', 'slow'),
    node: fc.nat(39),
  });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 160, size: 'max' }), fc.integer(), (commands, seed) => {
      const fleet = new Fleet(seed);
      for (let index = 0; index < 40; index += 1)
        fleet.add(`n${index}`, { isOrigin: index < 2, rack: `r${index % 4}`, hasSlowLink: index % 7 === 3 });
      for (const { action, node } of commands) {
        const nodeId = `n${node}`;
        const isThere = fleet.reachable.has(nodeId);
        if (action === 'join' && isThere) fleet.join(nodeId);
        if (action === 'leave') fleet.leave(nodeId);
        if (action === 'hold' && isThere) fleet.hold(nodeId);
        if (action === 'slow') fleet.fallBehind(nodeId);
        if (action === 'withdraw') fleet.withdraw(nodeId);
        if (action === 'lose' && isThere) fleet.lose(nodeId);
        if (action === 'return' && !isThere) fleet.return(nodeId);
        fleet.check();
      }
    }),
    { numRuns: 150 },
  );
});

for (const size of [16, 32, 200, 1000]) {
  test(`In a swarm of ${size} every member has eight neighbours or hardly more, and the origin as many as it may`, () => {
    const fleet = new Fleet(7);
    fleet.add('origin', { isOrigin: true });
    fleet.hold('origin');
    for (let index = 0; index < size; index += 1) fleet.add(`n${index}`);

    for (let index = 0; index < size; index += 1) fleet.join(`n${index}`);

    fleet.check();
    const views = [...fleet.views.values()];
    const degrees = views.map((view) => [...view.keys()].filter((other) => fleet.members.has(other)).length);
    assert.equal(views.filter((view) => view.has('origin')).length, Math.min(size, MEMBERS_PER_HOLDER));
    assert.ok(Math.min(...degrees) >= FELLOWS && Math.max(...degrees) <= MOST_FELLOWS, degrees.join(' '));
    const spareCount = degrees.reduce((sum, degree) => sum + degree - FELLOWS, 0);
    assert.ok(spareCount <= size / 4, degrees.join(' '));
  });
}

test('Members that come tell no more than a handful of others each', () => {
  const fleet = new Fleet(3);
  for (let index = 0; index < 300; index += 1) fleet.add(`n${index}`);
  for (let index = 0; index < 200; index += 1) fleet.join(`n${index}`);
  const before = fleet.events.length;

  for (let index = 200; index < 300; index += 1) fleet.join(`n${index}`);

  const told = fleet.events.length - before;
  assert.ok(told <= 100 * (2 * RING_COUNT + 2), `${told} were told`);
});

for (const [order, commonShare] of [
  ['in the same order', 1],
  ['in another order', 0.75],
] as const) {
  test(`Hosts that pull several layers ${order} have nearly the same neighbours for all of them`, () => {
    const other = digestOf(Buffer.from('another layer'));
    const directory = new Directory({ seed: 5, graceMs: GRACE_MS });
    const nodes = Array.from({ length: 50 }, (_, index) => `n${index}`);
    for (const nodeId of nodes) {
      directory.setNode(nodeId, { isOrigin: false });
      directory.connect(nodeId);
    }
    for (const nodeId of nodes) directory.join(nodeId, layer);
    for (const nodeId of commonShare === 1 ? nodes : nodes.toReversed()) directory.join(nodeId, other);

    let common = 0;
    let all = 0;
    for (const nodeId of nodes) {
      const neighbours = new Set(directory.join(nodeId, layer)?.neighbours.map((each) => each.nodeId));
      all += neighbours.size;
      for (const neighbour of directory.join(nodeId, other)?.neighbours ?? []) {
        if (neighbours.has(neighbour.nodeId)) common += 1;
      }
    }
    assert.ok(common / all >= commonShare, `${common} of ${all}`);
  });
}

test('A member that waits is told when the only holder comes back', () => {
  const fleet = new Fleet();
  fleet.add('holder');
  fleet.add('waiter');
  fleet.hold('holder');
  fleet.lose('holder');
  fleet.join('waiter');
  assert.deepEqual([...(fleet.views.get('waiter')?.keys() ?? [])], []);

  fleet.return('holder');

  assert.deepEqual([...(fleet.views.get('waiter')?.keys() ?? [])], ['holder']);
});

test('A holder whose session is lost is handed out during the grace time and not after it', () => {
  const fleet = new Fleet();
  fleet.add('holder');
  fleet.add('a');
  fleet.hold('holder');
  fleet.join('a');

  fleet.apply(fleet.directory.disconnect('holder', 5000));
  assert.deepEqual(fleet.directory.expire(5000 + GRACE_MS - 1), []);
  assert.ok(fleet.directory.isAvailable(layer, 'a'));
  fleet.apply(fleet.directory.expire(5000 + GRACE_MS));

  assert.deepEqual([...(fleet.views.get('a')?.keys() ?? [])], []);
  assert.equal(fleet.directory.isAvailable(layer, 'a'), false);
  assert.ok(fleet.directory.holds('holder', layer), 'unavailable, not gone');
});

test('A holder that comes back within the grace time is named again to those who knew it', () => {
  const fleet = new Fleet();
  fleet.add('holder');
  fleet.add('a');
  fleet.hold('holder');
  fleet.join('a');
  fleet.apply(fleet.directory.disconnect('holder', 0));

  const changes = fleet.directory.connect('holder');

  assert.deepEqual(changes, [{ nodeId: 'a', digest: layer, added: [{ nodeId: 'holder' }], removed: [] }]);
});

test('A download that completes goes on serving the members it knew', () => {
  const fleet = new Fleet();
  for (const nodeId of ['a', 'b', 'c']) fleet.add(nodeId);
  for (const nodeId of ['a', 'b', 'c']) fleet.join(nodeId);

  fleet.hold('a');

  assert.deepEqual([...(fleet.views.get('b')?.keys() ?? [])].toSorted(), ['a', 'c']);
  assert.equal(
    fleet.events.some(({ removed }) => removed.length > 0),
    false,
  );
});

test('A member that has all stays what it was to the others until its copy is on record', () => {
  const fleet = new Fleet();
  for (const nodeId of ['a', 'b', 'c']) fleet.add(nodeId);
  for (const nodeId of ['a', 'b', 'c']) fleet.join(nodeId);
  const heard = fleet.events.length;

  fleet.directory.finish('a', layer);

  assert.deepEqual(
    fleet.directory
      .join('b', layer)
      ?.neighbours.map(({ nodeId }) => nodeId)
      .toSorted(),
    ['a', 'c'],
  );
  fleet.hold('a');
  assert.deepEqual(fleet.events.slice(heard), []);
  assert.equal(fleet.directory.holds('a', layer), true);
});

test('A member whose copy is gone before it was on record is no neighbour any more', () => {
  const fleet = new Fleet();
  for (const nodeId of ['a', 'b', 'c']) fleet.add(nodeId);
  for (const nodeId of ['a', 'b', 'c']) fleet.join(nodeId);
  fleet.directory.finish('a', layer);

  fleet.members.delete('a');
  fleet.views.delete('a');
  fleet.withdraw('a');

  assert.deepEqual([...(fleet.views.get('b')?.keys() ?? [])], ['c']);
});

test('A member that finished and begins anew is one that downloads', () => {
  const fleet = new Fleet();
  for (const nodeId of ['a', 'b']) fleet.add(nodeId);
  for (const nodeId of ['a', 'b']) fleet.join(nodeId);
  fleet.directory.finish('a', layer);

  fleet.join('a');
  fleet.withdraw('a'); // told late, of the copy before

  assert.deepEqual([...(fleet.views.get('b')?.keys() ?? [])], ['a']);
});

test('A node removed from the roster is no holder and no neighbour any more', () => {
  const fleet = new Fleet();
  for (const nodeId of ['a', 'b', 'c']) fleet.add(nodeId);
  fleet.hold('a');
  fleet.join('b');
  fleet.join('c');

  fleet.apply(fleet.directory.removeNode('a', [layer]));

  assert.deepEqual([...(fleet.views.get('b')?.keys() ?? [])], ['c']);
  assert.equal(fleet.directory.holds('a', layer), false);
});

test('Copies count on origins that are within reach only', () => {
  const fleet = new Fleet();
  fleet.add('o1', { isOrigin: true });
  fleet.add('o2', { isOrigin: true });
  fleet.add('n');
  for (const nodeId of ['o1', 'o2', 'n']) fleet.hold(nodeId);
  fleet.lose('o1');

  assert.equal(fleet.directory.originCopies(layer), 1);
  assert.equal(fleet.directory.isHeld(layer), true);
  assert.deepEqual(fleet.directory.origins().connected, ['o2']);
});

test('Places at an origin are spread over racks, whoever came first', () => {
  const fleet = new Fleet();
  fleet.add('origin', { isOrigin: true });
  fleet.hold('origin');
  const rackOf = (index: number): string => (index < 60 ? 'r1' : `r${2 + (index % 2)}`);
  for (let index = 0; index < 90; index += 1) fleet.add(`n${index}`, { rack: rackOf(index) });
  for (let index = 0; index < 90; index += 1) fleet.join(`n${index}`);

  fleet.check();
  const linked = [...fleet.views].filter(([, view]) => view.has('origin')).map(([nodeId]) => nodeId);
  const counts = ['r1', 'r2', 'r3'].map(
    (rack) => linked.filter((nodeId) => rackOf(Number(nodeId.slice(1))) === rack).length,
  );
  assert.equal(linked.length, MEMBERS_PER_HOLDER);
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join(' '));
});

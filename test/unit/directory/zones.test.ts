import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import {
  GATEWAYS_PER_OUTSIDE,
  MOST_OUTSIDES_PER_GATEWAY,
  OUTSIDES_PER_GATEWAY,
  PIECE_CLASSES,
} from '../../../coordinator/directory/boundary.ts';
import { LAG_WINDOW_MS } from '../../../coordinator/directory/lag-votes.ts';
import { MESH_MEMBERS } from '../../../coordinator/directory/member-links.ts';
import { HOLDERS_PER_MEMBER } from '../../../coordinator/directory/zone-swarm.ts';
import { FELLOWS } from '../../../coordinator/directory/spare-links.ts';
import { ToldFleet } from '../../support/told-fleet.ts';

const ALL_CLASSES = Array.from({ length: PIECE_CLASSES }, (_, at) => at);

interface CrossLink {
  readonly inside: string;
  readonly outside: string;
  readonly classes: readonly number[];
}

class ZonedFleet extends ToldFleet {
  /** Hosts that fell behind get no links then. */
  hasComplained = false;

  override complain(nodeId: string, classes: readonly number[], nowMs: number): void {
    this.hasComplained = true;
    super.complain(nodeId, classes, nowMs);
  }

  /** Everything that must hold after each step. */
  check(): void {
    this.checkEvents();
    const zones = new Set([...this.members].map((member) => this.zoneOf(member)));
    const servers = new Set([...this.holders].filter((node) => this.canServe(node)).map((node) => this.zoneOf(node)));
    for (const zone of zones) {
      this.#checkWithin(zone);
      const sources = this.sourcesOf(zone);
      if (servers.has(zone)) assert.deepEqual([...sources.keys()], [], `${zone} serves itself`);
      else if (servers.size > 0) {
        assert.equal(sources.size, 1, `${zone} has one source`);
        assert.ok(servers.has([...sources.keys()][0] ?? ''), 'the source of a zone has the blob whole');
      } else if (zones.size > 1) assert.ok(sources.size > 0, `${zone} exchanges with others`);
      for (const [source, links] of sources) this.#checkBoundary(zone, source, links);
    }
    if (servers.size === 0 && zones.size > 1) this.#checkHub(zones);
  }

  /** Links into a zone by the zone that they come from. */
  sourcesOf(zone: string): Map<string, CrossLink[]> {
    const sources = new Map<string, CrossLink[]>();
    for (const inside of this.members) {
      if (this.zoneOf(inside) !== zone) continue;
      for (const [outside, share] of this.views.get(inside) ?? []) {
        const source = this.zoneOf(outside);
        assert.equal(share === undefined, source === zone, 'a share is for another zone, and only for that');
        if (share === undefined) continue;
        assert.equal(share.of, PIECE_CLASSES);
        assert.ok(share.classes.length > 0, 'no link is without classes');
        sources.set(source, [...(sources.get(source) ?? []), { inside, outside, classes: share.classes }]);
      }
    }
    return sources;
  }

  #checkBoundary(zone: string, source: string, links: readonly CrossLink[]): void {
    const gateways = new Map(links.map(({ inside, classes }) => [inside, classes]));
    for (const { inside, classes } of links) assert.deepEqual(classes, gateways.get(inside), 'one share per gateway');
    const classes = [...gateways.values()].flat().toSorted((one, other) => one - other);
    assert.deepEqual(classes, ALL_CLASSES, `every class comes from ${source} to ${zone} through one gateway`);
    for (const { outside } of links)
      assert.ok(this.members.has(outside) || this.canServe(outside), `${outside} can give`);
    const insides = [...this.members].filter((node) => this.zoneOf(node) === zone).length;
    const perInside = Math.max(...counts(links.map(({ inside }) => inside)).values());
    const perOutside = Math.max(...counts(links.map(({ outside }) => outside)).values());
    if (this.hasComplained) {
      assert.ok(perInside <= MOST_OUTSIDES_PER_GATEWAY + 1, 'a holder more where a class fell behind');
      return;
    }
    assert.ok(perInside <= MOST_OUTSIDES_PER_GATEWAY && perOutside <= GATEWAYS_PER_OUTSIDE);
    const wanted = Math.min(PIECE_CLASSES, insides);
    assert.ok(gateways.size === wanted || (gateways.size < wanted && perOutside === GATEWAYS_PER_OUTSIDE));
  }

  #checkWithin(zone: string): void {
    const members = [...this.members].filter((node) => this.zoneOf(node) === zone);
    const seen = new Set(members.slice(0, 1));
    for (const member of seen) {
      const near = [...(this.views.get(member)?.keys() ?? [])].filter((other) => this.zoneOf(other) === zone);
      const fellows = near.filter((other) => this.members.has(other));
      assert.ok(fellows.length <= Math.max(MESH_MEMBERS - 1, FELLOWS));
      assert.ok(near.length - fellows.length <= HOLDERS_PER_MEMBER);
      for (const fellow of fellows) {
        assert.ok(this.views.get(fellow)?.has(member), 'links within a zone go both ways');
        seen.add(fellow);
      }
    }
    assert.equal(seen.size, members.length, 'members of a zone are connected');
  }

  /** Nobody has it whole: every zone gives to every other, over one of them. */
  #checkHub(zones: ReadonlySet<string>): void {
    const pairs = [...zones].flatMap((zone) =>
      [...this.sourcesOf(zone).keys()].map((source) => [source, zone] as const),
    );
    assert.equal(pairs.length, 2 * (zones.size - 1));
    for (const [source, target] of pairs) assert.ok(pairs.some(([one, other]) => one === target && other === source));
    const reached = new Set([...zones].slice(0, 1));
    for (const zone of reached) for (const [source, target] of pairs) if (source === zone) reached.add(target);
    assert.equal(reached.size, zones.size, 'zones are connected');
  }
}

function counts(values: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const value of values) found.set(value, (found.get(value) ?? 0) + 1);
  return found;
}

/** @param zones how many nodes each zone has; ids are `<zone><number>`. */
function fleetOf(zones: Readonly<Record<string, number>>, seed = 1): ZonedFleet {
  const fleet = new ZonedFleet(seed);
  for (const [zone, size] of Object.entries(zones)) {
    for (let index = 0; index < size; index += 1)
      fleet.add(`${zone}${index}`, zone === '-' ? {} : { zone, rack: `r${index % 3}` });
  }
  return fleet;
}

function joinAll(fleet: ZonedFleet): void {
  for (const nodeId of fleet.reachable) if (!fleet.holders.has(nodeId)) fleet.join(nodeId);
}

/** Two zones of sixty that download what one origin has, and one of the links by which it crosses. */
function sixtyBesideSixty(): {
  readonly fleet: ZonedFleet;
  readonly links: readonly CrossLink[];
  readonly one: CrossLink;
} {
  const fleet = fleetOf({ a: 60, b: 60 });
  fleet.hold('a0');
  joinAll(fleet);
  const links = fleet.sourcesOf('b').get('a') ?? [];
  const [one] = links;
  assert.ok(one);
  return { fleet, links, one };
}

test('Whatever nodes do, every piece has one way into a zone without holder, and none into others', () => {
  const command = fc.record({
    action: fc.constantFrom('join', 'join', 'join', 'leave', 'hold', 'withdraw', 'lose', 'return', 'move', 'complain'),
    node: fc.nat(39),
    value: fc.nat(PIECE_CLASSES - 1),
  });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 120, size: 'max' }), fc.integer(), (commands, seed) => {
      const fleet = fleetOf({ a: 20, b: 12, c: 6, '-': 2 }, seed);
      const nodes = [...fleet.reachable];
      let nowMs = 0;
      for (const { action, node, value } of commands) {
        const nodeId = nodes[node] ?? '';
        const isThere = fleet.reachable.has(nodeId);
        if (action === 'join' && isThere) fleet.join(nodeId);
        if (action === 'leave') fleet.leave(nodeId);
        if (action === 'hold' && isThere) fleet.hold(nodeId);
        if (action === 'withdraw') fleet.withdraw(nodeId);
        if (action === 'lose' && isThere) fleet.lose(nodeId);
        if (action === 'return' && !isThere) fleet.return(nodeId);
        if (action === 'move' && !fleet.members.has(nodeId)) fleet.move(nodeId, value % 2 === 0 ? 'a' : 'b');
        if (action === 'complain') fleet.complain(nodeId, [value], (nowMs += LAG_WINDOW_MS));
        fleet.check();
      }
    }),
    { numRuns: 40 },
  );
});

test('Large zones have a gateway for each class, with different hosts at both ends', () => {
  const { fleet, links } = sixtyBesideSixty();

  fleet.check();
  assert.equal(links.length, PIECE_CLASSES * OUTSIDES_PER_GATEWAY);
  assert.equal(new Set(links.map(({ inside }) => inside)).size, PIECE_CLASSES);
  assert.equal(new Set(links.map(({ outside }) => outside)).size, 59, 'all but the origin');
});

for (const [first, second] of [
  ['a', 'b'],
  ['b', 'a'],
] as const) {
  test(`Zones whose members come one after the other, ${first} first, end with as many gateways`, () => {
    const fleet = fleetOf({ a: 41, b: 40 });
    fleet.hold('a0');
    for (const zone of [first, second]) {
      for (let index = 1; index < 40; index += 1) fleet.join(`${zone}${index}`);
      fleet.check();
    }

    const links = fleet.sourcesOf('b').get('a') ?? [];
    const outsides = counts(links.map(({ outside }) => outside));
    assert.equal(outsides.size, 39);
    assert.ok(Math.max(...outsides.values()) - Math.min(...outsides.values()) <= 1, 'they share the work');
  });
}

test('A zone of one host gets everything over several links', () => {
  const fleet = fleetOf({ a: 30, b: 1 });
  fleet.hold('a0');
  joinAll(fleet);

  const links = fleet.sourcesOf('b').get('a') ?? [];
  assert.equal(links.length, MOST_OUTSIDES_PER_GATEWAY);
  fleet.check();
});

test('What a gateway that leaves could ask for goes to another at once, and the others keep theirs', () => {
  const { fleet, links: before, one: gone } = sixtyBesideSixty();

  fleet.lose(gone.inside);

  fleet.check();
  const after = fleet.sourcesOf('b').get('a') ?? [];
  for (const link of before)
    if (link.inside !== gone.inside) assert.ok(after.some((each) => isDeepStrictEqual(each, link)));
  const before_ = new Set(before.map(({ inside }) => inside));
  assert.equal(before_.has(owner(fleet, gone.classes[0] ?? -1).inside), false, 'a host that was no gateway takes it');
});

test('A zone asks nothing of others as soon as one of its hosts has the blob whole', () => {
  const fleet = fleetOf({ a: 10, b: 10 });
  fleet.hold('a0');
  joinAll(fleet);

  fleet.hold('b3');

  assert.equal(fleet.sourcesOf('b').size, 0);
  fleet.lose('b3');
  assert.deepEqual([...fleet.sourcesOf('b').keys()], ['a']);
  fleet.check();
});

test('Each of several zones gets one copy, from the zones that have it whole in turn', () => {
  const fleet = fleetOf({ a: 10, b: 10, c: 10, d: 10 });
  fleet.hold('a0');
  fleet.hold('b0');
  joinAll(fleet);

  fleet.check();
  const sources = ['c', 'd'].flatMap((zone) => [...fleet.sourcesOf(zone).keys()]);
  assert.deepEqual(sources.toSorted(), ['a', 'b']);
});

test('A zone that comes first does not take the places that an origin has for its own zone', () => {
  const fleet = fleetOf({ a: 33, b: 100 });
  fleet.hold('a0');
  for (let index = 0; index < 100; index += 1) fleet.join(`b${index}`);
  for (let index = 1; index < 33; index += 1) fleet.join(`a${index}`);

  const near = [...fleet.views].filter(([member, view]) => fleet.zoneOf(member) === 'a' && view.has('a0'));
  assert.equal(near.length, 32);
  fleet.check();
});

test('What a host gave to another zone that goes comes from others, and shares stay', () => {
  const { fleet, links: before, one: gone } = sixtyBesideSixty();

  fleet.lose(gone.outside);

  fleet.check();
  const shares = new Map((fleet.sourcesOf('b').get('a') ?? []).map(({ inside, classes }) => [inside, classes]));
  for (const { inside, classes } of before) assert.deepEqual(shares.get(inside), classes);
});

test('Few holders give to their own zone alone while it downloads itself, many and lone ones to others', () => {
  const fleet = fleetOf({ a: 20, b: 20 });
  const outsides = (): Set<string> => new Set((fleet.sourcesOf('b').get('a') ?? []).map(({ outside }) => outside));
  fleet.hold('a0');
  for (let index = 0; index < 20; index += 1) fleet.join(`b${index}`);
  assert.deepEqual(outsides(), new Set(['a0']));

  for (let index = 4; index < 20; index += 1) fleet.join(`a${index}`);
  assert.equal(outsides().has('a0'), false);
  for (const nodeId of ['a1', 'a2']) fleet.hold(nodeId);

  assert.ok(['a0', 'a1', 'a2'].every((nodeId) => outsides().has(nodeId)));
  fleet.check();
});

test('A class that two gateways say falls behind goes to another gateway, with a holder to ask', () => {
  const fleet = fleetOf({ a: 60, b: 60 });
  fleet.hold('a0');
  fleet.hold('a1');
  joinAll(fleet);
  const slow = owner(fleet, 7);
  const [one, other] = [owner(fleet, 1).inside, owner(fleet, 2).inside];

  fleet.complain(one, [7], 10_000);
  assert.deepEqual(owner(fleet, 7), slow, 'one alone may be wrong');
  fleet.complain(other, [7], 11_000);

  const next = owner(fleet, 7);
  assert.notEqual(next.inside, slow.inside);
  assert.ok([...(fleet.views.get(next.inside)?.keys() ?? [])].some((outside) => fleet.holders.has(outside)));
  fleet.check();
});

test('Complaints of hosts that are no gateways, or that are old, or too soon after the last, move nothing', () => {
  const fleet = fleetOf({ a: 60, b: 60 });
  fleet.hold('a0');
  joinAll(fleet);
  const gateways = new Set((fleet.sourcesOf('b').get('a') ?? []).map(({ inside }) => inside));
  const others = [...fleet.members].filter((node) => fleet.zoneOf(node) === 'b' && !gateways.has(node));
  const first = owner(fleet, 7);
  const [one = '', other = '', third = ''] = [...gateways].filter((node) => node !== first.inside);

  for (const node of others) fleet.complain(node, [7], 10_000);
  fleet.complain(one, [7], 10_000);
  fleet.complain(other, [7], 10_001 + 2 * LAG_WINDOW_MS);
  assert.deepEqual(owner(fleet, 7), first);

  fleet.complain(one, [7], 10_002 + 2 * LAG_WINDOW_MS);
  const second = owner(fleet, 7);
  assert.notDeepEqual(second, first);
  for (const node of [one, other, third]) fleet.complain(node, [7], 10_003 + 2 * LAG_WINDOW_MS);
  assert.deepEqual(owner(fleet, 7), second);
});

test('A gateway whose class was taken gets no classes back while others are there', () => {
  const fleet = fleetOf({ a: 40, b: 4 });
  fleet.hold('a0');
  joinAll(fleet);
  const slow = 'b0';
  for (let round = 1; round < 10; round += 1) {
    const classes = (fleet.sourcesOf('b').get('a') ?? [])
      .filter(({ inside }) => inside === slow)
      .flatMap((link) => link.classes);
    for (const nodeId of ['b1', 'b2']) fleet.complain(nodeId, classes, round * 2 * LAG_WINDOW_MS);
  }
  fleet.leave('b3');
  fleet.join('b3');

  assert.deepEqual(
    (fleet.sourcesOf('b').get('a') ?? []).filter(({ inside }) => inside === slow),
    [],
  );
  fleet.check();
});

test('A node that comes back in another zone is a holder there', () => {
  const fleet = fleetOf({ a: 3, b: 3 });
  fleet.hold('a0');
  joinAll(fleet);

  fleet.move('a0', 'b');

  assert.deepEqual([...fleet.sourcesOf('a').keys()], ['b']);
  fleet.check();
});

function owner(fleet: ZonedFleet, pieceClass: number): CrossLink {
  const found = (fleet.sourcesOf('b').get('a') ?? []).find(({ classes }) => classes.includes(pieceClass));
  assert.ok(found);
  return found;
}

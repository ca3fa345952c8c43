// Who reads from whom while one host fetches.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ReaderTree } from '../../../coordinator/cache/reader-tree.ts';

const noZone = { zone: undefined, nowMs: 0 };

test('Nobody reads from itself over others, and nobody has more than two takers', () => {
  const step = fc.record({
    act: fc.constantFrom('read', 'read', 'read', 'lose', 'leave', 'root'),
    node: fc.nat(12),
    zone: fc.constantFrom(undefined, 'a', 'b'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const tree = new ReaderTree();
      const sources = new Map<string, string | undefined>();
      let root = 'n0';
      tree.setRoot(root, undefined);
      let nowMs = 0;
      for (const { act, node, zone } of steps) {
        nowMs += 3000;
        const id = `n${node}`;
        if (act === 'leave') tree.leave(id);
        if (act === 'root') tree.setRoot((root = id), zone);
        if (act === 'leave' || act === 'root') sources.clear();
        if (act === 'read') sources.set(id, tree.sourceOf(id, { zone, nowMs }));
        if (act === 'lose') sources.set(id, tree.sourceOf(id, { zone, nowMs, lost: sources.get(id) }));
        // Where everybody reads now; asking again changes nothing.
        const at = new Map<string, string | undefined>();
        for (const each of sources.keys()) at.set(each, tree.sourceOf(each, { zone: undefined, nowMs }));
        for (const each of at.keys()) {
          const takers = [...at.values()].filter((source) => source === each);
          assert.ok(takers.length <= 2);
          const seen = new Set<string>();
          for (let up: string | undefined = each; up !== undefined && up !== root; up = at.get(up)) {
            assert.ok(!seen.has(up), 'a circle');
            seen.add(up);
          }
        }
      }
    }),
  );
});

test('A thousand hosts are ten steps from the one that fetches at most', () => {
  const tree = new ReaderTree();
  tree.setRoot('root', undefined);
  const sources = new Map<string, string>();
  for (let number = 1; number <= 1000; number += 1) {
    const source = tree.sourceOf(`n${number}`, noZone);
    assert.ok(source !== undefined);
    sources.set(`n${number}`, source);
  }

  const depthOf = (id: string): number => (id === 'root' ? 0 : 1 + depthOf(sources.get(id) ?? 'root'));
  assert.ok(Math.max(...[...sources.keys()].map(depthOf)) <= 10);
});

test('Within a zone one host reads from another zone, and the others from it', () => {
  const tree = new ReaderTree();
  tree.setRoot('root', 'here');
  const far = ['f1', 'f2', 'f3', 'f4', 'f5', 'f6'].map((id) => tree.sourceOf(id, { zone: 'there', nowMs: 0 }));

  assert.equal(far[0], 'root');
  assert.ok(far.slice(1).every((source) => source?.startsWith('f')));
});

test('A reader is sent elsewhere when nothing comes, not back for a while, and others only when there is nobody else', () => {
  const tree = new ReaderTree();
  tree.setRoot('root', undefined);
  assert.equal(tree.sourceOf('a', noZone), 'root');
  assert.equal(tree.sourceOf('a', { ...noZone, lost: 'root' }), undefined);
  assert.equal(tree.sourceOf('a', { ...noZone, nowMs: 19_999 }), undefined);
  assert.equal(tree.sourceOf('a', { ...noZone, nowMs: 20_000 }), 'root');

  assert.equal(tree.sourceOf('b', noZone), 'a', 'somebody complained of the root');
});

test('When the host that fetches is another, who read from the first looks for a new source', () => {
  const tree = new ReaderTree();
  tree.setRoot('root', undefined);
  for (const id of ['a', 'b']) assert.equal(tree.sourceOf(id, noZone), 'root');

  tree.setRoot('a', undefined);

  assert.equal(tree.sourceOf('a', noZone), undefined, 'it takes from nobody');
  assert.equal(tree.sourceOf('b', noZone), 'a');
  assert.equal(tree.has('root'), false);
});

/**
 * Readers that ask and complain as hosts do, some of which give nothing and complain all the same.
 * @returns for how long one of the others was without bytes at most.
 */
function longestWithout(ms: number, ids: readonly string[], silent: ReadonlySet<string>): number {
  const tree = new ReaderTree();
  tree.setRoot('root', undefined);
  const sources = new Map<string, string | undefined>();
  const cameMs = new Map(ids.map((id) => [id, 0]));
  const complainedMs = new Map<string, number>();
  const isFed = (id: string | undefined): boolean =>
    id === 'root' || (id !== undefined && !silent.has(id) && isFed(sources.get(id)));
  let longestMs = 0;
  for (let nowMs = 0; nowMs <= ms; nowMs += 250) {
    for (const id of ids) {
      const lastMs = Math.max(cameMs.get(id) ?? 0, complainedMs.get(id) ?? 0);
      const lost = nowMs - lastMs >= 5000 ? sources.get(id) : undefined;
      if (lost !== undefined) complainedMs.set(id, nowMs);
      sources.set(id, tree.sourceOf(id, { zone: undefined, nowMs, lost }));
    }
    for (const id of ids) {
      if (silent.has(id)) continue;
      longestMs = Math.max(longestMs, nowMs - (cameMs.get(id) ?? 0));
      if (isFed(sources.get(id))) cameMs.set(id, nowMs);
    }
  }
  return longestMs;
}

test('Hosts at the root that give nothing lose their places to those who read from them', () => {
  const silent = new Set(['s1', 's2', 's3', 's4', 's5', 's6', 's7']);
  const honest = Array.from({ length: 60 }, (_, number) => `n${number}`);

  const longestMs = longestWithout(300_000, [...silent, ...honest], silent);

  assert.ok(longestMs <= 60_000, `${longestMs} ms`);
});

test('Who has only just been sent to a host does not take its place by a complaint', () => {
  const tree = new ReaderTree();
  tree.setRoot('root', undefined);
  for (const id of ['a', 'b', 'c', 'd']) tree.sourceOf(id, noZone);
  assert.equal(tree.sourceOf('c', noZone), 'a');
  assert.equal(tree.sourceOf('d', noZone), 'a');

  assert.equal(tree.sourceOf('d', { ...noZone, nowMs: 3998, lost: 'a' }), 'b');
  assert.equal(tree.sourceOf('c', { ...noZone, nowMs: 3999, lost: 'a' }), 'b', 'the second complaint comes too soon');
  assert.equal(tree.sourceOf('a', { ...noZone, nowMs: 4000 }), 'root');
  assert.equal(tree.sourceOf('d', { ...noZone, nowMs: 7998, lost: 'b' }), 'c', 'one complaint may be chance');
  assert.equal(tree.sourceOf('c', { ...noZone, nowMs: 7999, lost: 'b' }), 'root', 'it had four seconds to give');
  assert.equal(tree.sourceOf('b', { ...noZone, nowMs: 8000 }), 'c');
});

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
        nowMs += 1;
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AskedImages, type AskedImage } from '../../../coordinator/rollout/asked-images.ts';
import { digestOf, type Digest } from '../../../shared/oci/digest.ts';

const named = (name: string): Digest => digestOf(Buffer.from(name));
const blob = (name: string, sizeBytes = 10): AskedImage['blobs'][number] => ({ digest: named(name), sizeBytes });
const nothing = { nowMs: 0, holds: () => false };

function image(tag: string, ...blobs: readonly string[]): AskedImage {
  return { repository: 'app', digest: named(`manifest ${tag}`), blobs: blobs.map((name) => blob(name)) };
}

test('A host is followed from its asking to its last blob, for every image that names the blob', () => {
  const images = new AskedImages();
  const v1 = image('v1', 'base', 'one');
  const v2 = image('v2', 'base', 'two');
  images.asked('a', v1, { nowMs: 5, holds: (digest) => digest === named('one') });
  images.asked('a', v2, { ...nothing, nowMs: 6 });

  images.located('a', named('base'), 10);
  assert.equal(images.hosts(v1).get('a')?.openCount, 1);
  images.held('a', named('base'), 20);
  images.held('a', named('base'), 30);
  images.held('b', named('base'), 30);

  const host = images.hosts(v1).get('a');
  assert.deepEqual(
    [host?.askedMs, host?.gainedMs, host?.heldCount, host?.heldBytes, host?.openCount, host?.blobCount],
    [5, 20, 2, 20, 0, 2],
  );
  assert.equal(images.hosts(v2).get('a')?.heldCount, 1);
  assert.equal(images.hosts(v1).size, 1);
});

test('What a host loses it has no longer, and a node that left is forgotten', () => {
  const images = new AskedImages();
  const v1 = image('v1', 'base');
  images.asked('a', v1, { nowMs: 0, holds: () => true });
  images.lost('a', named('base'));
  assert.equal(images.hosts(v1).get('a')?.heldBytes, 0);

  images.forgetNode('a');
  assert.equal(images.hosts(v1).size, 0);
});

test('Of one host only the images are remembered that it asked for last', () => {
  const images = new AskedImages();
  for (let index = 0; index < 40; index += 1) images.asked('a', image(`v${index}`, 'base'), nothing);

  assert.equal(images.hosts(image('v0')).size, 0);
  assert.equal(images.hosts(image('v7')).size, 0);
  assert.equal(images.hosts(image('v8')).size, 1);
  assert.equal(images.hosts(image('v39')).size, 1);
});

test('However many hosts ask for however large images, what is remembered stays bounded', () => {
  const images = new AskedImages();
  const blobs = Array.from({ length: 2000 }, (_, index) => blob(`blob ${index}`));
  const huge = Array.from({ length: 20 }, (_, index) => ({ repository: `r${index}`, digest: named('huge'), blobs }));
  for (const each of huge) for (let host = 0; host < 1000; host += 1) images.asked(`host ${host}`, each, nothing);

  let remembered = 0;
  for (const each of huge) remembered += images.hosts(each).size;
  assert.ok(remembered * 21 <= 100_000 + 21_000, `${remembered} hosts of images with 2000 blobs`);
  assert.equal(images.hosts(huge[19] ?? image('none')).size, 1000);
});

test('Whatever is told in whatever order, a host holds what it was said to hold', () => {
  const names = ['a', 'b', 'c', 'd'];
  const event = fc.record({ type: fc.constantFrom('located', 'held', 'lost'), name: fc.constantFrom(...names) });
  fc.assert(
    fc.property(fc.array(event), fc.subarray(names), (events, first) => {
      const images = new AskedImages();
      const v1 = image('v1', ...names);
      const held = new Set(first);
      images.asked('h', v1, { nowMs: 0, holds: (digest) => first.some((name) => named(name) === digest) });
      for (const { type, name } of events) {
        if (type === 'located') images.located('h', named(name), 1);
        if (type === 'held') held.add(name);
        if (type === 'held') images.held('h', named(name), 1);
        if (type === 'lost') held.delete(name);
        if (type === 'lost') images.lost('h', named(name));
      }
      const host = images.hosts(v1).get('h');
      assert.equal(host?.heldCount, held.size);
      assert.equal(host?.heldBytes, held.size * 10);
      assert.ok((host?.openCount ?? -1) >= 0 && (host?.openCount ?? 9) <= names.length - held.size);
    }),
  );
});

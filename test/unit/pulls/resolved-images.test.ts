import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResolvedImages } from '../../../node/pulls/resolved-images.ts';
import { digestOf, type Digest } from '../../../shared/oci/digest.ts';
import { OCI_MANIFEST } from '../../../shared/oci/media-types.ts';

const digestOfText = (value: string): Digest => digestOf(Buffer.from(value));

function manifestOf(layer: string, paddingBytes = 0): { digest: Digest; mediaType: string; bytes: Uint8Array } {
  const descriptor = { mediaType: 'x/y', digest: digestOfText(layer), size: 1 };
  const padding = 'x'.repeat(paddingBytes);
  const root = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: descriptor, layers: [descriptor], padding };
  const bytes = Buffer.from(JSON.stringify(root));
  return { digest: digestOf(bytes), mediaType: OCI_MANIFEST, bytes };
}

test('A blob belongs to the image asked for last that names it, in its own repository', () => {
  const images = new ResolvedImages();
  const manifest = manifestOf('layer');
  images.note('one', { tag: 'v1' }, manifest);
  images.note('two', { tag: 'v9' }, manifest);
  images.note('one', { tag: 'v2' }, manifest);

  assert.equal(images.imageOf('one', digestOfText('layer'))?.tag, 'v2');
  assert.equal(images.imageOf('two', digestOfText('layer'))?.tag, 'v9');
  assert.equal(images.imageOf('three', digestOfText('layer')), undefined);
  assert.equal(images.imageOf('one', digestOfText('other')), undefined);
});

test('Asking for the same manifest by digest keeps the tag that led there', () => {
  const images = new ResolvedImages();
  const manifest = manifestOf('layer');
  images.note('app', { tag: 'v1' }, manifest);
  images.note('app', { digest: manifest.digest }, manifest);

  assert.equal(images.imageOf('app', digestOfText('layer'))?.tag, 'v1');
});

test('What is no manifest any more names nothing, and large or many ones push out the oldest', () => {
  const images = new ResolvedImages();
  const broken = { digest: digestOfText('broken'), mediaType: OCI_MANIFEST, bytes: Buffer.from('{') };
  images.note('app', { tag: 'broken' }, broken);
  images.note('app', { tag: 'first' }, manifestOf('first'));
  assert.equal(images.imageOf('app', digestOfText('first'))?.tag, 'first');

  for (let index = 0; index < 3; index += 1)
    images.note('app', { tag: 'large' }, manifestOf(`large ${index}`, 3_900_000));

  assert.equal(images.imageOf('app', digestOfText('first')), undefined);
  assert.equal(images.imageOf('app', digestOfText('large 2'))?.tag, 'large');
});

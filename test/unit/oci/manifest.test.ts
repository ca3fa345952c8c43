import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseBoundedJson } from '../../../shared/oci/bounded-json.ts';
import { MAX_MANIFEST_BYTES, parseManifest } from '../../../shared/oci/manifest.ts';
import { DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../../shared/oci/media-types.ts';
import { isAppError, type ErrorCode } from '../../../shared/runtime/errors.ts';

const digest = (mark: string): string => `sha256:${mark.repeat(64)}`;
const descriptor = (mark: string, extra: object = {}): { mediaType: string; digest: string; size: number } => ({
  mediaType: 'application/x.layer',
  digest: digest(mark),
  size: 3,
  ...extra,
});
const parsed = (mark: string): object => ({ mediaType: 'application/x.layer', digest: digest(mark), sizeBytes: 3 });
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const fails = (code: ErrorCode) => (error: unknown) => isAppError(error, code);

test('[M-22 F-5 F-6] An image gives its blobs, what is external, its subject and what referrers say of it', () => {
  const foreign = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
  const image = {
    schemaVersion: 2,
    config: descriptor('a'),
    layers: [descriptor('b'), descriptor('b'), descriptor('c', { mediaType: foreign, urls: ['https://x.example'] })],
    subject: { digest: digest('d') },
    annotations: { __proto__: undefined, key: 'value' },
  };

  assert.deepEqual(parseManifest(bytes(image), OCI_MANIFEST), {
    kind: 'image',
    mediaType: OCI_MANIFEST,
    config: parsed('a'),
    blobs: [parsed('a'), parsed('b')],
    external: [{ mediaType: foreign, digest: digest('c'), sizeBytes: 3 }],
    urls: ['https://x.example'],
    children: [],
    subject: digest('d'),
    artifactType: 'application/x.layer',
    annotations: { key: 'value' },
  });
});

test('[M-22 F-5] An index gives its children, and no artifact type unless it has its own', () => {
  const index = { schemaVersion: 2, manifests: [descriptor('a'), descriptor('b')] };

  const plain = parseManifest(bytes(index), OCI_INDEX);
  const typed = parseManifest(bytes({ ...index, artifactType: 'application/x.index' }), OCI_INDEX);

  assert.deepEqual(plain.children, [parsed('a'), parsed('b')]);
  assert.equal(plain.artifactType, undefined);
  assert.equal(typed.artifactType, 'application/x.index');
});

test('[M-43] Docker types have no subject, whatever stands there', () => {
  const image = { schemaVersion: 2, config: descriptor('a'), layers: [], subject: 'nonsense', annotations: 7 };

  const { subject, artifactType, annotations } = parseManifest(bytes(image), DOCKER_MANIFEST);

  assert.deepEqual([subject, artifactType, annotations], [undefined, undefined, undefined]);
});

test('[M-19] A null list of layers is an empty one, as Go programs write it', () => {
  const { blobs } = parseManifest(bytes({ schemaVersion: 2, config: descriptor('a'), layers: null }), OCI_MANIFEST);

  assert.deepEqual(blobs, [parsed('a')]);
});

test('[M-20] More than 4 MiB is too large, whatever is in it', () => {
  assert.throws(() => parseManifest(new Uint8Array(MAX_MANIFEST_BYTES + 1), OCI_INDEX), fails('manifest_too_large'));
});

test('[M-18] JSON is refused when it is too deep or has too many parts, and strings do not count', () => {
  const deep = `${'['.repeat(65)}${']'.repeat(65)}`;
  const wide = `[${'[],'.repeat(100_000)}[]]`;
  const text = JSON.stringify({ '[{"\\': '[[[{{{"\\'.repeat(50_000) });

  assert.equal(parseBoundedJson(Buffer.from(deep)).type, 'refused');
  assert.equal(parseBoundedJson(Buffer.from(wide)).type, 'refused');
  assert.deepEqual(parseBoundedJson(Buffer.from(text)), { type: 'value', value: JSON.parse(text) as unknown });
});

test('Any shallow JSON is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), (text) => {
      assert.deepEqual(parseBoundedJson(Buffer.from(text)), { type: 'value', value: JSON.parse(text) as unknown });
    }),
  );
});

test('[M-18 M-43] Whatever a manifest holds, it is read or refused in one way', () => {
  const odd = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constant(descriptor('a')), fc.constant([descriptor('b')]));
  const manifest = fc.record(
    {
      schemaVersion: fc.oneof({ weight: 5, arbitrary: fc.constant(2) }, { weight: 1, arbitrary: odd }),
      config: odd,
      layers: odd,
      manifests: odd,
      subject: odd,
      annotations: odd,
      artifactType: odd,
      mediaType: odd,
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(manifest, fc.constantFrom(undefined, OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, 'x'), (value, type) => {
      try {
        const { kind, blobs, children } = parseManifest(bytes(value), type);
        assert.ok(kind === 'image' ? children.length === 0 : blobs.length === 0);
      } catch (error) {
        assert.ok(isAppError(error, 'manifest_invalid'), String(error));
      }
    }),
    { numRuns: 500 },
  );
});

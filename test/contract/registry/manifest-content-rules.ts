// What a manifest may hold and what is refused: types, fields, size, content that is missing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  EMPTY_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
  assertError,
  bytesOf,
  digestText,
  emptyIndex,
  emptyManifest,
  freshName,
} from '../../support/registry-wire.ts';
import { describeRegistry, type OpenRegistry } from './registry-under-test.ts';

const ABSENT = `sha256:${'0'.repeat(64)}`;
const LIMIT_BYTES = 4 * 1024 * 1024;

function layer(digest: string, extra: object = {}): object {
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: 1, ...extra };
}

/** An index of exactly this many bytes. */
function indexOfSize(sizeBytes: number): Buffer {
  const bare = bytesOf(emptyIndex({ annotations: { pad: '' } }));
  return bytesOf(emptyIndex({ annotations: { pad: 'x'.repeat(sizeBytes - bare.length) } }));
}

export function testManifestContentRules(open: OpenRegistry): void {
  describeRegistry('what a manifest may hold', open, (speaker) => {
    /** A repository that holds the empty config. */
    const freshRepository = async (): Promise<string> => {
      const name = freshName();
      await speaker.wire.pushBlob(name, '{}');
      return name;
    };

    test('[M-15 J-4] Without a telling Content-Type the body says what it is', async () => {
      const name = await freshRepository();
      const { mediaType: _image, ...image } = emptyManifest() as { mediaType: string };
      const { mediaType: _index, ...index } = emptyIndex() as { mediaType: string };
      const docker = { schemaVersion: 2, mediaType: DOCKER_LIST, manifests: [] };
      const cases = [
        [image, OCI_MANIFEST],
        [index, OCI_INDEX],
        [docker, DOCKER_LIST],
      ] as const;
      for (const type of ['', 'application/json', 'application/octet-stream', 'application/json; charset=utf-8']) {
        for (const [content, expected] of cases) {
          assert.equal((await speaker.wire.putManifest(name, { reference: 'v1', content, type })).status, 201);
          assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/manifests/v1`)).headers['content-type'], expected);
        }
        assertError(
          await speaker.wire.putManifest(name, { reference: 'v2', content: { schemaVersion: 2 }, type }),
          400,
          'MANIFEST_INVALID',
        );
      }
    });

    const invalid = [
      ['M-16', 'another type than the body says', emptyManifest(), OCI_INDEX],
      [
        'M-17',
        'schema 1',
        { schemaVersion: 1, name: 'a', fsLayers: [] },
        'application/vnd.docker.distribution.manifest.v1+json',
      ],
      ['M-17', 'the withdrawn artifact manifest', {}, 'application/vnd.oci.artifact.manifest.v1+json'],
      ['M-17', 'a type that is no media type', emptyManifest(), 'nonsense'],
      ['M-18', 'an array', [], OCI_MANIFEST],
      ['M-18', 'no JSON', Buffer.from('{'), OCI_MANIFEST],
      ['M-18', 'nothing', Buffer.alloc(0), OCI_MANIFEST],
      ['M-18', 'no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), OCI_MANIFEST],
      ['M-18', 'no schemaVersion', { ...emptyManifest(), schemaVersion: undefined }, OCI_MANIFEST],
      ['M-18', 'schemaVersion 1', { ...emptyManifest(), schemaVersion: 1 }, OCI_MANIFEST],
      ['M-18', 'an image with manifests', emptyManifest({ manifests: [] }), OCI_MANIFEST],
      ['M-18', 'an index with layers', emptyIndex({ layers: [] }), OCI_INDEX],
      ['M-18', 'an index with config', emptyIndex({ config: EMPTY_CONFIG }), OCI_INDEX],
      ['M-18', 'an image without config', { schemaVersion: 2, layers: [] }, OCI_MANIFEST],
      ['M-18', 'a layer without digest', emptyManifest({ layers: [{ mediaType: 'x', size: 1 }] }), OCI_MANIFEST],
      ['M-43', 'a subject that is text', emptyManifest({ subject: ABSENT }), OCI_MANIFEST],
      ['M-43', 'a subject with a malformed digest', emptyManifest({ subject: { digest: 'sha256:x' } }), OCI_MANIFEST],
      ['M-43', 'a subject without digest', emptyIndex({ subject: {} }), OCI_INDEX],
      ['M-20', 'brackets without end', Buffer.from('['.repeat(1_000_000)), OCI_MANIFEST],
    ] as const;
    for (const [id, what, content, type] of invalid) {
      test(`[${id}] A manifest is refused: ${what}`, async () => {
        const name = await freshRepository();
        assertError(await speaker.wire.putManifest(name, { reference: 'v1', content, type }), 400, 'MANIFEST_INVALID');
        assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/manifests/v1`)).status, 404);
      });
    }

    test('[M-18 M-19 M-25 K-3] Unknown fields, types and annotations are no errors, and empty lists neither', async () => {
      const name = await freshRepository();
      const config = await speaker.wire.pushBlob(name, 'no JSON at all');
      const odd = { mediaType: 'application/x.odd', digest: config, size: 14, extra: { deep: [1] } };
      const contents = [
        [
          emptyManifest({ artifactType: 'application/x.thing', annotations: { 'any key': 'any value' }, more: null }),
          OCI_MANIFEST,
        ],
        [{ schemaVersion: 2, config: odd, layers: [odd] }, OCI_MANIFEST],
        [emptyIndex({ anything: [{}] }), OCI_INDEX],
        [{ schemaVersion: 2, mediaType: DOCKER_MANIFEST, config: odd, layers: [] }, DOCKER_MANIFEST],
      ] as const;
      for (const [content, type] of contents) {
        assert.equal((await speaker.wire.putManifest(name, { reference: 'v1', content, type })).status, 201);
        assert.deepEqual((await speaker.wire.send('GET', `/v2/${name}/manifests/v1`)).body, bytesOf(content));
      }
    });

    test('[M-20 J-2] A manifest may have 4 MiB and not a byte more, with a length or in chunks', async () => {
      const name = await freshRepository();
      const largest = indexOfSize(LIMIT_BYTES);
      assert.equal(
        (await speaker.wire.putManifest(name, { reference: 'v1', content: largest, type: OCI_INDEX })).status,
        201,
      );
      assert.equal((await speaker.wire.send('GET', `/v2/${name}/manifests/v1`)).body.length, LIMIT_BYTES);
      const tooLarge = indexOfSize(LIMIT_BYTES + 1);
      assertError(
        await speaker.wire.putManifest(name, { reference: 'v2', content: tooLarge, type: OCI_INDEX }),
        413,
        'MANIFEST_INVALID',
      );
      await using connection = await speaker.connect();
      connection.send(
        `PUT /v2/${name}/manifests/v2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${OCI_INDEX}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      );
      connection.send(`${(LIMIT_BYTES + 1).toString(16)}\r\n`);
      connection.send(tooLarge);
      connection.send('\r\n0\r\n\r\n');
      assert.equal((await connection.answer()).status, 413);
    });

    test('[H-8] A manifest may come in chunks', async () => {
      const name = await freshRepository();
      const headers = { 'content-type': OCI_MANIFEST, 'transfer-encoding': 'chunked' };
      const answer = await speaker.wire.send('PUT', `/v2/${name}/manifests/v1`, {
        headers,
        body: [bytesOf(emptyManifest())],
      });
      assert.equal(answer.status, 201);
    });

    test('[M-21 M-22 M-24 D-3] Missing content is named item by item, and nothing is stored', async () => {
      const name = await freshRepository();
      const unserved = `sha384:${'a'.repeat(96)}`;
      const wanted = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`, unserved];
      const content = emptyManifest({ layers: wanted.map((digest) => layer(digest)) });
      const answer = await speaker.wire.putManifest(name, { reference: 'v1', content });
      assertError(answer, 400, ...wanted.map(() => 'MANIFEST_BLOB_UNKNOWN'));
      const { errors } = JSON.parse(answer.body.toString()) as { errors: { detail: { digest: string } }[] };
      assert.deepEqual(errors.map(({ detail }) => detail.digest).sort(), [...wanted].sort());
      const index = emptyIndex({ manifests: [{ mediaType: OCI_MANIFEST, digest: ABSENT, size: 1 }] });
      assertError(
        await speaker.wire.putManifest(name, { reference: 'v1', content: index, type: OCI_INDEX }),
        400,
        'MANIFEST_BLOB_UNKNOWN',
      );
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/manifests/v1`)).status, 404);
    });

    test("[M-22 M-23 K-3] An index may name manifests or blobs, sizes are the publisher's word, external layers need not be here", async () => {
      const name = await freshRepository();
      const image = await speaker.wire.pushEmptyImage(name, 'v1');
      const blob = await speaker.wire.pushBlob(name, 'a cache layer');
      const entries = [
        { mediaType: OCI_MANIFEST, digest: image, size: 99_999 },
        { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: blob, size: 1 },
      ];
      const index = await speaker.wire.putManifest(name, {
        reference: 'cache',
        content: emptyIndex({ manifests: entries }),
        type: OCI_INDEX,
      });
      assert.equal(index.status, 201);
      const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
      const external = emptyManifest({
        layers: [layer(ABSENT, { mediaType: foreign, urls: ['https://elsewhere.example/x'] })],
      });
      assert.equal((await speaker.wire.putManifest(name, { reference: 'windows', content: external })).status, 201);
      const withoutUrls = emptyManifest({ layers: [layer(ABSENT, { mediaType: foreign })] });
      assertError(
        await speaker.wire.putManifest(name, { reference: 'v2', content: withoutUrls }),
        400,
        'MANIFEST_BLOB_UNKNOWN',
      );
      const withData = emptyManifest({ layers: [layer(digestText('data'), { data: 'ZGF0YQ==' })] });
      assertError(
        await speaker.wire.putManifest(name, { reference: 'v2', content: withData }),
        400,
        'MANIFEST_BLOB_UNKNOWN',
      );
    });
  });
}

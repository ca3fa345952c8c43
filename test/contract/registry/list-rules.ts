// What can be listed: tags, repositories, referrers, extensions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  OCI_INDEX,
  OCI_MANIFEST,
  EMPTY_CONFIG,
  assertError,
  bytesOf,
  digestText,
  emptyIndex,
  freshName,
} from '../../support/registry-wire.ts';
import { describeRegistry, type OpenRegistry } from './registry-under-test.ts';

const ABSENT = `sha256:${'0'.repeat(64)}`;

interface Referrers {
  readonly schemaVersion: number;
  readonly mediaType: string;
  readonly manifests: readonly {
    readonly digest: string;
    readonly artifactType?: string;
    readonly annotations?: object;
  }[];
}

/** The path in a `Link` header, which must be the only one and lead to the next page. */
function nextPath(link: unknown): string {
  const [, path = ''] = /^<(\/v2\/[^<>;,]+)>; rel="next"$/.exec(String(link)) ?? [];
  assert.notEqual(path, '', String(link));
  return path;
}

export function testListRules(open: OpenRegistry): void {
  describeRegistry('lists', open, (speaker) => {
    const tagged = async (...tags: readonly string[]): Promise<string> => {
      const name = freshName();
      for (const tag of tags) await speaker.wire.pushEmptyImage(name, tag);
      return name;
    };

    test('[L-1 L-2 L-3] Tags come in byte order, and a repository without tags has an empty list', async () => {
      const name = await tagged('b', 'B', '_', '1', 'a.1', 'a');
      const answer = await speaker.wire.send('GET', `/v2/${name}/tags/list`);
      assert.equal(answer.headers['content-type'], 'application/json');
      assert.deepEqual(JSON.parse(answer.body.toString()), { name, tags: ['1', 'B', '_', 'a', 'a.1', 'b'] });
      assert.equal(answer.headers['link'], undefined);
      const bare = freshName();
      await speaker.wire.pushBlob(bare, 'x');
      assert.deepEqual(await speaker.wire.json(`/v2/${bare}/tags/list`), { name: bare, tags: [] });
      assertError(await speaker.wire.send('GET', `/v2/${freshName()}/tags/list`), 404, 'NAME_UNKNOWN');
    });

    test('[L-4 L-6 L-7] Pages follow each other by their links until nothing is left', async () => {
      const name = await tagged('a', 'b', 'c', 'd', 'e');
      const seen: string[][] = [];
      let path = `/v2/${name}/tags/list?n=2`;
      while (path !== '') {
        const { headers, body } = await speaker.wire.send('GET', path);
        seen.push((JSON.parse(body.toString()) as { tags: string[] }).tags);
        path = headers['link'] === undefined ? '' : nextPath(headers['link']);
      }
      assert.deepEqual(seen, [['a', 'b'], ['c', 'd'], ['e']]);
    });

    test('[L-5 L-6 L-9 K-1] n and last are taken as they are written', async () => {
      const name = await tagged('a', 'c', '1.0_build');
      const tags = async (query: string): Promise<unknown> =>
        ((await speaker.wire.json(`/v2/${name}/tags/list?${query}`)) as { tags: unknown }).tags;
      const none = await speaker.wire.send('GET', `/v2/${name}/tags/list?n=0`);
      assert.deepEqual(JSON.parse(none.body.toString()), { name, tags: [] });
      assert.equal(none.headers['link'], undefined);
      assert.deepEqual(await tags('last=b'), ['c']);
      assert.deepEqual(await tags('last=a'), ['c']);
      assert.deepEqual(await tags('last='), ['1.0_build', 'a', 'c']);
      assert.deepEqual(await tags(`last=${'z'.repeat(2000)}`), []);
      assert.deepEqual(await tags('n=1000000'), ['1.0_build', 'a', 'c']);
    });

    test('[L-8 C-2] An n that is no count is refused', async () => {
      const name = await tagged('a');
      for (const n of ['-1', 'x', '1.5', '', '1e3']) {
        for (const path of [`/v2/${name}/tags/list`, '/v2/_catalog', `/v2/${name}/referrers/${ABSENT}`]) {
          assertError(await speaker.wire.send('GET', `${path}?n=${n}`), 400, 'UNSUPPORTED');
        }
      }
    });

    test('[F-1 F-2 F-3 H-2] Referrers of anything are a list, also where nothing is', async () => {
      for (const digest of [ABSENT, `sha384:${'a'.repeat(96)}`]) {
        const answer = await speaker.wire.send('GET', `/v2/${freshName()}/referrers/${digest}`);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['content-type'], OCI_INDEX);
        assert.deepEqual(JSON.parse(answer.body.toString()), { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] });
      }
      for (const digest of ['x', 'sha256:abc', `sha256:${'A'.repeat(64)}`]) {
        assertError(await speaker.wire.send('GET', `/v2/a/referrers/${digest}`), 400, 'DIGEST_INVALID');
      }
    });

    test('[F-4 F-5 F-6 F-7 F-8 F-9 F-10] Referrers carry type and annotations, are filtered and paged', async () => {
      const name = freshName();
      await speaker.wire.pushBlob(name, '{}');
      const subject = { mediaType: OCI_MANIFEST, digest: ABSENT, size: 7 };
      const own = {
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: EMPTY_CONFIG,
        layers: [],
        subject,
        artifactType: 'application/x.sbom+json',
        annotations: { a: 'b', c: 'd' },
      };
      const fromConfig = {
        schemaVersion: 2,
        mediaType: OCI_MANIFEST,
        config: EMPTY_CONFIG,
        layers: [],
        subject,
        artifactType: '',
      };
      const index = emptyIndex({ subject });
      const expected = [];
      for (const [content, artifactType, mediaType, algorithm] of [
        [own, 'application/x.sbom+json', OCI_MANIFEST, 'sha256'],
        [own, 'application/x.sbom+json', OCI_MANIFEST, 'sha512'],
        [fromConfig, EMPTY_CONFIG.mediaType, OCI_MANIFEST, 'sha256'],
        [index, undefined, OCI_INDEX, 'sha256'],
      ] as const) {
        const bytes = bytesOf(content);
        const digest = digestText(bytes, algorithm);
        assert.equal(
          (await speaker.wire.putManifest(name, { reference: digest, content, type: mediaType })).status,
          201,
        );
        expected.push({
          mediaType,
          digest,
          size: bytes.length,
          ...(artifactType === undefined ? {} : { artifactType }),
          ...(content === own ? { annotations: own.annotations } : {}),
        });
      }
      expected.sort((left, right) => (left.digest < right.digest ? -1 : 1));
      const path = `/v2/${name}/referrers/${ABSENT}`;
      assert.deepEqual(((await speaker.wire.json(path)) as Referrers).manifests, expected);

      const filters = [
        ['?artifactType=application/x.sbom%2Bjson', 2],
        ['?artifactType=application/x.sbom+json', 2],
        [`?artifactType=application/x.sbom%2Bjson&artifactType=${EMPTY_CONFIG.mediaType.replace('+', '%2B')}`, 3],
        ['?artifactType=application/none', 0],
      ] as const;
      for (const [query, count] of filters) {
        const answer = await speaker.wire.send('GET', path + query);
        assert.equal(answer.headers['oci-filters-applied'], 'artifactType');
        assert.equal((JSON.parse(answer.body.toString()) as Referrers).manifests.length, count, query);
      }
      const unfiltered = await speaker.wire.send('GET', `${path}?artifactType=`);
      assert.equal(unfiltered.headers['oci-filters-applied'], undefined);
      assert.equal((JSON.parse(unfiltered.body.toString()) as Referrers).manifests.length, 4);

      const first = await speaker.wire.send('GET', `${path}?n=1&artifactType=application/x.sbom%2Bjson`);
      const second = await speaker.wire.send('GET', nextPath(first.headers['link']));
      const digests = [first, second].map(
        (answer) => (JSON.parse(answer.body.toString()) as Referrers).manifests[0]?.digest,
      );
      assert.deepEqual(digests, [digestText(bytesOf(own)), digestText(bytesOf(own), 'sha512')]);
      assert.equal(second.headers['oci-filters-applied'], 'artifactType');
      assert.equal(second.headers['link'], undefined);
    });

    test('[F-8] A list that would be too large is split below 4 MiB, each page an index of its own', async () => {
      const name = freshName();
      await speaker.wire.pushBlob(name, '{}');
      const subject = { mediaType: OCI_MANIFEST, digest: ABSENT, size: 7 };
      for (const mark of ['1', '2', '3']) {
        const content = emptyIndex({ subject, annotations: { mark, pad: 'x'.repeat(2_000_000) } });
        assert.equal(
          (await speaker.wire.putManifest(name, { reference: digestText(bytesOf(content)), content, type: OCI_INDEX }))
            .status,
          201,
        );
      }
      const digests = new Set<string>();
      let path = `/v2/${name}/referrers/${ABSENT}`;
      while (path !== '') {
        const { headers, body } = await speaker.wire.send('GET', path);
        assert.ok(body.length < 4 * 1024 * 1024);
        const page = JSON.parse(body.toString()) as Referrers;
        assert.equal(page.mediaType, OCI_INDEX);
        for (const { digest } of page.manifests) digests.add(digest);
        path = headers['link'] === undefined ? '' : nextPath(headers['link']);
      }
      assert.equal(digests.size, 3);
    });

    test('[K-2] Signatures are found by tag or by subject, whichever way they were pushed', async () => {
      const name = freshName();
      const image = await speaker.wire.pushEmptyImage(name, 'v1');
      const tag = `${image.replace(':', '-')}.sig`;
      await speaker.wire.pushEmptyImage(name, tag, { annotations: { sig: '1' } });
      assert.equal((await speaker.wire.send('GET', `/v2/${name}/manifests/${tag}`)).status, 200);
    });

    test('[C-1 C-2 C-4] The catalog lists, page by page, what holds something', async () => {
      const prefix = `t/${'~'.charCodeAt(0)}${crypto.randomUUID()}`;
      const names = ['a', 'b', 'c'].map((end) => `${prefix}/${end}`);
      for (const name of names) await speaker.wire.pushBlob(name, 'x');
      await speaker.wire.openUpload(`${prefix}/d`);
      const first = await speaker.wire.send('GET', `/v2/_catalog?n=2&last=${prefix}`);
      assert.deepEqual(JSON.parse(first.body.toString()), { repositories: names.slice(0, 2) });
      const second = (await speaker.wire.json(nextPath(first.headers['link']))) as { repositories: string[] };
      assert.equal(second.repositories[0], names[2]);
      assert.ok(!second.repositories.includes(`${prefix}/d`));
      assert.equal((await speaker.wire.send('GET', '/v2/_catalog?last=&n=100000')).status, 200);
    });

    test('[X-1 X-2 X-3] Extensions are listed for the registry and for a repository', async () => {
      interface Extensions {
        readonly extensions: readonly {
          readonly name: string;
          readonly url: string;
          readonly endpoints: readonly string[];
        }[];
      }
      const all = (await speaker.wire.json('/v2/_oci/ext/discover')) as Extensions;
      assert.deepEqual(
        all.extensions.map(({ name }) => name),
        ['_oci', '_catalog'],
      );
      for (const { url, endpoints } of all.extensions) assert.ok(url !== '' && endpoints.length > 0);
      const one = (await speaker.wire.json(`/v2/${freshName()}/_oci/ext/discover`)) as Extensions;
      assert.deepEqual(
        one.extensions.map(({ name }) => name),
        ['_oci'],
      );
      assertError(await speaker.wire.send('GET', '/v2/_other/ext/discover'), 404, 'UNSUPPORTED');
      assertError(await speaker.wire.send('GET', '/v2/_oci/ext/other'), 404, 'UNSUPPORTED');
    });
  });
}

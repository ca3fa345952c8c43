// Manifests and tags: reading, pushing, several tags at once, subjects, deleting.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
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

export function testManifestRules(open: OpenRegistry): void {
  describeRegistry('manifests', open, (speaker) => {
    /** A repository that holds the empty config. */
    const freshRepository = async (): Promise<string> => {
      const name = freshName();
      await speaker.wire.pushBlob(name, '{}');
      return name;
    };

    test('[M-1 M-2 M-3 M-4 M-10 M-11 M-13 M-14 M-25 H-3 E-1] A manifest comes back byte for byte, with type, digest and length', async () => {
      const name = await freshRepository();
      const content = Buffer.from(` \n${JSON.stringify(emptyManifest(), undefined, 3)}\n\n`);
      const put = await speaker.wire.putManifest(name, {
        reference: 'v1',
        content,
        type: `${OCI_MANIFEST}; charset=utf-8`,
      });
      assert.equal(put.status, 201);
      assert.equal(put.headers.location, `/v2/${name}/manifests/${digestText(content)}`);
      assert.equal(put.headers['docker-content-digest'], digestText(content));
      assert.equal(put.headers['content-length'], '0');
      for (const path of [`/v2/${name}/manifests/v1`, String(put.headers.location)]) {
        for (const method of ['GET', 'HEAD']) {
          const { status, headers, body } = await speaker.wire.send(method, path);
          assert.equal(status, 200);
          assert.equal(headers['content-type'], OCI_MANIFEST);
          assert.equal(headers['content-length'], String(content.length));
          assert.equal(headers['docker-content-digest'], digestText(content));
          assert.equal(headers.etag, `"${digestText(content)}"`);
          assert.deepEqual(body, method === 'GET' ? content : Buffer.alloc(0));
        }
      }
    });

    test('[M-5 M-52] What is not there is 404 with the code that clients look for', async () => {
      const name = await freshRepository();
      assertError(await speaker.wire.send('GET', `/v2/${name}/manifests/none`), 404, 'MANIFEST_UNKNOWN');
      assertError(await speaker.wire.send('GET', `/v2/${name}/manifests/${ABSENT}`), 404, 'MANIFEST_UNKNOWN');
      assertError(await speaker.wire.send('GET', `/v2/${freshName()}/manifests/v1`), 404, 'MANIFEST_UNKNOWN');
      assertError(await speaker.wire.send('DELETE', `/v2/${name}/manifests/none`), 404, 'MANIFEST_UNKNOWN');
      assertError(await speaker.wire.send('DELETE', `/v2/${name}/manifests/${ABSENT}`), 404, 'MANIFEST_UNKNOWN');
      assertError(await speaker.wire.send('DELETE', `/v2/${freshName()}/manifests/v1`), 404, 'NAME_UNKNOWN');
    });

    test('[M-7 M-8 M-9 J-9] Neither Accept nor Range changes what is sent', async () => {
      const name = await freshRepository();
      await speaker.wire.pushEmptyImage(name, 'v1');
      const accepts = [undefined, '*/*', DOCKER_MANIFEST, [OCI_INDEX, `${DOCKER_LIST};q=0.5`], 'nonsense'];
      for (const accept of accepts) {
        const headers = { range: 'bytes=0-1', ...(accept === undefined ? {} : { accept }) };
        const answer = await speaker.wire.send('GET', `/v2/${name}/manifests/v1`, { headers });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['content-type'], OCI_MANIFEST);
      }
    });

    test('[E-2 E-3 M-9] A known entity tag of a manifest gives 304', async () => {
      const name = await freshRepository();
      const digest = await speaker.wire.pushEmptyImage(name, 'v1');
      const answer = await speaker.wire.send('GET', `/v2/${name}/manifests/v1`, {
        headers: { 'if-none-match': `W/"${digest}"` },
      });
      assert.equal(answer.status, 304);
      assert.equal(answer.headers.etag, `"${digest}"`);
      assert.equal(answer.headers['docker-content-digest'], digest);
    });

    test('[M-12 M-3 D-1] A push by digest is held to it, under either algorithm', async () => {
      const name = await freshRepository();
      const content = bytesOf(emptyManifest());
      for (const algorithm of ['sha256', 'sha512']) {
        const digest = digestText(content, algorithm);
        const put = await speaker.wire.putManifest(name, { reference: digest, content });
        assert.equal(put.headers['docker-content-digest'], digest);
        assert.equal(
          (await speaker.wire.send('HEAD', `/v2/${name}/manifests/${digest}`)).headers['docker-content-digest'],
          digest,
        );
      }
      for (const reference of [ABSENT, 'sha256:abc', `md5:${'a'.repeat(32)}`]) {
        assertError(await speaker.wire.putManifest(name, { reference, content }), 400, 'DIGEST_INVALID');
      }
    });

    test('[M-13 M-26] A tag moves, what it pointed to stays, and a repeated push changes nothing', async () => {
      const name = await freshRepository();
      const first = await speaker.wire.pushEmptyImage(name, 'v1');
      const second = await speaker.wire.pushEmptyImage(name, 'v1', { annotations: { a: 'b' } });
      assert.equal(await speaker.wire.pushEmptyImage(name, 'v1', { annotations: { a: 'b' } }), second);
      assert.equal(
        (await speaker.wire.send('GET', `/v2/${name}/manifests/v1`)).headers['docker-content-digest'],
        second,
      );
      assert.equal((await speaker.wire.send('GET', `/v2/${name}/manifests/${first}`)).status, 200);
    });

    test('[M-30 M-31 M-34] A push by digest makes tags, each told once and in order, also under sha512', async () => {
      const name = await freshRepository();
      const content = bytesOf(emptyManifest());
      const digest = digestText(content, 'sha512');
      const tags = ['c', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
      await using connection = await speaker.connect();
      const query = tags.map((tag) => `tag=${tag}`).join('&');
      connection.send(
        `PUT /v2/${name}/manifests/${digest}?${query} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${OCI_MANIFEST}\r\nContent-Length: ${content.length}\r\n\r\n`,
      );
      connection.send(content);
      const answer = await connection.answer();
      assert.equal(answer.status, 201);
      assert.deepEqual(answer.header('oci-tag'), [...new Set(tags)]);
      const head = await speaker.wire.send('HEAD', `/v2/${name}/manifests/a`);
      assert.equal(head.headers['docker-content-digest'], digest);
    });

    test('[M-32 J-8] A hundred tags are taken, more are 414', async () => {
      const name = await freshRepository();
      const content = emptyManifest();
      const reference = digestText(bytesOf(content));
      const query = (count: number): string =>
        `?${Array.from({ length: count }, (_, index) => `tag=${'t'.repeat(100)}${index}`).join('&')}`;
      assertError(
        await speaker.wire.putManifest(name, { reference, content, query: query(101) }),
        414,
        'MANIFEST_INVALID',
      );
      assert.equal((await speaker.wire.putManifest(name, { reference, content, query: query(100) })).status, 201);
    });

    test('[M-33 M-24] An illegal tag among several, or tags on a push by tag, store nothing', async () => {
      const name = await freshRepository();
      const content = emptyManifest();
      const reference = digestText(bytesOf(content));
      assertError(
        await speaker.wire.putManifest(name, { reference, content, query: '?tag=good&tag=.bad' }),
        400,
        'MANIFEST_INVALID',
      );
      assertError(
        await speaker.wire.putManifest(name, { reference: 'good', content, query: '?tag=other' }),
        400,
        'MANIFEST_INVALID',
      );
      for (const absent of ['good', 'other', reference]) {
        assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/manifests/${absent}`)).status, 404);
      }
    });

    test('[E-5] A push by tag may be bound to where the tag is', async () => {
      const name = await freshRepository();
      const first = await speaker.wire.pushEmptyImage(name, 'v1');
      const content = emptyManifest({ annotations: { a: 'b' } });
      const put = async (reference: string, headers: Record<string, string>): Promise<number> =>
        (await speaker.wire.putManifest(name, { reference, content, headers })).status;
      assert.equal(await put('v1', { 'if-none-match': '*' }), 412);
      assert.equal(await put('v1', { 'if-match': `"${ABSENT}"` }), 412);
      assert.equal(await put('v2', { 'if-match': '*' }), 412);
      assert.equal(
        (await speaker.wire.send('HEAD', `/v2/${name}/manifests/v1`)).headers['docker-content-digest'],
        first,
      );
      assert.equal(await put('v1', { 'if-match': `"${ABSENT}", "${first}"` }), 201);
      assert.equal(await put('v2', { 'if-none-match': '*' }), 201);
    });

    test('[M-40 M-41 M-42 M-24] A subject need not be here; the answer names it and its referrers list has the manifest', async () => {
      const name = await freshRepository();
      for (const subject of [ABSENT, `sha384:${'b'.repeat(96)}`]) {
        const content = emptyManifest({ subject: { mediaType: OCI_MANIFEST, digest: subject, size: 1 } });
        const answer = await speaker.wire.putManifest(name, { reference: digestText(bytesOf(content)), content });
        assert.equal(answer.status, 201, answer.body.toString());
        assert.equal(answer.headers['oci-subject'], subject);
        const list = (await speaker.wire.json(`/v2/${name}/referrers/${subject}`)) as {
          manifests: { digest: string }[];
        };
        assert.deepEqual(
          list.manifests.map(({ digest }) => digest),
          [digestText(bytesOf(content))],
        );
      }
      const plain = await speaker.wire.putManifest(name, { reference: 'v1', content: emptyManifest() });
      assert.equal(plain.headers['oci-subject'], undefined);
    });

    test('[M-50 M-54] Deleting a tag leaves the manifest and its other tags', async () => {
      const name = await freshRepository();
      const digest = await speaker.wire.pushEmptyImage(name, 'v1');
      await speaker.wire.pushEmptyImage(name, 'v2');
      const answer = await speaker.wire.send('DELETE', `/v2/${name}/manifests/v1`);
      assert.equal(answer.status, 202);
      assert.equal(answer.headers['content-length'], '0');
      assert.equal((await speaker.wire.send('GET', `/v2/${name}/manifests/v1`)).status, 404);
      assert.deepEqual(await speaker.wire.json(`/v2/${name}/tags/list`), { name, tags: ['v2'] });
      assert.equal((await speaker.wire.send('GET', `/v2/${name}/manifests/${digest}`)).status, 200);
    });

    test('[M-51 M-54 M-56] Deleting a manifest takes all its tags with it', async () => {
      const name = await freshRepository();
      const digest = await speaker.wire.pushEmptyImage(name, 'v1');
      await speaker.wire.pushEmptyImage(name, 'v2');
      await speaker.wire.pushEmptyImage(name, 'other', { annotations: { a: 'b' } });
      assert.equal((await speaker.wire.send('DELETE', `/v2/${name}/manifests/${digest}`)).status, 202);
      for (const reference of ['v1', 'v2', digest]) {
        assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/manifests/${reference}`)).status, 404);
      }
      assert.deepEqual(await speaker.wire.json(`/v2/${name}/tags/list`), { name, tags: ['other'] });
    });

    test('[M-55] Entries of a deleted index stay, an entry may go before its index, referrers outlive their subject', async () => {
      const name = await freshRepository();
      const image = await speaker.wire.pushEmptyImage(name, 'image');
      const content = emptyIndex({ manifests: [{ mediaType: OCI_MANIFEST, digest: image, size: 1 }] });
      for (const reference of ['one', 'two']) {
        const annotated = { ...content, annotations: { reference } };
        assert.equal(
          (await speaker.wire.putManifest(name, { reference, content: annotated, type: OCI_INDEX })).status,
          201,
        );
      }
      await speaker.wire.pushEmptyImage(name, 'signature', {
        subject: { mediaType: OCI_MANIFEST, digest: image, size: 1 },
      });
      const one = (await speaker.wire.send('HEAD', `/v2/${name}/manifests/one`)).headers['docker-content-digest'];
      assert.equal((await speaker.wire.send('DELETE', `/v2/${name}/manifests/${String(one)}`)).status, 202);
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/manifests/image`)).status, 200);
      assert.equal((await speaker.wire.send('DELETE', `/v2/${name}/manifests/${image}`)).status, 202);
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/manifests/two`)).status, 200);
      const list = (await speaker.wire.json(`/v2/${name}/referrers/${image}`)) as { manifests: unknown[] };
      assert.equal(list.manifests.length, 1);
    });

    test('[K-6] Two pushes to one tag at once both succeed, and one of them holds', async () => {
      const name = await freshRepository();
      const digests = await Promise.all(
        ['1', '2', '3'].map((a) => speaker.wire.pushEmptyImage(name, 'v1', { annotations: { a } })),
      );
      const head = await speaker.wire.send('HEAD', `/v2/${name}/manifests/v1`);
      assert.ok(digests.includes(String(head.headers['docker-content-digest'])));
    });
  });
}

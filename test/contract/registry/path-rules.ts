// Names, tags, digests, paths, headers: the rules for every request.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError, digestText, emptyManifest, freshName, OCI_INDEX } from '../../support/registry-wire.ts';
import { describeRegistry, type OpenRegistry } from './registry-under-test.ts';

const ABSENT = `sha256:${'0'.repeat(64)}`;
const INVALID_NAMES = [
  'A/b',
  'a..b',
  'a___b',
  'a-',
  '-a',
  'a_/b',
  '/a',
  'a//b',
  'foo/_oci',
  'a%C3%A9',
  'x'.repeat(256),
  'a%2fb',
  '%2e%2e',
  'a%00b',
  '%zz',
];
const VALID_NAMES = [
  'a',
  '0',
  'library/ubuntu',
  'a.b_c-d',
  'a__b',
  'a--b',
  'a---b/c',
  'foo/blobs/uploads',
  'x'.repeat(255),
];

export function testPathRules(open: OpenRegistry): void {
  describeRegistry('names, tags, digests and paths', open, (speaker) => {
    test('[N-1 N-2 N-4 N-5 R-2] A name that breaks the grammar is refused on every endpoint and method', async () => {
      const tails = [
        ['GET', `blobs/${ABSENT}`],
        ['HEAD', `blobs/${ABSENT}`],
        ['DELETE', `blobs/${ABSENT}`],
        ['GET', 'manifests/v1'],
        ['PUT', 'manifests/v1'],
        ['DELETE', 'manifests/v1'],
        ['POST', 'blobs/uploads/'],
        ['PATCH', 'blobs/uploads/11111111-1111-1111-1111-111111111111'],
        ['GET', 'tags/list'],
        ['GET', `referrers/${ABSENT}`],
      ] as const;
      for (const name of INVALID_NAMES) {
        for (const [method, tail] of tails) {
          const answer = await speaker.wire.send(method, `/v2/${name}/${tail}`);
          assert.equal(answer.status, 400, `${method} ${name} ${tail}`);
          if (method !== 'HEAD') assertError(answer, 400, 'NAME_INVALID');
        }
      }
    });

    test('[N-1 N-2 R-1] Every legal name is taken, also one made of words of the API', async () => {
      for (const name of VALID_NAMES) {
        assertError(await speaker.wire.send('GET', `/v2/${name}/manifests/v1`), 404, 'MANIFEST_UNKNOWN');
      }
    });

    test('[N-5] No path under an underscore reaches a repository', async () => {
      assertError(await speaker.wire.send('GET', '/v2/_x/manifests/v1'), 400, 'NAME_INVALID');
    });

    test('[T-1] A tag may have 128 characters, and its case counts', async () => {
      const name = freshName();
      const longest = `_${'Aa.-'.repeat(32)}`.slice(0, 128);
      await speaker.wire.pushEmptyImage(name, longest);

      assert.equal((await speaker.wire.send('GET', `/v2/${name}/manifests/${longest}`)).status, 200);
      assert.equal((await speaker.wire.send('GET', `/v2/${name}/manifests/${longest.toLowerCase()}`)).status, 404);
    });

    test('[T-2] A reference that is neither tag nor digest is not there', async () => {
      for (const reference of ['.INVALID_MANIFEST_NAME', '-x', 'a+b', 'a%2fb', 'x'.repeat(129), '%00']) {
        assertError(await speaker.wire.send('GET', `/v2/a/manifests/${reference}`), 404, 'MANIFEST_UNKNOWN');
        assert.equal((await speaker.wire.send('HEAD', `/v2/a/manifests/${reference}`)).status, 404);
      }
    });

    test('[T-3] An illegal tag is refused on PUT and unknown on DELETE', async () => {
      const name = freshName();
      await speaker.wire.pushBlob(name, '{}');
      assertError(
        await speaker.wire.putManifest(name, { reference: '.x', content: emptyManifest() }),
        400,
        'MANIFEST_INVALID',
      );
      assertError(await speaker.wire.send('DELETE', `/v2/${name}/manifests/.x`), 404, 'MANIFEST_UNKNOWN');
    });

    test('[T-4 M-6 D-2] A reference with a colon is a digest, and a malformed one is refused', async () => {
      for (const reference of ['sha256:abc', `sha256:${'A'.repeat(64)}`, 'sha256:', ':x', `sha512:${'a'.repeat(64)}`]) {
        for (const kind of ['manifests', 'blobs']) {
          assertError(await speaker.wire.send('GET', `/v2/a/${kind}/${reference}`), 400, 'DIGEST_INVALID');
          assertError(await speaker.wire.send('DELETE', `/v2/a/${kind}/${reference}`), 400, 'DIGEST_INVALID');
          assert.equal((await speaker.wire.send('HEAD', `/v2/a/${kind}/${reference}`)).status, 400);
        }
      }
    });

    test('[D-2] A legal digest of an algorithm that is not served is not there', async () => {
      const digest = `sha384:${'a'.repeat(96)}`;
      assertError(await speaker.wire.send('GET', `/v2/a/manifests/${digest}`), 404, 'MANIFEST_UNKNOWN');
      assertError(await speaker.wire.send('DELETE', `/v2/a/manifests/${digest}`), 404, 'MANIFEST_UNKNOWN');
      assertError(await speaker.wire.send('GET', `/v2/a/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
      assertError(await speaker.wire.send('DELETE', `/v2/a/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
    });

    test('[R-1] The tail of a path decides, all before it is the name', async () => {
      const outer = freshName();
      const digest = await speaker.wire.pushEmptyImage(`${outer}/blobs`, 'latest');
      const answer = await speaker.wire.send('GET', `/v2/${outer}/blobs/manifests/latest`);
      assert.equal(answer.headers['docker-content-digest'], digest);
      for (const name of [`${outer}/manifests`, `${outer}/tags/list`, `${outer}/blobs/uploads`, `${outer}/referrers`]) {
        await speaker.wire.pushEmptyImage(name, 'latest');
        assert.deepEqual(await speaker.wire.json(`/v2/${name}/tags/list`), { name, tags: ['latest'] });
      }
    });

    test('[R-2 J-1] A segment is decoded once, after splitting, and a sha512 digest is not too long', async () => {
      const name = freshName();
      const digest = await speaker.wire.pushBlob(name, 'abc', 'sha512');
      const encoded = digest.replace(':', '%3A');
      assert.equal((await speaker.wire.send('GET', `/v2/${name}/blobs/${encoded}`)).body.toString(), 'abc');
      assertError(
        await speaker.wire.send('GET', `/v2/${name}/blobs/${digest.replace(':', '%253A')}`),
        400,
        'DIGEST_INVALID',
      );
    });

    test('[R-3] A missing slash at the end changes nothing and redirects nothing', async () => {
      assert.equal((await speaker.wire.send('GET', '/v2')).status, 200);
      const answer = await speaker.wire.send('POST', `/v2/${freshName()}/blobs/uploads`, {
        headers: { 'content-length': '0' },
      });
      assert.equal(answer.status, 202);
    });

    test('[R-4] An unknown path is 404, a wrong method 405 with what is allowed', async () => {
      for (const path of [
        '/v2/nothing',
        '/v2/a/b/c',
        '/v2/a/tags/lists',
        '/v2/a/manifests/',
        '/v2/_catalog/',
        '/v2/a/blobs/',
      ]) {
        assertError(await speaker.wire.send('GET', path), 404, 'UNSUPPORTED');
      }
      const wrong = [
        ['POST', `/v2/a/blobs/${ABSENT}`, 'GET, HEAD, DELETE'],
        ['POST', '/v2/a/manifests/v1', 'GET, HEAD, PUT, DELETE'],
        ['GET', '/v2/a/blobs/uploads/', 'POST'],
        ['PUT', '/v2/a/tags/list', 'GET, HEAD'],
        ['DELETE', '/v2/', 'GET, HEAD'],
        ['PROPFIND', '/v2/a/referrers/x', 'GET, HEAD'],
        ['POST', '/v2/a/blobs/uploads/11111111-1111-1111-1111-111111111111', 'GET, HEAD, PATCH, PUT, DELETE'],
      ] as const;
      for (const [method, path, allow] of wrong) {
        const answer = await speaker.wire.send(method, path);
        assertError(answer, 405, 'UNSUPPORTED');
        assert.equal(answer.headers.allow, allow);
      }
    });

    test('[R-5 R-6 U-3 U-34 K-10] Unknown query parameters are ignored everywhere', async () => {
      const name = freshName();
      await speaker.wire.pushEmptyImage(name, 'v1');
      const extra = 'ns=docker.io&origin=x&account=me&%zz=%zz&n';
      assert.equal((await speaker.wire.send('GET', `/v2/?${extra}`)).status, 200);
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/manifests/v1?${extra}`)).status, 200);
      const opened = await speaker.wire.send('POST', `/v2/${name}/blobs/uploads/?${extra}`, {
        headers: { 'content-length': '0' },
      });
      assert.equal(opened.status, 202);
      const session = `${String(opened.headers.location)}?${extra}`;
      assert.equal((await speaker.wire.send('PATCH', session, { body: 'abc' })).status, 202);
      assert.equal((await speaker.wire.send('PUT', `${session}&digest=${digestText('abc')}`)).status, 201);
    });

    test('[H-1] Every answer under /v2 names the API version', async () => {
      const requests = [
        ['GET', '/v2/'],
        ['GET', '/v2/nothing'],
        ['HEAD', '/v2/a/manifests/v1'],
        ['POST', '/v2/a/blobs/uploads/'],
        ['TRACE', '/v2/A'],
        ['GET', `/v2/a/blobs/${ABSENT}`],
      ] as const;
      for (const [method, path] of requests) {
        const answer = await speaker.wire.send(method, path);
        assert.equal(answer.headers['docker-distribution-api-version'], 'registry/2.0', `${method} ${path}`);
      }
    });

    test('[H-5 J-5] HEAD has the headers of GET and no body', async () => {
      const name = freshName();
      const blob = await speaker.wire.pushBlob(name, 'some bytes');
      await speaker.wire.pushEmptyImage(name, 'v1');
      for (const path of [`blobs/${blob}`, 'manifests/v1', 'tags/list', `referrers/${blob}`]) {
        await using connection = await speaker.connect();
        connection.send(`HEAD /v2/${name}/${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        const head = await connection.answer({ method: 'HEAD' });
        connection.send(`GET /v2/${name}/${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        const get = await connection.answer();
        for (const header of ['content-length', 'content-type', 'docker-content-digest', 'etag']) {
          assert.deepEqual(head.header(header), get.header(header), `${path} ${header}`);
        }
        assert.equal(head.header('content-length')[0], String(get.body.length));
      }
    });

    test('[H-2 H-4 J-3 J-12] Content goes out with its exact type, length and bytes, whatever encodings are accepted', async () => {
      const name = freshName();
      const blob = await speaker.wire.pushBlob(name, 'x'.repeat(5000));
      const manifest = await speaker.wire.putManifest(name, {
        reference: 'v1',
        content: { schemaVersion: 2, manifests: [] },
        type: OCI_INDEX,
      });
      assert.equal(manifest.status, 201);
      const headers = { 'accept-encoding': 'zstd;q=1.0, gzip;q=0.8, deflate;q=0.5' };
      const bytes = await speaker.wire.send('GET', `/v2/${name}/blobs/${blob}`, { headers });
      const index = await speaker.wire.send('GET', `/v2/${name}/manifests/v1`, { headers });
      assert.equal(index.headers['content-type'], OCI_INDEX);
      assert.equal(bytes.headers['content-length'], '5000');
      for (const answer of [bytes, index]) {
        assert.equal(answer.headers['content-encoding'], undefined);
        assert.equal(answer.headers['transfer-encoding'], undefined);
      }
    });

    test('[H-7 U-1 U-4] Locations are paths of this registry, whatever the Host says', async () => {
      const name = freshName();
      const answer = await speaker.wire.send('POST', `/v2/${name}/blobs/uploads/`, {
        headers: { host: 'elsewhere.localhost:1', 'x-forwarded-proto': 'https', 'content-length': '0' },
      });
      assert.match(String(answer.headers.location), new RegExp(`^/v2/${name}/blobs/uploads/[0-9a-f-]{36}$`));
      assert.equal(answer.headers['docker-upload-uuid'], String(answer.headers.location).slice(-36));
    });

    test('[H-13 V-1 K-9] The base path is served with GET and HEAD, in either form of the target', async () => {
      const answer = await speaker.wire.send('GET', '/v2/');
      assert.equal(answer.status, 200);
      assert.equal(answer.body.toString(), '{}');
      assert.equal(answer.headers['content-type'], 'application/json');
      assert.equal((await speaker.wire.send('HEAD', '/v2/')).status, 200);
      assert.equal((await speaker.wire.send('GET', 'http://other.example/v2/')).status, 200);
    });

    test('[K-7] A TLS handshake on the plain port fails at once', async () => {
      await using connection = await speaker.connect();
      connection.send(Buffer.from('16030100c8010000c40303', 'hex'));
      const answer = await connection.answer();
      await connection.rest();
      assert.equal(answer.status, 400);
    });

    test('[K-8] A request for the old API or for signatures gets a plain answer', async () => {
      assert.equal((await speaker.wire.send('GET', '/v1/repositories/library/busybox/images')).status, 404);
      const found = (await speaker.wire.json('/v1/search?q=no-such-name')) as { readonly num_results: number };
      assert.equal(found.num_results, 0, 'docker and podman search a registry by this one path of the old API');
      const headers = { 'docker-distribution-api-version': 'registry/2.0' };
      const answer = await speaker.wire.send('GET', '/v2/', { headers });
      assert.equal(answer.headers['x-registry-supports-signatures'], undefined);
    });

    test('[J-8] Headers up to 16 KiB are taken, far longer ones answered by 431', async () => {
      assert.equal(
        (await speaker.wire.send('GET', '/v2/', { headers: { authorization: `Bearer ${'x'.repeat(16_000)}` } })).status,
        200,
      );
      await using connection = await speaker.connect();
      connection.send(`GET /v2/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${'x'.repeat(40_000)}\r\n\r\n`);
      assert.equal((await connection.answer()).status, 431);
    });

    test('[R-2] Bytes that would end a header or a path do neither', async () => {
      for (const path of ['/v2/a/manifests/v1%0d%0aX-Evil:%201', '/v2/a%0d%0aX-Evil:1/tags/list']) {
        const answer = await speaker.wire.send('GET', path);
        assert.equal(answer.headers['x-evil'], undefined);
        assert.ok(answer.status === 404 || answer.status === 400);
      }
      await using connection = await speaker.connect();
      connection.send('GET /v2/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n');
      assert.equal((await connection.answer()).status, 404);
    });
  });
}

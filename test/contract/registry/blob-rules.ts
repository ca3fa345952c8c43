// Blobs: reading, ranges, conditions, deleting.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededBytes } from '../../support/seeded-bytes.ts';
import { assertError, digestText, emptyManifest, freshName } from '../../support/registry-wire.ts';
import { describeRegistry, type OpenRegistry } from './registry-under-test.ts';

const ABSENT = `sha256:${'0'.repeat(64)}`;
const BLOB = Buffer.concat([...seededBytes('ranges', 2048)]);

export function testBlobRules(open: OpenRegistry): void {
  describeRegistry('blobs', open, (speaker) => {
    /** A blob of 2048 bytes in a repository of its own. */
    const pushed = async (): Promise<string> => {
      const name = freshName();
      return `/v2/${name}/blobs/${await speaker.wire.pushBlob(name, BLOB)}`;
    };

    test('[B-1 B-2 B-3 B-4 E-1 H-3] A blob is served with its bytes, length, digest and caching headers', async () => {
      const path = await pushed();
      for (const method of ['GET', 'HEAD']) {
        const { status, headers, body } = await speaker.wire.send(method, path);
        assert.equal(status, 200);
        assert.deepEqual(body, method === 'GET' ? BLOB : Buffer.alloc(0));
        assert.equal(headers['content-length'], '2048');
        assert.equal(headers['content-type'], 'application/octet-stream');
        assert.equal(headers['docker-content-digest'], digestText(BLOB));
        assert.equal(headers.etag, `"${digestText(BLOB)}"`);
        assert.equal(headers['accept-ranges'], 'bytes');
        assert.equal(headers['cache-control'], 'max-age=31536000');
        assert.equal(headers['transfer-encoding'], undefined);
      }
    });

    test('[B-1 B-5 H-13] A blob is only in the repositories that it was pushed to', async () => {
      await pushed();
      const path = `/v2/${freshName()}/blobs/${digestText(BLOB)}`;
      assertError(await speaker.wire.send('GET', path), 404, 'BLOB_UNKNOWN');
      assert.equal((await speaker.wire.send('HEAD', path)).status, 404);
    });

    test('[B-6] Manifests are not blobs, and blobs are not manifests', async () => {
      const name = freshName();
      const digest = await speaker.wire.pushEmptyImage(name, 'v1');
      assertError(await speaker.wire.send('GET', `/v2/${name}/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
      assertError(await speaker.wire.send('GET', `/v2/${name}/manifests/${digestText('{}')}`), 404, 'MANIFEST_UNKNOWN');
    });

    test('[B-7 B-18 H-3] A blob of no bytes is stored and served with length 0, ranges or not', async () => {
      const name = freshName();
      const digest = await speaker.wire.pushBlob(name, '');
      for (const headers of [{}, { range: 'bytes=0-10' }]) {
        const answer = await speaker.wire.send('GET', `/v2/${name}/blobs/${digest}`, { headers });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['content-length'], '0');
      }
    });

    test('[B-1 H-3] A blob of many buffers arrives whole, over one connection and several at once', async () => {
      const name = freshName();
      const large = Buffer.concat([...seededBytes('large', 9 * 1024 * 1024 + 17)]);
      const digest = await speaker.wire.pushBlob(name, large);
      const answers = await Promise.all([1, 2, 3].map(() => speaker.wire.send('GET', `/v2/${name}/blobs/${digest}`)));
      for (const { body } of answers) assert.equal(digestText(body), digest);
    });

    const single = [
      ['B-10', 'bytes=500-1499', 500, 1499],
      ['B-11 B-21', 'bytes=500-', 500, 2047],
      ['B-12', 'bytes=-500', 1548, 2047],
      ['B-13', 'bytes=2000-5000', 2000, 2047],
      ['B-14', 'bytes=-5000', 0, 2047],
    ] as const;
    for (const [id, range, first, last] of single) {
      test(`[${id}] ${range} of 2048 bytes gives ${first} to ${last}`, async () => {
        const answer = await speaker.wire.send('GET', await pushed(), { headers: { range } });
        assert.equal(answer.status, 206);
        assert.equal(answer.headers['content-range'], `bytes ${first}-${last}/2048`);
        assert.equal(answer.headers['content-length'], String(last - first + 1));
        assert.equal(answer.headers['docker-content-digest'], digestText(BLOB));
        assert.deepEqual(answer.body, BLOB.subarray(first, last + 1));
      });
    }

    test('[B-15 B-16 B-22] A range behind the end or a broken one is 416 with the size and no body', async () => {
      const path = await pushed();
      for (const range of [
        'bytes=5000-10000',
        'bytes=2048-',
        'bytes=500-0',
        'bytes=x-1',
        'bytes=',
        'bytes=-',
        'bytes=-0',
        'bytes=1-2-3',
      ]) {
        const { status, headers, body } = await speaker.wire.send('GET', path, { headers: { range } });
        assert.equal(status, 416, range);
        assert.equal(headers['content-range'], 'bytes */2048');
        assert.equal(headers['content-length'], '0');
        assert.equal(body.length, 0);
      }
    });

    test('[B-17 B-20] Another unit, and any range of a HEAD, is ignored', async () => {
      const path = await pushed();
      const other = await speaker.wire.send('GET', path, { headers: { range: 'items=0-1' } });
      assert.equal(other.status, 200);
      assert.equal(other.body.length, 2048);
      const head = await speaker.wire.send('HEAD', path, { headers: { range: 'bytes=0-1' } });
      assert.equal(head.status, 200);
      assert.equal(head.headers['content-length'], '2048');
    });

    test('[B-19] Several ranges give one part each in the asked order', async () => {
      const answer = await speaker.wire.send('GET', await pushed(), { headers: { range: 'bytes=100-109, 0-9,-5' } });
      assert.equal(answer.status, 206);
      const [, boundary = ''] =
        /^multipart\/byteranges; boundary=(.+)$/.exec(String(answer.headers['content-type'])) ?? [];
      const part = (first: number, last: number): Buffer =>
        Buffer.concat([
          Buffer.from(
            `--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${first}-${last}/2048\r\n\r\n`,
          ),
          BLOB.subarray(first, last + 1),
          Buffer.from('\r\n'),
        ]);
      assert.deepEqual(
        answer.body,
        Buffer.concat([part(100, 109), part(0, 9), part(2043, 2047), Buffer.from(`--${boundary}--\r\n`)]),
      );
      assert.equal(answer.headers['content-length'], String(answer.body.length));
    });

    test('[B-19] More than 16 ranges, or more bytes than the blob has, give the whole', async () => {
      const path = await pushed();
      const many = Array.from({ length: 17 }, (_, index) => `${index}-${index}`).join(',');
      for (const range of [`bytes=${many}`, 'bytes=0-2047,0-2047']) {
        const answer = await speaker.wire.send('GET', path, { headers: { range } });
        assert.equal(answer.status, 200);
        assert.deepEqual(answer.body, BLOB);
      }
    });

    test('[E-2 E-3] A known entity tag gives 304 in every form that clients write it', async () => {
      const path = await pushed();
      const digest = digestText(BLOB);
      for (const tag of [`"${digest}"`, `W/"${digest}"`, digest, '*', `"other", "${digest}"`]) {
        for (const method of ['GET', 'HEAD']) {
          const { status, headers, body } = await speaker.wire.send(method, path, {
            headers: { 'if-none-match': tag },
          });
          assert.equal(status, 304, tag);
          assert.equal(headers.etag, `"${digest}"`);
          assert.equal(headers['docker-content-digest'], digest);
          assert.equal(body.length, 0);
        }
      }
      assert.equal((await speaker.wire.send('GET', path, { headers: { 'if-none-match': '"other"' } })).status, 200);
      const absent = await speaker.wire.send('GET', `/v2/a/blobs/${ABSENT}`, { headers: { 'if-none-match': '*' } });
      assertError(absent, 404, 'BLOB_UNKNOWN');
    });

    test('[E-4] If-Range with another tag gives the whole', async () => {
      const path = await pushed();
      const range = 'bytes=0-9';
      const same = await speaker.wire.send('GET', path, { headers: { range, 'if-range': `"${digestText(BLOB)}"` } });
      const other = await speaker.wire.send('GET', path, { headers: { range, 'if-range': '"other"' } });
      assert.equal(same.status, 206);
      assert.equal(other.status, 200);
      assert.deepEqual(other.body, BLOB);
    });

    test('[B-30 B-31 B-33] A deleted blob is gone at once, here and nowhere else', async () => {
      const path = await pushed();
      const elsewhere = await pushed();
      const answer = await speaker.wire.send('DELETE', path);
      assert.equal(answer.status, 202);
      assert.equal(answer.headers['content-length'], '0');
      assert.equal((await speaker.wire.send('HEAD', path)).status, 404);
      assertError(await speaker.wire.send('DELETE', path), 404, 'BLOB_UNKNOWN');
      assert.equal((await speaker.wire.send('HEAD', elsewhere)).status, 200);
    });

    test('[B-34] A blob that a manifest uses may be deleted; the manifest stays', async () => {
      const name = freshName();
      await speaker.wire.pushEmptyImage(name, 'v1');
      assert.equal((await speaker.wire.send('DELETE', `/v2/${name}/blobs/${digestText('{}')}`)).status, 202);
      assert.equal((await speaker.wire.send('GET', `/v2/${name}/manifests/v1`)).status, 200);
    });

    test('[D-4 U-14] The same bytes under two algorithms are two independent blobs', async () => {
      const name = freshName();
      const sha256 = await speaker.wire.pushBlob(name, 'two names');
      const sha512 = await speaker.wire.pushBlob(name, 'two names', 'sha512');
      const answer = await speaker.wire.send('GET', `/v2/${name}/blobs/${sha512}`);
      assert.equal(answer.headers['docker-content-digest'], sha512);
      assert.equal((await speaker.wire.send('DELETE', `/v2/${name}/blobs/${sha256}`)).status, 202);
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/blobs/${sha512}`)).status, 200);
    });

    test('[K-5 U-13] What was pushed is there at once, and makes its repository', async () => {
      const name = freshName();
      await speaker.wire.openUpload(name);
      assertError(await speaker.wire.send('GET', `/v2/${name}/tags/list`), 404, 'NAME_UNKNOWN');
      const digest = await speaker.wire.pushBlob(name, '{}');
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/blobs/${digest}`)).status, 200);
      const answer = await speaker.wire.putManifest(name, { reference: 'v1', content: emptyManifest() });
      assert.equal(answer.status, 201);
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/manifests/v1`)).status, 200);
    });
  });
}

// Upload sessions: opening, chunks, closing, status, cancelling, mounting.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededBytes } from '../../support/seeded-bytes.ts';
import { assertError, digestText, freshName } from '../../support/registry-wire.ts';
import { describeRegistry, type OpenRegistry } from './registry-under-test.ts';

const MIB = 1024 * 1024;

const EMPTY = digestText('');
const BLOB = Buffer.concat([...seededBytes('chunks', 3067)]);
const DIGEST = digestText(BLOB);
const NO_BODY = { headers: { 'content-length': '0' } };

function chunk(first: number, last: number): { readonly headers: Record<string, string>; readonly body: Buffer } {
  return {
    headers: { 'content-range': `${first}-${last}`, 'content-length': String(last - first + 1) },
    body: BLOB.subarray(first, last + 1),
  };
}

async function* inPieces(bytes: Buffer, pieceBytes = 700): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) yield bytes.subarray(offset, offset + pieceBytes);
}

export function testUploadRules(open: OpenRegistry): void {
  describeRegistry('upload sessions', open, (speaker) => {
    test('[U-20 U-21 U-5 U-6 U-27 H-9 J-4] A session opens with 202, whatever type an empty body claims', async () => {
      for (const type of [undefined, 'application/json', 'text/x; charset=utf-8', ';;']) {
        const headers = { 'content-length': '0', ...(type === undefined ? {} : { 'content-type': type }) };
        const answer = await speaker.wire.send('POST', `/v2/${freshName()}/blobs/uploads/`, { headers });
        assert.equal(answer.status, 202);
        assert.equal(answer.headers.range, '0-0');
        assert.equal(answer.headers['content-length'], '0');
        assert.match(String(answer.headers['docker-upload-uuid']), /^[0-9a-f-]{36}$/);
        assert.equal(answer.headers['oci-chunk-min-length'], undefined);
      }
    });

    test('[U-22] A session may be opened for an algorithm, and closed with another', async () => {
      const name = freshName();
      const path = `/v2/${name}/blobs/uploads/`;
      const opened = await speaker.wire.send('POST', `${path}?digest-algorithm=sha512`, NO_BODY);
      assert.equal(opened.status, 202);
      const closed = await speaker.wire.send('PUT', `${String(opened.headers.location)}?digest=${DIGEST}`, {
        body: BLOB,
      });
      assert.equal(closed.status, 201);
      assertError(await speaker.wire.send('POST', `${path}?digest-algorithm=md5`, NO_BODY), 400, 'DIGEST_INVALID');
    });

    test('[U-40 U-41 U-42 U-43 U-50 U-51 U-52 U-2 U-5 U-60 U-7 U-9] A chunked push with every kind of mistake ends well', async () => {
      const name = freshName();
      const session = await speaker.wire.openUpload(name);
      const uuid = session.slice(-36);
      const standsAt = async (method: string, path: string, range: string, options = {}): Promise<void> => {
        const answer = await speaker.wire.send(method, path, options);
        assert.equal(answer.headers.range, range);
        assert.equal(answer.headers.location, session);
        assert.equal(answer.headers['docker-upload-uuid'], uuid);
        if (method !== 'GET' && answer.status !== 202) assertError(answer, 416, 'BLOB_UPLOAD_INVALID');
        else assert.equal(answer.status, method === 'GET' ? 204 : 202);
      };
      await standsAt('PATCH', session, '0-0', chunk(1024, 2047));
      await standsAt('GET', session, '0-0');
      await standsAt('PATCH', session, '0-1023', chunk(0, 1023));
      await standsAt('PUT', `${session}?digest=${DIGEST}`, '0-1023', chunk(2048, 3066));
      await standsAt('GET', `${session}?digest=${DIGEST}`, '0-1023');
      await standsAt('PATCH', session, '0-2047', chunk(1024, 2047));
      await standsAt('PATCH', session, '0-2047', chunk(0, 1023));
      const closed = await speaker.wire.send('PUT', `${session}?digest=${DIGEST}`, chunk(2048, 3066));
      assert.equal(closed.status, 201, closed.body.toString());
      assert.equal(closed.headers.location, `/v2/${name}/blobs/${DIGEST}`);
      assert.equal(closed.headers['docker-content-digest'], DIGEST);
      assert.equal(closed.headers['content-length'], '0');
      assertError(await speaker.wire.send('GET', session), 404, 'BLOB_UPLOAD_UNKNOWN');
      assert.deepEqual((await speaker.wire.send('GET', String(closed.headers.location))).body, BLOB);
    });

    test('[U-44] A Content-Range of another shape is 416, the long form of it is understood', async () => {
      const session = await speaker.wire.openUpload(freshName());
      for (const range of ['0', 'x-y', '5-1', '0-', '-5', '0-1023,1024-2047', '0-99999999999999999999']) {
        const answer = await speaker.wire.send('PATCH', session, { headers: { 'content-range': range }, body: 'abc' });
        assertError(answer, 416, 'BLOB_UPLOAD_INVALID');
        assert.equal(answer.headers.range, '0-0');
      }
      const first = await speaker.wire.send('PATCH', session, {
        headers: { 'content-range': 'bytes 0-2/*' },
        body: 'abc',
      });
      const second = await speaker.wire.send('PATCH', session, {
        headers: { 'content-range': 'bytes=3-5/6' },
        body: 'def',
      });
      assert.equal(first.status, 202);
      assert.equal(second.headers.range, '0-5');
    });

    test('[U-45] A chunk of another length than it says is refused and stores nothing', async () => {
      const session = await speaker.wire.openUpload(freshName());
      const headers = { 'content-range': '0-9' };
      const withLength = await speaker.wire.send('PATCH', session, {
        headers: { ...headers, 'content-length': '3' },
        body: 'abc',
      });
      assertError(withLength, 400, 'SIZE_INVALID');
      const chunked = await speaker.wire.send('PATCH', session, { headers, body: inPieces(BLOB) });
      assertError(chunked, 400, 'SIZE_INVALID');
      assert.equal((await speaker.wire.send('GET', session)).headers.range, '0-0');
    });

    test('[U-46 U-50 H-8 H-9] A streamed PATCH of any length appends, and an empty PUT closes', async () => {
      const name = freshName();
      const session = await speaker.wire.openUpload(name);
      const first = await speaker.wire.send('PATCH', session, {
        headers: { 'content-type': ';;' },
        body: inPieces(BLOB.subarray(0, 2000)),
      });
      const nothing = await speaker.wire.send('PATCH', session, { headers: { 'transfer-encoding': 'chunked' } });
      const second = await speaker.wire.send('PATCH', session, { body: BLOB.subarray(2000) });
      assert.deepEqual([first.status, nothing.status, second.status], [202, 202, 202]);
      assert.deepEqual(
        [first.headers.range, nothing.headers.range, second.headers.range],
        ['0-1999', '0-1999', '0-3066'],
      );
      assert.equal(first.headers['content-length'], '0');
      const closed = await speaker.wire.send('PUT', `${session}?digest=${DIGEST}`, NO_BODY);
      assert.equal(closed.status, 201);
    });

    test('[U-50 H-8 U-14] A monolithic PUT takes its body with a length or in chunks, under either algorithm', async () => {
      for (const algorithm of ['sha256', 'sha512']) {
        for (const body of [BLOB, inPieces(BLOB)]) {
          const name = freshName();
          const digest = digestText(BLOB, algorithm);
          const session = await speaker.wire.openUpload(name);
          const answer = await speaker.wire.send('PUT', `${session}?digest=${digest}`, { body });
          assert.equal(answer.status, 201);
          assert.deepEqual((await speaker.wire.send('GET', `/v2/${name}/blobs/${digest}`)).body, BLOB);
        }
      }
    });

    test('[D-1 U-53 U-9] A PUT without a usable digest is refused and leaves the session', async () => {
      const session = await speaker.wire.openUpload(freshName());
      await speaker.wire.send('PATCH', session, { body: BLOB });
      const queries = [
        '',
        '?digest=',
        '?digest=sha256:abc',
        `?digest=md5:${'a'.repeat(32)}`,
        `?digest=${DIGEST}&digest=${EMPTY}`,
      ];
      for (const query of queries) {
        assertError(await speaker.wire.send('PUT', session + query, NO_BODY), 400, 'DIGEST_INVALID');
      }
      assert.equal(
        (await speaker.wire.send('PUT', `${session}?digest=${DIGEST}&digest=${DIGEST}`, NO_BODY)).status,
        201,
      );
    });

    test('[U-54 U-55 U-9] Content that does not match its digest is refused, not stored, and ends the session', async () => {
      const name = freshName();
      const session = await speaker.wire.openUpload(name);
      assertError(
        await speaker.wire.send('PUT', `${session}?digest=${DIGEST}`, { body: 'something else' }),
        400,
        'DIGEST_INVALID',
      );
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/blobs/${DIGEST}`)).status, 404);
      assertError(await speaker.wire.send('GET', session), 404, 'BLOB_UPLOAD_UNKNOWN');
    });

    test('[U-55] A blob is not visible before its session is closed', async () => {
      const name = freshName();
      const session = await speaker.wire.openUpload(name);
      await speaker.wire.send('PATCH', session, { body: BLOB });
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/blobs/${DIGEST}`)).status, 404);
    });

    test('[U-56 U-10 U-9 J-11] A body that breaks off commits nothing, and a session keeps what had arrived', async () => {
      const name = freshName();
      const session = await speaker.wire.openUpload(name);
      await using connection = await speaker.connect();
      connection.send(
        `PUT ${session}?digest=${DIGEST} HTTP/1.1\r\nHost: [::1]\r\nContent-Length: ${BLOB.length}\r\nExpect: 100-continue\r\n\r\n`,
      );
      await connection.continued();
      connection.send(BLOB.subarray(0, 1000));
      // A second request waits in line behind the first; its answer shows that the first has ended.
      const waiting = speaker.wire.send('PATCH', session, {
        headers: { 'content-range': '3000-3066' },
        body: BLOB.subarray(3000),
      });
      connection.destroy();
      assert.equal((await waiting).status, 416);
      const status = await speaker.wire.send('GET', session);
      assert.equal(status.status, 204);
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/blobs/${DIGEST}`)).status, 404);
      const received = status.headers.range === '0-0' ? 0 : Number(String(status.headers.range).slice(2)) + 1;
      const rest = BLOB.subarray(received);
      assert.equal((await speaker.wire.send('PUT', `${session}?digest=${DIGEST}`, { body: rest })).status, 201);
    });

    test('[U-11] A second writer waits for the first, then is judged by the new offset', async () => {
      const session = await speaker.wire.openUpload(freshName());
      await using connection = await speaker.connect();
      connection.send(
        `PATCH ${session} HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 1024\r\nExpect: 100-continue\r\n\r\n`,
      );
      await connection.continued();
      connection.send(BLOB.subarray(0, 100));
      const overlapping = speaker.wire.send('PATCH', session, chunk(0, 1023));
      connection.send(BLOB.subarray(100, 1024));
      const first = await connection.answer();
      const second = await overlapping;
      assert.deepEqual([first.status, second.status], [202, 416]);
    });

    test('[U-7 U-47 U-61 U-62] Only a live session of this repository answers', async () => {
      const name = freshName();
      const session = await speaker.wire.openUpload(name);
      const uuid = session.slice(-36);
      const strangers = [
        `/v2/${freshName()}/blobs/uploads/${uuid}`,
        `/v2/${name}/blobs/uploads/${crypto.randomUUID()}`,
        `/v2/${name}/blobs/uploads/x`,
        `/v2/${name}/blobs/uploads/..%2f..%2fx`,
      ];
      for (const path of strangers) {
        for (const method of ['GET', 'PATCH', 'DELETE']) {
          assertError(
            await speaker.wire.send(method, path, method === 'PATCH' ? { body: 'abc' } : {}),
            404,
            'BLOB_UPLOAD_UNKNOWN',
          );
        }
        assertError(
          await speaker.wire.send('PUT', `${path}?digest=${DIGEST}`, { body: BLOB }),
          404,
          'BLOB_UPLOAD_UNKNOWN',
        );
      }
      assert.equal((await speaker.wire.send('GET', session)).status, 204);
    });

    test('[U-60 U-6 U-5] The state of a session is read by GET and HEAD', async () => {
      const session = await speaker.wire.openUpload(freshName());
      await speaker.wire.send('PATCH', session, { body: 'x' });
      for (const method of ['GET', 'HEAD']) {
        const { status, headers } = await speaker.wire.send(method, `${session}?digest=nonsense`);
        assert.equal(status, 204);
        assert.equal(headers.range, '0-0');
        assert.equal(headers.location, session);
      }
    });

    test('[U-62 U-63 J-6] A cancelled session is gone', async () => {
      const session = await speaker.wire.openUpload(freshName());
      const answer = await speaker.wire.send('DELETE', session);
      assert.equal(answer.status, 204);
      assert.equal(answer.headers['docker-upload-uuid'], session.slice(-36));
      assertError(await speaker.wire.send('GET', session), 404, 'BLOB_UPLOAD_UNKNOWN');
      assertError(await speaker.wire.send('DELETE', session), 404, 'BLOB_UPLOAD_UNKNOWN');
    });

    test('[U-23 H-8] A whole blob may come with the POST', async () => {
      for (const body of [BLOB, inPieces(BLOB)]) {
        const name = freshName();
        const answer = await speaker.wire.send('POST', `/v2/${name}/blobs/uploads/?digest=${DIGEST}`, { body });
        assert.equal(answer.status, 201);
        assert.equal(answer.headers.location, `/v2/${name}/blobs/${DIGEST}`);
        assert.equal(answer.headers['docker-content-digest'], DIGEST);
        assert.deepEqual((await speaker.wire.send('GET', String(answer.headers.location))).body, BLOB);
      }
    });

    test('[U-24 D-1] A whole blob with a wrong or useless digest stores nothing', async () => {
      const name = freshName();
      for (const digest of [digestText('other'), 'sha256:abc', `md5:${'a'.repeat(32)}`]) {
        const answer = await speaker.wire.send('POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, { body: BLOB });
        assertError(answer, 400, 'DIGEST_INVALID');
      }
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/blobs/${digestText('other')}`)).status, 404);
    });

    test('[U-25 J-11] A whole blob that breaks off stores nothing', async () => {
      const name = freshName();
      const digest = digestText(BLOB.subarray(0, 1000));
      await using connection = await speaker.connect();
      connection.send(
        `POST /v2/${name}/blobs/uploads/?digest=${digest} HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 3067\r\nExpect: 100-continue\r\n\r\n`,
      );
      await connection.continued();
      connection.send(BLOB.subarray(0, 1000));
      connection.destroy();
      await speaker.wire.pushBlob(name, 'another, so that the first was seen');
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/blobs/${digest}`)).status, 404);
    });

    test('[U-26] A POST with a digest and no bytes is the empty blob, or else a session', async () => {
      const name = freshName();
      const path = `/v2/${name}/blobs/uploads/`;
      const chunked = { headers: { 'transfer-encoding': 'chunked' } };
      for (const options of [NO_BODY, chunked]) {
        for (const algorithm of ['sha256', 'sha512']) {
          assert.equal(
            (await speaker.wire.send('POST', `${path}?digest=${digestText('', algorithm)}`, options)).status,
            201,
          );
        }
        const answer = await speaker.wire.send('POST', `${path}?digest=${DIGEST}`, options);
        assert.equal(answer.status, 202);
        assert.equal((await speaker.wire.send('GET', String(answer.headers.location))).status, 204);
      }
      assert.equal((await speaker.wire.send('HEAD', `/v2/${name}/blobs/${EMPTY}`)).status, 200);
    });

    test('[U-12 K-4] The same blob may be pushed again, and twice at once', async () => {
      const name = freshName();
      await Promise.all([speaker.wire.pushBlob(name, BLOB), speaker.wire.pushBlob(name, BLOB)]);
      await speaker.wire.pushBlob(name, BLOB);
      assert.deepEqual((await speaker.wire.send('GET', `/v2/${name}/blobs/${DIGEST}`)).body, BLOB);
    });

    test('[U-30 U-32] A blob of another repository is mounted, with its name or without', async () => {
      const source = freshName();
      const bytes = `mount me ${source}`;
      const digest = await speaker.wire.pushBlob(source, bytes);
      for (const from of [`&from=${source}`, '']) {
        const name = freshName();
        const answer = await speaker.wire.send('POST', `/v2/${name}/blobs/uploads/?mount=${digest}${from}`, NO_BODY);
        assert.equal(answer.status, 201);
        assert.equal(answer.headers.location, `/v2/${name}/blobs/${digest}`);
        assert.equal(answer.headers['docker-content-digest'], digest);
        assert.equal((await speaker.wire.send('GET', `/v2/${name}/blobs/${digest}`)).body.toString(), bytes);
      }
    });

    test('[U-31 U-32] What cannot be mounted becomes a session that works', async () => {
      const name = freshName();
      const source = freshName();
      const held = await speaker.wire.pushBlob(source, `held ${source}`);
      const nobody = `sha256:${'1'.repeat(64)}`;
      const queries = [
        `mount=${nobody}`,
        `mount=${nobody}&from=${source}`,
        `mount=${held}&from=${freshName()}`,
        `mount=${held}&from=A!`,
        'mount=x',
        'mount=',
      ];
      for (const query of queries) {
        const answer = await speaker.wire.send('POST', `/v2/${name}/blobs/uploads/?${query}`, NO_BODY);
        assert.equal(answer.status, 202, query);
        const put = await speaker.wire.send('PUT', `${String(answer.headers.location)}?digest=${DIGEST}`, {
          body: BLOB,
        });
        assert.equal(put.status, 201);
      }
    });

    test('[H-12] An early error is heard even by a client that is still sending', async () => {
      await using connection = await speaker.connect();
      const path = `/v2/${freshName()}/blobs/uploads/${crypto.randomUUID()}`;
      connection.send(`PATCH ${path} HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 3067\r\n\r\n`);
      connection.send(BLOB.subarray(0, 10));
      const answer = await connection.answer();
      connection.send(BLOB.subarray(10));
      connection.send('GET /v2/ HTTP/1.1\r\nHost: [::1]\r\n\r\n');
      assert.equal(answer.status, 404);
      assert.equal((await connection.answer()).status, 200);
    });

    test('[H-12] An early error is heard also over a connection that is not kept alive', async () => {
      await using connection = await speaker.connect();
      const path = `/v2/${freshName()}/blobs/uploads/${crypto.randomUUID()}`;
      connection.send(
        `PATCH ${path} HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\nContent-Length: ${8 * MIB}\r\n\r\n`,
      );
      for (let sent = 0; sent < 8; sent += 1) connection.send(Buffer.alloc(MIB));

      assert.equal((await connection.answer()).status, 404);
      assert.equal((await connection.rest()).length, 0);
    });

    test('[J-10] A client that waits for 100-continue gets it', async () => {
      const session = await speaker.wire.openUpload(freshName());
      await using connection = await speaker.connect();
      connection.send(`PATCH ${session} HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n`);
      await connection.continued();
      connection.send('abc');
      const answer = await connection.answer();
      assert.deepEqual(answer.header('range'), ['0-2']);
    });
  });
}

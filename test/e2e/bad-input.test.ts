// What comes in broken is refused with the right error, and leaves nothing behind in the process.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { ImageLayout } from '../support/image-layout.ts';
import { readProcessUsage } from '../support/process-usage.ts';
import { RawConnection } from '../support/raw-connection.ts';
import { pushImage } from '../support/registry-client.ts';
import { seededBytes } from '../support/seeded-bytes.ts';
import { type SingleHost, startSingleHost } from '../support/single-host.ts';
import { type BadRequest, badRequests } from './bad-requests.ts';

describe('Bad input', () => {
  let host: SingleHost;
  let requests: BadRequest[];

  before(async () => {
    host = await startSingleHost();
    const layout = await ImageLayout.create(join(host.folder, 'layout'));
    const artifactType = 'application/vnd.example.bytes';
    const artifact = await layout.addArtifact({ artifactType, content: seededBytes('bad', 2048) });
    await pushImage(host.registry, layout, artifact, { repository: 'bad/input', reference: 'good' });
    const blobDigest = (await layout.blobOf(artifact)).digest;
    requests = badRequests({ blobDigest, sessionPath: await openUpload() });
  });

  after(async () => {
    await host[Symbol.asyncDispose]();
  });

  test('Each kind gets the status and the code that the specification names', async () => {
    const answers: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};

    for (const { what, request, status, code } of requests) {
      const answer = await host.registry.request(request);
      answers[what] = [answer.status, code === undefined ? undefined : errorCode(answer.body)];
      expected[what] = [status, code];
    }

    assert.deepEqual(answers, expected);
  });

  test('Paths that leave the API and bytes that are no HTTP are refused', async () => {
    const lines = [
      'GET /v2/../../etc/passwd HTTP/1.1',
      'GET /v2/a/../../../../etc/passwd HTTP/1.1',
      'GET /v2/a\0b/tags/list HTTP/1.1',
      'GET /v2/a b/tags/list HTTP/1.1',
      'NONSENSE',
    ];

    for (const line of lines) {
      await using connection = await RawConnection.open(host.baseUrl);
      connection.send(`${line}\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      const text = (await connection.rest()).toString('latin1');
      assert.match(text, /^HTTP\/1\.1 40[04] /, line);
    }
  });

  test('A body that is cut short is not taken for a blob, and the upload can go on', async () => {
    const sessionPath = await openUpload();
    const content = '0123456789abc';
    const connection = await RawConnection.open(host.baseUrl);
    const head = `PATCH ${sessionPath} HTTP/1.1\r\nHost: localhost\r\nContent-Range: 0-999\r\nContent-Length: 1000`;
    connection.send(`${head}\r\n\r\n${content.slice(0, 10)}`);

    connection.destroy();

    // Whether and when the ten bytes still arrive is chance; what the registry says of them has to be true.
    await eventually({ what: 'the rest to be taken' }, async () => {
      const range = await uploadRange(sessionPath);
      if (range === undefined) return false;
      const offset = range === '0-9' ? 10 : 0;
      const headers = { 'content-range': `${offset}-${content.length - 1}` };
      const rest = await host.registry.request({
        method: 'PATCH',
        path: sessionPath,
        headers,
        body: content.slice(offset),
      });
      return rest.status === 202;
    });
    const path = `${sessionPath}?digest=sha256:${createHash('sha256').update(content).digest('hex')}`;
    const answer = await host.registry.request({ method: 'PUT', path });
    assert.equal(answer.status, 201);
  });

  test('Clients that stop half way keep nobody else waiting', async () => {
    const connections = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const connection = await RawConnection.open(host.baseUrl);
        const head = `PATCH ${await openUpload()} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n`;
        connection.send(`${head}half`);
        return connection;
      }),
    );

    const answer = await host.registry.pullManifest('bad/input', 'good');

    assert.equal(answer.status, 200);
    for (const connection of connections) connection.destroy();
  });

  const countable = { skip: process.platform === 'linux' ? false : 'needs /proc' };

  test('Nothing leaks: files and memory are what they were before', countable, async () => {
    await sendAll(10); // whatever is made on first use is made now
    const earlier = await readProcessUsage(host.program.pid);

    await sendAll(30);

    const later = await eventually({ what: 'files to be closed' }, async () => {
      const usage = await readProcessUsage(host.program.pid);
      return usage.openFiles <= earlier.openFiles + 5 ? usage : undefined;
    });
    const growth = later.residentBytes - earlier.residentBytes;
    assert.ok(growth < 60_000_000, `memory grew by ${growth} bytes`);
  });

  async function sendAll(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all(requests.map(async ({ request }) => host.registry.request(request)));
    }
  }

  async function openUpload(): Promise<string> {
    const answer = await host.registry.request({ method: 'POST', path: '/v2/bad/input/blobs/uploads/' });
    assert.equal(answer.status, 202);
    return new URL(String(answer.headers.location), 'http://localhost').pathname;
  }

  async function uploadRange(sessionPath: string): Promise<string | undefined> {
    const answer = await host.registry.request({ method: 'GET', path: sessionPath, timeoutMs: 2_000 });
    return answer.headers['range']; // undefined for any answer that is not of a session
  }
});

/** The code of the first error; a body of another shape has none. */
function errorCode(body: Buffer): string | undefined {
  try {
    return (JSON.parse(body.toString()) as { errors: { code: string }[] }).errors[0]?.code;
  } catch {
    return undefined; // no error body as the specification wants it: the comparison shows that
  }
}

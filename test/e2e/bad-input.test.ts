// What comes in broken is refused with the right error, and leaves nothing behind in the process.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ResourceStack } from '../../shared/runtime/resource-stack.ts';
import { eventually } from '../support/eventually.ts';
import { HostNetwork } from '../support/host-network.ts';
import { ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { readProcessUsage } from '../support/process-usage.ts';
import { exchangeRaw, openRaw } from '../support/raw-exchange.ts';
import { pushImage, RegistryClient } from '../support/registry-client.ts';
import { seededBytes } from '../support/seeded-bytes.ts';
import { ShoalProgram } from '../support/shoal-program.ts';
import { openTemporaryFolder } from '../support/temporary-folder.ts';
import { type BadRequest, badRequests } from './bad-requests.ts';

describe('Bad input', needs({ namespaces: true }), () => {
  const resources = new ResourceStack();
  let program: ShoalProgram;
  let registry: RegistryClient;
  let requests: BadRequest[];

  before(async () => {
    const folder = resources.use(await openTemporaryFolder('bad')).path;
    const host = resources.use(await HostNetwork.open({ hosts: 1 })).host(0);
    const args = ['up', '--data', join(folder, 'data')];
    program = resources.use(
      await ShoalProgram.start({ args, logFile: join(folder, 'shoal.log'), host, http: { port: 5000 } }),
    );
    registry = new RegistryClient(program.target);
    const layout = await ImageLayout.create(join(folder, 'layout'));
    const artifactType = 'application/vnd.example.bytes';
    const artifact = await layout.addArtifact({ artifactType, content: seededBytes('bad', 2048) });
    await pushImage(registry, layout, artifact, { repository: 'bad/input', reference: 'good' });
    const blobDigest = (await layout.blobOf(artifact)).digest;
    requests = badRequests({ blobDigest, sessionPath: await openUpload() });
  });

  after(async () => {
    await resources[Symbol.asyncDispose]();
  });

  test('Each kind gets the status and the code that the specification names', async () => {
    const answers: Record<string, unknown> = {};
    const expected: Record<string, unknown> = {};

    for (const { what, request, status, code } of requests) {
      const answer = await registry.request(request);
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
      const text = await exchangeRaw(program.target, `${line}\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      assert.match(text, /^HTTP\/1\.1 40[04] /, line);
    }
  });

  test('A body that is cut short is not taken for a blob, and the upload can go on', async () => {
    const sessionPath = await openUpload();
    const socket = await openRaw(program.target);
    const head = `PATCH ${sessionPath} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n`;

    socket.end(`${head}0123456789`); // half closed: all of it arrives, and no more will

    await eventually({ what: 'the bytes to be counted' }, async () => (await uploadRange(sessionPath)) === '0-9');
  });

  test('Clients that stop half way keep nobody else waiting', async () => {
    const sockets = await Promise.all(Array.from({ length: 100 }, async () => openRaw(program.target)));
    for (const socket of sockets) {
      const sessionPath = await openUpload();
      socket.write(`PATCH ${sessionPath} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nhalf`);
    }

    const answer = await registry.pullManifest('bad/input', 'good');

    assert.equal(answer.status, 200);
    for (const socket of sockets) socket.destroy();
  });

  test('Nothing leaks: files and memory are what they were before', async () => {
    await sendAll(10); // whatever is made on first use is made now
    const earlier = await readProcessUsage(program.pid);

    await sendAll(30);

    const later = await eventually({ what: 'files to be closed' }, async () => {
      const usage = await readProcessUsage(program.pid);
      return usage.openFiles <= earlier.openFiles + 5 ? usage : undefined;
    });
    const growth = later.residentBytes - earlier.residentBytes;
    assert.ok(growth < 60_000_000, `memory grew by ${growth} bytes`);
  });

  async function sendAll(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all(requests.map(async ({ request }) => registry.request(request)));
    }
  }

  async function openUpload(): Promise<string> {
    const answer = await registry.request({ method: 'POST', path: '/v2/bad/input/blobs/uploads/' });
    assert.equal(answer.status, 202);
    return new URL(String(answer.headers.location), 'http://localhost').pathname;
  }

  async function uploadRange(sessionPath: string): Promise<unknown> {
    const answer = await registry.request({ method: 'GET', path: sessionPath, timeoutMs: 2_000 });
    return answer.headers['range'];
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

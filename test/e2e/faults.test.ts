// Nodes that misbehave, as whole programs on hosts of their own: nobody gets a wrong byte, and pulls complete.

import assert from 'node:assert/strict';
import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connect, type ConnectionOptions } from 'node:tls';
import { SESSION_PATH } from '../../shared/protocol/admin-api.ts';
import { pullAndHash } from '../support/pull-and-hash.ts';
import { eventually } from '../support/eventually.ts';
import { makeTestFleet } from '../support/fleet-identity.ts';
import { Fleet, type FleetNode } from '../support/fleet.ts';
import { exchange } from '../support/http-exchange.ts';
import { ImageLayout } from '../support/image-layout.ts';
import { needs } from '../support/needs.ts';
import { pushImage } from '../support/registry-client.ts';
import { seededBytes } from '../support/seeded-bytes.ts';

const blobBytes = 40_000_000;

describe('A node that misbehaves', needs({ namespaces: true, commands: ['curl', 'sha256sum'] }), () => {
  let fleet: Fleet;
  let layout: ImageLayout;
  let origin: FleetNode;
  let puller: FleetNode;
  /** Whose disk goes bad; a node that sent a wrong byte is shunned for good, so it does nothing else here. */
  let liar: FleetNode;
  /** Stops answering, and loses what it announced. */
  let odd: FleetNode;

  before(async () => {
    // Slow enough that a pull can be met in the middle: two seconds for a blob.
    fleet = await Fleet.start({ nodes: 4, bytesPerSecond: 20_000_000 });
    layout = await ImageLayout.create(join(fleet.folder, 'layout'));
    [origin, puller, liar, odd] = [fleet.node(0), fleet.node(1), fleet.node(2), fleet.node(3)];
  });

  after(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  test('by serving flipped bits is found out, and nobody downloads a wrong byte', async () => {
    const digest = await pushBytes(liar, 'faults/bits');
    await flipBits(await blobFile(liar, digest));

    const pulled = await pullAndHash(puller, 'faults/bits', digest);

    assert.equal(pulled, digest);
    assert.ok((await puller.program.metric('shoal_swarm_pieces_total', { result: 'bad' })) > 0);
  });

  test('by announcing what it does not have is worked around', async () => {
    const digest = await pushBytes(odd, 'faults/lost');
    // It says what it has when it starts, and has no file open then.
    await odd.program.kill('SIGTERM');
    await odd.program.restart();
    await rm(await blobFile(odd, digest));

    assert.equal(await pullAndHash(puller, 'faults/lost', digest), digest);
  });

  test('by falling silent before anybody asked it is worked around', async () => {
    const digest = await pushBytes(odd, 'faults/mute');
    odd.program.signal('SIGSTOP');
    try {
      assert.equal(await pullAndHash(puller, 'faults/mute', digest), digest);
    } finally {
      odd.program.signal('SIGCONT');
    }
  });

  test('by falling silent in the middle is worked around', async () => {
    const digest = await pushBytes(odd, 'faults/silent');
    const earlier = await receivedBytes(puller);
    const pull = pullAndHash(puller, 'faults/silent', digest);
    await eventually({ what: 'a quarter' }, async () => (await receivedBytes(puller)) - earlier > blobBytes / 4);
    odd.program.signal('SIGSTOP');
    try {
      assert.equal(await pull, digest);
    } finally {
      odd.program.signal('SIGCONT');
    }
  });

  test('by having no certificate of this fleet gets nothing, from a node or from the coordinator', async () => {
    await using foreign = await makeTestFleet();
    const { key, cert } = foreign.nodeTls('node-2');
    const peerSocket = await origin.host.socketTo(5110);
    const coordinatorSocket = await origin.host.socketTo(5100);

    for (const credentials of [{}, { key, cert }]) {
      assert.equal(await heardBytes({ path: peerSocket, ALPNProtocols: ['shoal-peer/1'], ...credentials }), 0);
      assert.equal(await upgradeStatus({ path: coordinatorSocket, ...credentials }), 403);
    }
    const coordinator = { address: { socketPath: coordinatorSocket }, tls: true };
    for (const path of ['/api/status', '/api/nodes']) {
      const { status } = await exchange(coordinator, { method: 'GET', path });
      assert.equal(status, 403, path);
    }
  });

  async function pushBytes(node: FleetNode, repository: string): Promise<string> {
    const content = seededBytes(repository, blobBytes);
    const artifact = await layout.addArtifact({ artifactType: 'application/vnd.example.bytes', content });
    await pushImage(node.registry, layout, artifact, { repository, reference: 'v1' });
    return (await layout.blobOf(artifact)).digest;
  }
});

async function receivedBytes({ host }: FleetNode): Promise<number> {
  return (await host.counters()).receivedBytes;
}

/** The file of a whole blob on a node's disk, wherever its store keeps it. */
async function blobFile({ folder }: FleetNode, digest: string): Promise<string> {
  const name = digest.slice('sha256:'.length);
  const paths = await readdir(folder, { recursive: true });
  const path = paths.find((each) => each.endsWith(`/${name}`));
  if (path === undefined) throw new Error(`the node has no file of ${digest}`);
  return join(folder, path);
}

/** Turns one byte in every 50,000, so that no piece is right any more. */
async function flipBits(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  const byte = new Uint8Array(1);
  for (let at = 0; at < blobBytes; at += 50_000) {
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 0xff;
    await file.write(byte, 0, 1, at);
  }
}

/** What the other end says of itself, in bytes, until it ends the connection. */
async function heardBytes(options: ConnectionOptions): Promise<number> {
  const socket = connect({ ...options, rejectUnauthorized: false });
  let count = 0;
  socket.on('data', (chunk: Buffer) => (count += chunk.length));
  socket.on('error', () => socket.destroy());
  await new Promise((resolve) => socket.once('close', resolve));
  return count;
}

/** The status that the coordinator gives a request for a session. */
async function upgradeStatus(options: ConnectionOptions): Promise<number> {
  const socket = connect({ ...options, rejectUnauthorized: false });
  socket.write(
    `GET ${SESSION_PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  let text = '';
  for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString('latin1');
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { SecretStream } from 'hyperdht';
import { MAX_UNPROVEN } from '../../../node/swarm/hyperswarm/admission.ts';
import { PeerConnection } from '../../../node/swarm/peer-connection.ts';
import { openPrivateDht } from '../../../shared/hyperswarm/private-dht.ts';
import { noiseKeyText } from '../../../shared/hyperswarm/noise-key.ts';
import { systemClock } from '../../../shared/runtime/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { makeTestFleet } from '../../support/fleet-identity.ts';
import { findFreeUdpPorts } from '../../support/free-ports.ts';
import { PrivateDht, type TestTransport } from '../../support/private-dht.ts';

const { signal } = new AbortController();

// They wait for each other's packets more than they compute.
describe('Hyperswarm', { concurrency: 4 }, () => {
  test('A node is reached by its key, and both ends know whom they speak with', async () => {
    await using dht = await PrivateDht.open();
    const a = await dht.start('a');
    const b = await dht.start('b', { address: '10.1.2.3:5110' });
    await announced(a, b);

    const opened = await a.transport.dial({ nodeId: 'b', noiseKey: b.noiseKey }, signal);
    await eventually({ what: 'the other end' }, () => b.accepted.length === 1);
    const [taken] = b.accepted;
    assert.ok(taken !== undefined);
    opened.stream.write('hello');
    const [data] = (await once(taken.stream, 'data')) as [Buffer];

    assert.equal(opened.nodeId, 'b');
    assert.equal(taken.nodeId, 'a');
    assert.equal(data.toString(), 'hello');
    assert.deepEqual(a.proven, [{ nodeId: 'b', noiseKey: b.noiseKey, address: '10.1.2.3:5110' }]);
  });

  test('What was written before the end arrives, and both ends close', async () => {
    await using dht = await PrivateDht.open();
    const [a, b] = [await dht.start('a'), await dht.start('b')];
    await announced(a, b);
    const opened = await a.transport.dial({ nodeId: 'b', noiseKey: b.noiseKey }, signal);
    await eventually({ what: 'the other end' }, () => b.accepted.length === 1);
    const stream = b.accepted[0]?.stream;
    let receivedBytes = 0;
    stream?.on('data', (bytes: Buffer) => (receivedBytes += bytes.byteLength));

    opened.stream.end(Buffer.alloc(1_300_000));
    opened.stream.resume();
    stream?.end();

    await eventually({ what: 'both ends to close' }, () => opened.stream.closed && stream?.closed === true);
    assert.equal(receivedBytes, 1_300_000);
  });

  test('A key that belongs to another node than wanted is refused', async () => {
    await using dht = await PrivateDht.open();
    const [a, b] = [await dht.start('a'), await dht.start('b')];
    await announced(a, b);

    await assert.rejects(a.transport.dial({ nodeId: 'c', noiseKey: b.noiseKey }, signal), { code: 'identity_refused' });
  });

  test('Somebody with a certificate of another fleet gets no stream in either direction, though the key is right', async () => {
    await using dht = await PrivateDht.open();
    await using elsewhere = await makeTestFleet();
    const member = await dht.start('member');
    const stranger = await dht.start('stranger', { tls: elsewhere.nodeTls('stranger') });
    await announced(member, stranger);

    await assert.rejects(stranger.transport.dial({ nodeId: 'member', noiseKey: member.noiseKey }, signal));
    await assert.rejects(member.transport.dial({ nodeId: 'stranger', noiseKey: stranger.noiseKey }, signal), {
      code: 'identity_refused',
    });

    assert.deepEqual([member.accepted, member.proven], [[], []]);
  });

  test('A stranger that becomes a member gets in by the same key', async () => {
    await using dht = await PrivateDht.open();
    await using elsewhere = await makeTestFleet();
    const member = await dht.start('member');
    const keyPair = dht.packages.HyperDHT.keyPair();
    const before = await dht.start('new', { keyPair, tls: elsewhere.nodeTls('new') });
    await announced(member, before);
    await assert.rejects(before.transport.dial({ nodeId: 'member', noiseKey: member.noiseKey }, signal));
    await before[Symbol.asyncDispose]();

    const after = await dht.start('new', { keyPair });
    const opened = await after.transport.dial({ nodeId: 'member', noiseKey: member.noiseKey }, signal);

    assert.equal(opened.nodeId, 'member');
  });

  test('Hundreds of strangers leave nothing behind, and members get in afterwards', async () => {
    await using dht = await PrivateDht.open();
    const keyPair = dht.packages.HyperDHT.keyPair();
    const heardOf = new Map<string, () => void>();
    const isKnownKey = (key: string): boolean => {
      heardOf.get(key)?.(); // the member judges a handshake of this key
      return key === noiseKeyText(keyPair.publicKey);
    };
    const member = await dht.start('member', { isKnownKey });
    await announced(member);
    const [port = 0] = await findFreeUdpPorts(1);
    const bootstrap = dht.bootstrap;
    const flood = openPrivateDht(dht.packages, { bootstrap, port, host: '127.0.0.1', firewalled: false });
    try {
      await flood.fullyBootstrapped();
      const knock = (): { socket: SecretStream; heard: Promise<void> } => {
        const strange = dht.packages.HyperDHT.keyPair();
        const heard = new Promise<void>((resolve) => heardOf.set(noiseKeyText(strange.publicKey), resolve));
        const socket = flood.connect(Buffer.from(member.noiseKey, 'hex'), { keyPair: strange });
        socket.on('error', () => undefined);
        return { socket, heard };
      };
      // As many as get in without a proof, and say nothing; all further ones find no place while these are there.
      const silent = Array.from({ length: MAX_UNPROVEN }, knock);
      await Promise.all(silent.map(({ socket }) => Promise.race([socket.opened, once(socket, 'close')])));
      for (let batch = 0; batch < 3; batch += 1) {
        const knocking = Array.from({ length: 100 }, knock);
        await Promise.all(knocking.map(({ socket, heard }) => Promise.race([heard, once(socket, 'close')])));
        for (const { socket } of knocking) socket.destroy();
      }
      for (const { socket } of silent) socket.destroy();
    } finally {
      await flood.destroy({ force: true });
    }

    await eventually({ what: 'strangers to be forgotten' }, () => member.transport.rememberedPeers === 0);
    assert.deepEqual(member.accepted, []);
    const known = await dht.start('known', { keyPair });
    const opened = await known.transport.dial({ nodeId: 'member', noiseKey: member.noiseKey }, signal);
    assert.equal(opened.nodeId, 'member');
  });

  test('A node that was removed is closed at once, is not answered and is not dialled', async () => {
    await using dht = await PrivateDht.open();
    const [a, b] = [await dht.start('a'), await dht.start('b')];
    await announced(a, b);
    const opened = await a.transport.dial({ nodeId: 'b', noiseKey: b.noiseKey }, signal);
    await eventually({ what: 'the other end' }, () => b.accepted.length === 1);

    b.transport.refuse([a.noiseKey]);

    await eventually({ what: 'the connection to close' }, () => opened.stream.closed && b.transport.openCount === 0);
    await assert.rejects(a.transport.dial({ nodeId: 'b', noiseKey: b.noiseKey }, AbortSignal.timeout(6000)));
    await assert.rejects(b.transport.dial({ nodeId: 'a', noiseKey: a.noiseKey }, signal), { code: 'identity_refused' });
    assert.equal(b.accepted.length, 1);
  });

  test('A connection that opens and says nothing is dropped after three seconds', async () => {
    await using dht = await PrivateDht.open();
    const clock = new FakeClock({ wallMs: Date.now() });
    const a = await dht.start('a', { clock });
    const [port = 0] = await findFreeUdpPorts(1);
    const bootstrap = dht.bootstrap;
    const mute = openPrivateDht(dht.packages, { bootstrap, port, host: '127.0.0.1', firewalled: false });
    let opened = 0;
    let closed = 0;
    const server = mute.createServer({ firewall: () => false }, (socket) => {
      opened += 1;
      socket.on('error', () => undefined);
      socket.on('close', () => (closed += 1));
      socket.resume();
    });
    try {
      await server.listen();
      const { publicKey } = server;
      assert.ok(publicKey !== null);
      const dial = a.transport.dial({ nodeId: 'b', noiseKey: noiseKeyText(publicKey) }, signal);
      const refused = assert.rejects(dial, { code: 'blob_unavailable' });
      await eventually({ what: 'an open connection' }, () => opened === 1);
      await eventually({ what: 'a deadline' }, () => clock.pendingCount > 1);
      await clock.advance(2999);
      assert.equal(closed, 0);

      await clock.advance(1);

      await refused;
      await eventually({ what: 'it to close' }, () => closed === 1);
    } finally {
      await mute.destroy({ force: true });
    }
  });

  test('A sender gets no further than the credit of a receiver whose disk stands still', async () => {
    await using dht = await PrivateDht.open();
    const [a, b] = [await dht.start('a'), await dht.start('b')];
    await announced(a, b);
    const opened = await a.transport.dial({ nodeId: 'b', noiseKey: b.noiseKey }, signal);
    await eventually({ what: 'the other end' }, () => b.accepted.length === 1);
    const [taken] = b.accepted;
    assert.ok(taken !== undefined);
    const base = { fleetId: dht.identity.fleetId, address: '', helloTimeoutMs: 60_000, admit: () => undefined };
    let receivedBytes = 0;
    let hear = (): void => undefined;
    const heard = new Promise<void>((resolve) => (hear = resolve));
    const user = {
      frame: () => hear(),
      data: (_: unknown, __: unknown, bytes: Uint8Array) => {
        receivedBytes += bytes.byteLength; // and never says that it took them up
      },
      closed: () => undefined,
    };
    const parts = { clock: systemClock, user };
    const sender = new PeerConnection({ opened, ...parts }, { ...base, nodeId: 'a', role: 'dialler' });
    const receiver = new PeerConnection({ opened: taken, ...parts }, { ...base, nodeId: 'b', role: 'acceptor' });
    receiver.start();
    sender.start();
    await Promise.all([sender.ready, receiver.ready]);

    const payload = Buffer.alloc(128 * 1024);
    const stop = new AbortController();
    let sentBytes = 0;
    const sending = (async () => {
      while (await sender.reserve(payload.byteLength, stop.signal)) {
        const place = { channel: 1, pieceIndex: 0, offset: 0 };
        sender.sendData(place, payload, { frameBytes: payload.byteLength, onSent: () => undefined });
        sentBytes += payload.byteLength;
      }
    })();
    const windowBytes = 4 * 1024 * 1024;
    await eventually({ what: 'the window to fill' }, () => receivedBytes >= windowBytes);
    receiver.send({ type: 'cancel', channel: 1, pieceIndex: 0 });
    await heard; // it comes behind all credit that the receiver ever gave
    stop.abort();
    await sending;

    assert.deepEqual([sentBytes, receivedBytes], [windowBytes, windowBytes]);
    sender.close('stopping');
    receiver.close('stopping');
  });
});

async function announced(...nodes: readonly TestTransport[]): Promise<void> {
  await Promise.all(nodes.map(({ transport }) => transport.refresh()));
}

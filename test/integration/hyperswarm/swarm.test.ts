import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PeerStream, Transport } from '../../../node/swarm/transport.ts';
import { eventually } from '../../support/eventually.ts';
import { PrivateDht } from '../../support/private-dht.ts';
import { publish, readAll } from '../../support/pull-blob.ts';
import { NOWHERE, SwarmFleet, type SwarmNode } from '../../support/swarm-fleet.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();

describe('A swarm with hyperswarm', { concurrency: 4 }, () => {
  test('gets a blob from a peer that nobody can dial over TLS', async () => {
    await using dht = await PrivateDht.open();
    await using fleet = await SwarmFleet.open(dht.identity);
    const holder = await fleet.start('holder', { dht, advertise: NOWHERE });
    const puller = await fleet.start('puller', { dht, advertise: NOWHERE });
    const blob = publish(fleet, holder, { seed: 'udp', sizeBytes: 10 * MIB });

    const got = await readAll(await puller.swarm.open(blob, signal), signal);

    assert.ok(got.equals(blob.bytes));
    await eventually({ what: 'one connection' }, () => connections(puller) === 1);
    assert.deepEqual(puller.swarm.linkCounts(), { tls: 0, hyperswarm: 1 });
    const { body } = await puller.metrics.text();
    assert.match(body, /shoal_swarm_received_bytes_total\{transport="hyperswarm",zone="own"\} 10485760/);
    assert.match(body, /shoal_swarm_dials_total\{transport="tls",result="failed"\} [1-9]/);
    assert.match(body, /shoal_swarm_dials_total\{transport="hyperswarm",result="reached"\} [1-9]/);
  });

  test('uses TLS where a peer can be dialled', async () => {
    await using dht = await PrivateDht.open();
    await using fleet = await SwarmFleet.open(dht.identity);
    const [holder, puller] = [await fleet.start('holder', { dht }), await fleet.start('puller', { dht })];
    const blob = publish(fleet, holder, { seed: 'tls', sizeBytes: MIB });

    const got = await readAll(await puller.swarm.open(blob, signal), signal);

    assert.ok(got.equals(blob.bytes));
    await eventually({ what: 'one connection' }, () => connections(puller) === 1);
    assert.deepEqual(puller.swarm.linkCounts(), { tls: 1, hyperswarm: 0 });
  });

  test('goes over to TLS in the middle of a blob when the other side can dial, and loses nothing', async () => {
    await using dht = await PrivateDht.open();
    await using fleet = await SwarmFleet.open(dht.identity);
    const gate = new DirectGate();
    const holder = await fleet.start('holder', { dht, advertise: NOWHERE, wrap: (inner) => gate.wrap(inner) });
    const puller = await fleet.start('puller', { dht });
    const blob = publish(fleet, holder, { seed: 'over', sizeBytes: 40 * MIB });

    const reading = readAll(await puller.swarm.open(blob, signal), signal);
    await eventually({ what: 'pieces over hyperswarm' }, () => puller.store.written.length > 2);
    gate.open();
    const got = await reading;

    assert.ok(got.equals(blob.bytes));
    await eventually({ what: 'TLS alone' }, () => {
      const { tls, hyperswarm } = puller.swarm.linkCounts();
      return tls === 1 && hyperswarm === 0;
    });
  });

  test('gets the rest from another holder when a peer breaks off in the middle of a piece', async () => {
    await using dht = await PrivateDht.open();
    await using fleet = await SwarmFleet.open(dht.identity);
    const breaking = (inner: Transport): Transport => withStreams(inner, (opened) => breakAfter(opened, 3 * MIB));
    const flaky = await fleet.start('flaky', { dht, advertise: NOWHERE, wrap: breaking });
    const steady = await fleet.start('steady', { dht, advertise: NOWHERE });
    const puller = await fleet.start('puller', { dht, advertise: NOWHERE });
    const blob = publish(fleet, flaky, { seed: 'torn', sizeBytes: 20 * MIB });
    publish(fleet, steady, { seed: 'torn', sizeBytes: 20 * MIB });

    const got = await readAll(await puller.swarm.open(blob, signal), signal);

    assert.ok(got.equals(blob.bytes));
  });

  test('drops a removed node that is connected over hyperswarm, and takes it no more', async () => {
    await using dht = await PrivateDht.open();
    await using fleet = await SwarmFleet.open(dht.identity);
    const holder = await fleet.start('holder', { dht, advertise: NOWHERE });
    const puller = await fleet.start('puller', { dht, advertise: NOWHERE });
    const first = publish(fleet, holder, { seed: 'first', sizeBytes: MIB });
    await readAll(await puller.swarm.open(first, signal), signal);
    const second = publish(fleet, holder, { seed: 'second', sizeBytes: MIB });

    holder.link.emit({ type: 'roster.removed', nodeIds: ['puller'] });

    await eventually({ what: 'the connection to end' }, () => connections(holder) + connections(puller) === 0);
    await puller[Symbol.asyncDispose]();
    const again = await fleet.start('puller', { dht, advertise: NOWHERE, noProgressMs: 2500 });
    await assert.rejects(async () => readAll(await again.swarm.open(second, signal), signal), {
      code: 'blob_unavailable',
    });
  });

  test('finds a peer at its new address while the coordinator is away', async () => {
    await using dht = await PrivateDht.open();
    await using fleet = await SwarmFleet.open(dht.identity);
    const holder = await fleet.start('holder', { dht });
    const blob = publish(fleet, holder, { seed: 'moved', sizeBytes: 3 * MIB });
    await fleet.introduce('puller', [{ ...fleet.peerOf(holder), address: NOWHERE }]);
    const puller = await fleet.start('puller', { dht, isAway: true });

    const got = await readAll(await puller.swarm.open(blob, signal), signal);

    assert.ok(got.equals(blob.bytes));
    await eventually({ what: 'the new address to be kept' }, async () =>
      (await fleet.knownTo('puller')).some(({ address }) => address === holder.swarm.address),
    );
    await eventually({ what: 'TLS to the new address' }, () => puller.swarm.linkCounts().tls === 1);
  });
});

function connections(node: SwarmNode): number {
  const { tls, hyperswarm } = node.swarm.linkCounts();
  return tls + hyperswarm;
}

/** Lets nobody dial over TLS until it is opened. */
class DirectGate {
  #open: () => void = () => undefined;
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  open(): void {
    this.#open();
  }

  wrap(inner: Transport): Transport {
    const wrapped = withStreams(inner, (opened) => opened);
    return {
      ...wrapped,
      dialDirect: async (peer, ended) => {
        await this.#opened;
        assert.ok(inner.dialDirect !== undefined);
        return inner.dialDirect(peer, ended);
      },
    };
  }
}

/** The same transport, whose streams from others are changed. */
function withStreams(inner: Transport, change: (opened: PeerStream) => PeerStream): Transport {
  return {
    name: inner.name,
    listen: (onStream) => inner.listen((opened) => onStream(change(opened))),
    dial: (peer, ended) => inner.dial(peer, ended),
    dialTimeoutMs: 15_000,
  };
}

function breakAfter(opened: PeerStream, bytes: number): PeerStream {
  const { stream } = opened;
  let left = bytes;
  const write = stream.write.bind(stream) as (chunk: Uint8Array, ...rest: unknown[]) => boolean;
  stream.write = (chunk: Uint8Array, ...rest: unknown[]) => {
    left -= chunk.byteLength;
    if (left < 0) stream.destroy();
    return write(chunk, ...rest);
  };
  return opened;
}

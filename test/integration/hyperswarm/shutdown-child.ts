// Opens hyperswarm with a bootstrap node that ends before it, closes it, and must then end by itself: whatever still holds the
// process is a handle that was left.

import { PrivateDht } from '../../support/private-dht.ts';

const dht = await PrivateDht.open();
const [a, b] = [await dht.start('a'), await dht.start('b')];
await Promise.all([a.transport.refresh(), b.transport.refresh()]);
await a.transport.dial({ nodeId: 'b', noiseKey: b.noiseKey }, AbortSignal.timeout(10_000));
await dht.stopBootstrap();
const startedMs = performance.now();
await Promise.all([a[Symbol.asyncDispose](), b[Symbol.asyncDispose]()]);
process.stdout.write(`${Math.round(performance.now() - startedMs)}\n`);
await dht[Symbol.asyncDispose]();

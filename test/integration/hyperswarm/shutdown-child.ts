// Opens hyperswarm with a bootstrap node that ends before it, closes it, and must then end by itself: whatever still holds the
// process is a handle that was left.

import { PrivateDht } from '../../support/private-dht.ts';

const TICK_MS = 10;

const dht = await PrivateDht.open();
const [a, b] = [await dht.start('a'), await dht.start('b')];
await Promise.all([a.transport.refresh(), b.transport.refresh()]);
await a.transport.dial({ nodeId: 'b', noiseKey: b.noiseKey }, new AbortController().signal);
await dht.stopBootstrap();
// Time that passes while this process can run: on a busy machine ticks come late, and so does the end.
let ticks = 0;
const ticking = setInterval(() => (ticks += 1), TICK_MS);
await Promise.all([a[Symbol.asyncDispose](), b[Symbol.asyncDispose]()]);
clearInterval(ticking);
process.stdout.write(`${ticks * TICK_MS}\n`);
await dht[Symbol.asyncDispose]();

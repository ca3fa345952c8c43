import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBootstrapNode, openPrivateDht } from '../../../shared/hyperswarm/private-dht.ts';
import type { HyperswarmPackages } from '../../../shared/hyperswarm/load-packages.ts';

/** Stands for the package; a node of it that is made would be one that can send packets. */
function packages(): { made: number; HyperDHT: HyperswarmPackages['HyperDHT'] } {
  const counted = { made: 0 };
  class Counted {
    constructor() {
      counted.made += 1;
    }
    static bootstrapper(): Counted {
      return new Counted();
    }
  }
  return Object.assign(counted, { HyperDHT: Counted as unknown as HyperswarmPackages['HyperDHT'] });
}

for (const bootstrap of [undefined, false, null, [], '', 'node1.hyperdht.org:49737', [{ host: '10.0.0.1', port: 1 }]]) {
  test(`No DHT node is made, and no packet can leave, with bootstrap ${JSON.stringify(bootstrap)}`, () => {
    const fake = packages();

    assert.throws(() => openPrivateDht(fake, { bootstrap: bootstrap as unknown as string[] }), {
      code: 'config_invalid',
    });
    assert.equal(fake.made, 0);
  });
}

for (const address of ['node1.hyperdht.org:49737', '[::1]:5120', '0.0.0.0:5120', '10.0.0.1:0', 'nonsense']) {
  test(`A bootstrap address must be IPv4 with a port: ${address} is refused`, () => {
    const fake = packages();

    assert.throws(() => openPrivateDht(fake, { bootstrap: ['10.0.0.1:5120', address] }), { code: 'config_invalid' });
    assert.equal(fake.made, 0);
  });
}

test('A bootstrap node needs an address that others reach', () => {
  const fake = packages();

  const at = { port: 5120, host: '0.0.0.0', bindHost: '0.0.0.0' };
  assert.throws(() => openBootstrapNode(fake, at), { code: 'config_invalid' });
  assert.equal(fake.made, 0);
});

// Who is believed when a request says where it came from.

import { BlockList, isIP } from 'node:net';
import { AppError } from '../../shared/runtime/errors.ts';
import { plainAddress } from '../../shared/runtime/host-port.ts';

/** Words for what people mean. */
const RANGES: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  // RFC 1918, carriers' (RFC 6598), link-local, and RFC 4193: where a proxy beside us lives, be it a container.
  private: [
    '10.0.0.0/8',
    '172.16.0.0/12',
    '192.168.0.0/16',
    '100.64.0.0/10',
    '169.254.0.0/16',
    'fc00::/7',
    'fe80::/10',
  ],
  all: ['0.0.0.0/0', '::/0'],
};

/** A set of addresses. */
export class TrustedProxies {
  readonly #addresses = new BlockList();

  /** @param ranges addresses, networks like `10.1.0.0/16`, `loopback`, `private`, `all`. @throws {AppError} `config_invalid` */
  constructor(ranges: readonly string[]) {
    for (const range of ranges.flatMap((word) => (Object.hasOwn(RANGES, word) ? (RANGES[word] ?? []) : [word]))) {
      this.#add(range);
    }
  }

  /** @param address as a socket gives it; an IPv4 address may be written as IPv6. */
  has(address: string | undefined): boolean {
    if (address === undefined) return false;
    const plain = plainAddress(address);
    const family = isIP(plain);
    return family !== 0 && this.#addresses.check(plain, family === 4 ? 'ipv4' : 'ipv6');
  }

  #add(range: string): void {
    const [address = '', bits] = range.split('/');
    const family = isIP(address);
    const size = family === 4 ? 32 : 128;
    const prefix = bits === undefined ? size : Number(/^\d{1,3}$/.exec(bits)?.[0] ?? Number.NaN);
    if (family === 0 || !(prefix <= size)) {
      throw new AppError(
        'config_invalid',
        `registry.trustedProxies: "${range.slice(0, 80)}" is none of an address, a network like 10.0.0.0/8, loopback, private and all`,
      );
    }
    this.#addresses.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
  }
}

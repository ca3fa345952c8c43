// What kind of network an address belongs to, for deciding where an upstream may send us. Pure.

import { BlockList, isIP } from 'node:net';

/**
 * `forbidden`: this host itself, its link, and the addresses where clouds tell hosts their secrets: nothing there is meant for
 * somebody who is sent there. `private`: networks of organisations. `public`: everything else.
 */
export type AddressClass = 'forbidden' | 'private' | 'public';

type Network = readonly [network: string, prefixBits: number];

const FORBIDDEN: readonly Network[] = [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16], // link-local, and the metadata service of most clouds
  ['100.100.100.200', 32], // metadata of Alibaba Cloud
  ['192.0.0.192', 32], // metadata of Oracle Cloud
  ['224.0.0.0', 3], // multicast, reserved, broadcast
  ['::', 127], // unspecified and loopback
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  ['fd00:ec2::254', 128], // metadata of AWS
  ['fd20:ce::254', 128], // metadata of Google Cloud
];

const PRIVATE: readonly Network[] = [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['fc00::', 7],
];

const LISTS = { forbidden: listOf(FORBIDDEN), private: listOf(PRIVATE) };

/** The class of an IP address. IPv4 within IPv6 counts as that IPv4 address; what is no address is forbidden. */
export function addressClass(address: string): AddressClass {
  const plain = embeddedIpv4(address) ?? address.split('%')[0] ?? '';
  const family = isIP(plain);
  if (family === 0) return 'forbidden';
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  if (LISTS.forbidden.check(plain, kind)) return 'forbidden';
  return LISTS.private.check(plain, kind) ? 'private' : 'public';
}

/** The IPv4 address in an IPv6 one that stands for it: mapped, compatible, NAT64, 6to4. */
function embeddedIpv4(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined;
  const words = ipv6Words(address);
  if (words === undefined) return undefined;
  const [first = 0, second = 0, third = 0] = words;
  const isHead = (length: number): boolean => words.slice(0, length).every((word) => word === 0);
  if (isHead(5) && (words[5] === 0xffff || (words[5] === 0 && (words[6] !== 0 || (words[7] ?? 0) > 1))))
    return ipv4Of(words[6], words[7]);
  if (first === 0x64 && second === 0xff9b) return ipv4Of(words[6], words[7]);
  return first === 0x2002 ? ipv4Of(second, third) : undefined;
}

function ipv6Words(address: string): readonly number[] | undefined {
  try {
    const { hostname } = new URL(`http://[${address.split('%')[0]}]/`);
    const [head = '', tail] = hostname.slice(1, -1).split('::');
    const wordsOf = (text: string): number[] =>
      text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
    const front = wordsOf(head);
    const back = wordsOf(tail ?? '');
    return [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back];
  } catch {
    return undefined; // the check of the address itself says that it is none
  }
}

function ipv4Of(high = 0, low = 0): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function listOf(networks: readonly Network[]): BlockList {
  const list = new BlockList();
  for (const [network, prefixBits] of networks)
    list.addSubnet(network, prefixBits, network.includes(':') ? 'ipv6' : 'ipv4');
  return list;
}

// Ids of nodes: readable, since people see them in tables and logs, and unique without asking anybody.

import { isMemberId } from '../../shared/identity/certificate-names.ts';
import { invariant } from '../../shared/runtime/errors.ts';

/** No vowels and nothing that reads as something else, so that no words come out. */
const ALPHABET = '23456789bcdfghjkmnpqrstvwxz';
const SUFFIX_CHARS = 6;
/** What of a host name goes into a node id; the rest is cut off. */
const MAX_NAME_CHARS = 40;

/** An id from what a host calls itself and six random characters: `Web 7.example.com` becomes `web-7-k3x9qd`. */
export function makeNodeId(hostName: string, random: () => number): string {
  const [label = ''] = hostName.toLowerCase().split('.');
  const name = label
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_NAME_CHARS)
    .replaceAll(/^-+|-+$/g, '');
  let suffix = '';
  while (suffix.length < SUFFIX_CHARS) suffix += ALPHABET[Math.floor(random() * ALPHABET.length)] ?? '';
  const id = `${name === '' ? 'node' : name}-${suffix}`;
  invariant(isMemberId(id), 'a made node id is a label');
  return id;
}

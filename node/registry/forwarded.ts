// What proxies say of the request that they pass on: `Forwarded` (RFC 7239), or the X-Forwarded headers. Pure; whether the
// one who says it may be believed is decided elsewhere.

import { isIP } from 'node:net';
import type { IncomingHttpHeaders } from 'node:http';

export interface ForwardedFacts {
  readonly scheme?: 'http' | 'https';
  /** As in `Host`: a name or an address, with or without a port. */
  readonly host?: string;
  /** Addresses that the request passed, the client's own first as far as it is true; what is no address is left out. */
  readonly addresses: readonly string[];
}

/** Elements of a header that are looked at; those before the last so many are not: each proxy appends one. */
const MAX_HOPS = 32;
const HOST = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?)(?::\d{1,5})?$/;
const PAIR = /(?:^|[;,])[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^;,"\s]*)/g;

/** True for what may stand in `Host`. A host goes into links, so it must hold nothing that ends or splits one. */
export function isHostHeader(text: string): boolean {
  return HOST.test(text);
}

/** Reads the headers; what breaks their grammar counts as absent. `Forwarded` wins over the others. */
export function parseForwarded(headers: IncomingHttpHeaders): ForwardedFacts {
  const { forwarded } = headers;
  if (forwarded !== undefined) return fromForwarded(forwarded);
  const scheme = schemeOf(firstOf(headers['x-forwarded-proto']));
  const host = hostOf(firstOf(headers['x-forwarded-host']));
  const passed = wordsOf(headers['x-forwarded-for']);
  const real = passed.length === 0 ? wordsOf(headers['x-real-ip']) : [];
  return facts({ scheme, host, addresses: [...passed, ...real] });
}

function fromForwarded(text: string): ForwardedFacts {
  let scheme: ForwardedFacts['scheme'];
  let host: string | undefined;
  const addresses: string[] = [];
  for (const [, name = '', quoted = ''] of text.matchAll(PAIR)) {
    const value = quoted.startsWith('"') ? quoted.slice(1, -1).replaceAll(/\\(.)/g, '$1') : quoted;
    switch (name.toLowerCase()) {
      case 'proto':
        scheme ??= schemeOf(value);
        break;
      case 'host':
        host ??= hostOf(value);
        break;
      case 'for':
        addresses.push(value);
        break;
      default:
    }
  }
  return facts({ scheme, host, addresses: addresses.slice(-MAX_HOPS) });
}

function facts(found: {
  readonly scheme: ForwardedFacts['scheme'];
  readonly host: string | undefined;
  readonly addresses: readonly string[];
}): ForwardedFacts {
  const { scheme, host } = found;
  const addresses = found.addresses.map(addressOf).filter((address) => address !== undefined);
  return { ...(scheme === undefined ? {} : { scheme }), ...(host === undefined ? {} : { host }), addresses };
}

function schemeOf(text: string | undefined): ForwardedFacts['scheme'] {
  const word = text?.toLowerCase();
  return word === 'http' || word === 'https' ? word : undefined;
}

function hostOf(text: string | undefined): string | undefined {
  return text !== undefined && isHostHeader(text) ? text : undefined;
}

/** `192.0.2.1`, `192.0.2.1:4711`, `[2001:db8::1]:4711`, `2001:db8::1`. */
function addressOf(text: string): string | undefined {
  const inner = /^\[([^\]]{2,45})\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]{7,15}):\d{1,5}$/.exec(text)?.[1] ?? text;
  return isIP(inner) === 0 ? undefined : inner;
}

/** Each proxy appends to these lists, so the first is what the client asked for. */
function firstOf(header: string | readonly string[] | undefined): string | undefined {
  return wordsOf(header, 'first')[0];
}

function wordsOf(header: string | readonly string[] | undefined, end: 'first' | 'last' = 'last'): readonly string[] {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  const words = text.split(',').map((word) => word.trim());
  const kept = end === 'first' ? words.slice(0, 1) : words.slice(-MAX_HOPS);
  return kept.filter((word) => word !== '');
}

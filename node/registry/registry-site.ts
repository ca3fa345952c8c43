// How clients see this registry: below which path, under which name, with which headers, and through which proxies.

import type { IncomingMessage } from 'node:http';
import { AppError } from '../../shared/runtime/errors.ts';
import { plainAddress } from '../../shared/runtime/host-port.ts';
import { isHostHeader, parseForwarded, type ForwardedFacts } from './forwarded.ts';
import { checkHost } from './host-check.ts';
import { ResponseHeaders } from './response-headers.ts';
import { TrustedProxies } from './trusted-proxies.ts';

export interface SiteOptions {
  /** Where clients reach us, `https://registry.example`; then links begin with it, and the prefix is not added. */
  readonly publicUrl?: string | undefined;
  /** The API lies below this path; '' for the top. */
  readonly prefix: string;
  /** Links without a host stay right behind every proxy; with one they are as the reference registry writes them. */
  readonly urls: 'relative' | 'absolute';
  /** Who may say by headers where a request came from: addresses, networks, `loopback`, `private`, `all`. */
  readonly trustedProxies: readonly string[];
  /** Names besides localhost that requests may be for; undefined where they may be for any: beyond loopback, and with TLS. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** On every answer. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
}

/** Behind the path of an upload, as the reference registry has it: scripts put `&digest=` after it, which needs a question mark. */
const UPLOAD_STATE = '?_state=open';
const UPLOAD_PATH = /\/blobs\/uploads\/[^/?]+$/;

export class RegistrySite {
  readonly headers: ResponseHeaders;
  readonly #proxies: TrustedProxies;
  readonly #publicBase: string | undefined;
  readonly #prefix: string;
  readonly #hasAbsoluteUrls: boolean;
  readonly #allowedHosts: readonly string[];

  /** @throws {AppError} `config_invalid` */
  constructor(options: SiteOptions) {
    this.headers = new ResponseHeaders(options.headers);
    this.#proxies = new TrustedProxies(options.trustedProxies);
    this.#publicBase = options.publicUrl === undefined ? undefined : parsePublicUrl(options.publicUrl);
    this.#prefix = parsePrefix(options.prefix);
    this.#hasAbsoluteUrls = options.urls === 'absolute';
    const own = this.#publicBase === undefined ? [] : [new URL(this.#publicBase).hostname];
    this.#allowedHosts = options.allowedHosts === undefined ? ['*'] : [...options.allowedHosts, ...own];
  }

  /** @throws {AppError} `access_denied` when a request is for a name that is not ours. */
  checkHost(request: IncomingMessage): void {
    checkHost(request.headers.host, this.#allowedHosts);
  }

  /** A request target below the prefix, as if there was none; undefined for one beside it. */
  localTarget(target: string): string | undefined {
    if (this.#prefix === '') return target;
    const path = target.startsWith('/') ? target : target.replace(/^[a-z]+:\/\/[^/?]*/i, '');
    return path.startsWith(`${this.#prefix}/`) ? path.slice(this.#prefix.length) : undefined;
  }

  /** For who asks beside it: docker asks at the top of a host, and shows this. */
  whereTheApiIs(): string {
    return `there is nothing at this address; the registry API is at ${this.#prefix}/v2/`;
  }

  /**
   * Where the client of a request sees this registry, without a slash at the end: the public URL, or scheme, host and prefix;
   * undefined when it does not say.
   */
  baseUrl(request: IncomingMessage): string | undefined {
    if (this.#publicBase !== undefined) return this.#publicBase;
    const { scheme, host } = this.#forwarded(request);
    const own = request.headers.host;
    const seen = host ?? (own !== undefined && isHostHeader(own) ? own : undefined);
    if (seen === undefined) return undefined;
    return `${scheme ?? ('encrypted' in request.socket ? 'https' : 'http')}://${seen}${this.#prefix}`;
  }

  /** Who connected to us: the client, or a proxy that speaks for it. */
  peerAddress(request: IncomingMessage): string {
    return plainAddress(request.socket.remoteAddress ?? '');
  }

  /** The address that a request came from, by the word of proxies as far as they are trusted. */
  clientAddress(request: IncomingMessage): string {
    const { addresses } = this.#forwarded(request);
    return addresses.findLast((address) => !this.#proxies.has(address)) ?? addresses[0] ?? this.peerAddress(request);
  }

  /** The headers of an answer as they go out: those of the operator added, links as clients need them. */
  finish(headers: readonly string[], request: IncomingMessage): string[] {
    const { origin } = request.headers;
    const finished = [...headers, ...this.headers.for(origin)];
    if (this.#prefix === '' && !this.#hasAbsoluteUrls) return finished;
    for (let index = 0; index < headers.length; index += 2) {
      const value = headers[index + 1] ?? '';
      if (headers[index] === 'Location') finished[index + 1] = this.#location(value, request);
      if (headers[index] === 'Link') finished[index + 1] = value.replace(/^</, `<${this.#prefix}`);
    }
    return finished;
  }

  #location(path: string, request: IncomingMessage): string {
    if (!path.startsWith('/')) return path;
    const base = this.#hasAbsoluteUrls ? this.baseUrl(request) : this.#prefix;
    const state = this.#hasAbsoluteUrls && UPLOAD_PATH.test(path) ? UPLOAD_STATE : '';
    return `${base ?? this.#prefix}${path}${state}`;
  }

  #forwarded(request: IncomingMessage): ForwardedFacts {
    return this.#proxies.has(request.socket.remoteAddress) ? parseForwarded(request.headers) : { addresses: [] };
  }
}

function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isRight = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url !== undefined && isRight && url.username === '' && url.search === '' && url.hash === '') {
    return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  }
  throw new AppError(
    'config_invalid',
    `registry.publicUrl: "${text.slice(0, 120)}" is not like https://registry.example`,
  );
}

function parsePrefix(text: string): string {
  const path = text.replace(/\/+$/, '');
  if (path === '' || /^(?:\/[A-Za-z0-9._~-]+)+$/.test(path)) return path;
  throw new AppError('config_invalid', `registry.prefix: "${text.slice(0, 120)}" is not a path like /registry/`);
}

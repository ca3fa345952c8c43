// HTTP to one upstream, and to nowhere that it has no business to send us to.
//
// Every connection is checked where it ends: the name's addresses after the look-up, and an address that stands in the URL. So
// neither a redirect nor a name server leads to this host's own services, or to the metadata of a cloud. The upstream's own
// place, and those that the operator listed, may be anywhere.

import { lookup as systemLookup } from 'node:dns';
import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import { joinSignals } from '../../shared/runtime/joined-signal.ts';
import { freeChunk } from '../content/spent-chunk.ts';
import { addressClass } from './address-class.ts';
import { connectFailure } from './connect-failure.ts';
import { isListed } from './listed-places.ts';
import type { UpstreamDefinition } from './upstream-settings.ts';

/** Redirects that are followed, the next one is an error: blob stores behind registries take one or two. */
const MAX_REDIRECTS = 5;
/** From the request to the headers of the answer, the connection included; then it is given up. Slow registries take seconds. */
const ANSWER_TIMEOUT_MS = 20_000;
/** Connections to one place of an upstream at once; further requests wait. As many as its downloads and some questions. */
const MAX_SOCKETS = 32;
/** An idle connection is closed after so long: below what most servers keep theirs for. */
const KEEP_ALIVE_MS = 4_000;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface UpstreamRequest {
  readonly method: 'GET' | 'HEAD';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Goes to the host that the request begins with, and to no other. */
  readonly authorization?: string | undefined;
}

/** Whoever gets it reads its body to the end, or destroys it. */
export type UpstreamResponse = IncomingMessage & { readonly statusCode: number };

/** Connections of one upstream. Dispose it to close them. */
export class GuardedHttp implements Disposable {
  readonly #clock: Clock;
  readonly #upstream: Pick<UpstreamDefinition, 'name' | 'url' | 'alsoAllowed'>;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;
  /** Unknown before the first look-up. */
  #isPublic: boolean | undefined;

  constructor(
    deps: { readonly clock: Clock },
    upstream: Pick<UpstreamDefinition, 'name' | 'url' | 'alsoAllowed' | 'authority'>,
  ) {
    this.#clock = deps.clock;
    this.#upstream = upstream;
    const options = { keepAlive: true, maxSockets: MAX_SOCKETS, timeout: KEEP_ALIVE_MS, scheduling: 'lifo' as const };
    this.#http = new HttpAgent(options);
    const { authority } = upstream;
    this.#https = new HttpsAgent({ ...options, ...(authority === undefined ? {} : { ca: authority }) });
  }

  /**
   * The answer to a request, redirects followed.
   * @throws {AppError} `upstream_unavailable` when it cannot be had, `upstream_refused` when it leads where it must not.
   */
  async request(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamResponse> {
    let url: URL = request.url;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const isSameOrigin = url.origin === request.url.origin;
      const authorization = isSameOrigin ? request.authorization : undefined;
      const response = await this.#exchange({ ...request, url, authorization }, signal);
      const location = REDIRECTS.has(response.statusCode) ? response.headers.location : undefined;
      if (location === undefined) return response;
      response.destroy();
      url = this.#redirected(location, url);
    }
    throw this.#refused(`sent us on more than ${MAX_REDIRECTS} times`);
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #redirected(location: string, from: URL): URL {
    if (!URL.canParse(location, from.href)) throw this.#refused('sent us to something that is no URL');
    const url = new URL(location, from);
    const isSecureEnough = url.protocol === 'https:' || (url.protocol === 'http:' && from.protocol === 'http:');
    if (!isSecureEnough) throw this.#refused('sent us from https to something less safe');
    url.username = '';
    url.password = '';
    return url;
  }

  async #exchange(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamResponse> {
    const { url } = request;
    const literal = url.hostname.replaceAll(/[[\]]/g, '');
    if (isIP(literal) !== 0) this.#checkAddresses(url, [literal]);
    const late = new AbortController();
    const timer = this.#clock.schedule(ANSWER_TIMEOUT_MS, () =>
      late.abort(this.#unavailable('does not answer', { retryAfterSeconds: 10, isSlow: true })),
    );
    using joined = joinSignals([signal, late.signal]);
    try {
      return await this.#send(request, joined.signal);
    } catch (error) {
      signal.throwIfAborted();
      late.signal.throwIfAborted();
      if (isAppError(error)) throw error;
      throw this.#unavailable(`cannot be reached (${connectFailure(error)})`, {}, error);
    } finally {
      timer.cancel();
    }
  }

  #send({ method, url, headers, authorization }: UpstreamRequest, signal: AbortSignal): Promise<UpstreamResponse> {
    const options: RequestOptions = {
      method,
      headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
      lookup: this.#lookupFor(url),
    };
    return new Promise((resolve, reject) => {
      const outgoing =
        url.protocol === 'https:'
          ? httpsRequest(url, { ...options, agent: this.#https })
          : httpRequest(url, { ...options, agent: this.#http });
      const onAbort = (): void => void outgoing.destroy(new Error('aborted'));
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      freeReceived(outgoing);
      outgoing.once('error', reject);
      outgoing.once('close', () => signal.removeEventListener('abort', onAbort));
      outgoing.once('response', (response) => {
        signal.removeEventListener('abort', onAbort);
        resolve(Object.assign(response, { statusCode: response.statusCode ?? 0 }));
      });
      outgoing.end();
    });
  }

  /** Looks a name up and lets through only what may be connected to. */
  #lookupFor(url: URL): LookupFunction {
    return (hostname, options, done) => {
      systemLookup(hostname, { ...options, all: true }, (error, found) => {
        if (error !== null) {
          done(error, []);
          return;
        }
        try {
          this.#checkAddresses(
            url,
            found.map(({ address }) => address),
          );
        } catch (refusal) {
          done(refusal instanceof Error ? refusal : new Error('refused'), []);
          return;
        }
        const [first] = found;
        if (options.all === true) done(null, found);
        else done(null, first?.address ?? '', first?.family);
      });
    };
  }

  /** All addresses of a name must be good: one that is not was put there to be used some time. */
  #checkAddresses(url: URL, addresses: readonly string[]): void {
    const classes = addresses.map(addressClass);
    if (url.host === this.#upstream.url.host) {
      this.#isPublic = classes.every((each) => each === 'public');
      return;
    }
    if (isListed(url, this.#upstream.alsoAllowed)) return;
    const isForbidden = classes.includes('forbidden') || (classes.includes('private') && this.#isPublic !== false);
    if (!isForbidden && addresses.length > 0) return;
    throw this.#refused(
      `sent us to ${url.host.slice(0, 100)}, which lies in a network of our own; if that is right, put it into alsoAllowed of this upstream`,
    );
  }

  #refused(what: string): AppError {
    return new AppError('upstream_refused', `the upstream ${this.#upstream.name} ${what}`);
  }

  #unavailable(what: string, detail: AppError['detail'] = {}, cause?: unknown): AppError {
    return new AppError('upstream_unavailable', `the upstream ${this.#upstream.name} ${what}`, { cause, detail });
  }
}

/**
 * Frees what a connection receives as soon as the parser of the answer has read it, which copies what belongs to a body. Its listener
 * comes behind the parser's, and goes before the connection gets another request.
 */
function freeReceived(outgoing: ClientRequest): void {
  outgoing.once('socket', (socket) => {
    socket.on('data', freeChunk);
    outgoing.once('close', () => socket.off('data', freeChunk));
  });
}

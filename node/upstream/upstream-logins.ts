// What a request to an upstream carries so that it lets us in: nothing, a password, or a token that its token service gave for
// one repository (A-1 to A-24 of the registry API's rules, from the client's side). Nothing of it is ever logged.

import Type from 'typebox';
import { Check } from 'typebox/value';
import { parseBoundedJson } from '../../shared/oci/bounded-json.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { SingleFlight } from '../../shared/runtime/single-flight.ts';
import { readBody } from './bounded-body.ts';
import { CATALOG } from './catalog-page.ts';
import type { Challenge } from './challenges.ts';
import type { GuardedHttp } from './guarded-http.ts';
import { checkRealm } from './token-realm.ts';
import type { UpstreamDefinition } from './upstream-settings.ts';

/** A longer answer is no token: the longest seen have 8 KiB. */
const MAX_ANSWER_BYTES = 128 * 1024;
/** Tokens kept, the oldest goes first: one per repository that was asked for lately. */
const MAX_TOKENS = 1000;
/** A token that says nothing of its life lives so long (A-24). */
const USUAL_LIFE_SECONDS = 60;
/** Longest life that is believed, in seconds; after it a new one is asked for. */
const MAX_LIFE_SECONDS = 24 * 3600;
/** So long before its end a token is not used any more: clocks differ, and requests take their time. */
const MARGIN_MS = 5_000;
const TOKEN = /^[\x21-\x7e]{1,65536}$/;

const TokenAnswer = Type.Object({
  token: Type.Optional(Type.String()),
  access_token: Type.Optional(Type.String()),
  expires_in: Type.Optional(Type.Number()),
});

interface KeptToken {
  readonly header: string;
  readonly untilMs: number;
}

interface Deps {
  readonly clock: Clock;
  readonly http: Pick<GuardedHttp, 'request'>;
}

export class UpstreamLogins {
  readonly #deps: Deps;
  readonly #upstream: UpstreamDefinition;
  readonly #tokens = new Map<string, KeptToken>();
  readonly #asking = new SingleFlight<string | undefined>();
  #basic: string | undefined;

  constructor(deps: Deps, upstream: UpstreamDefinition) {
    this.#deps = deps;
    this.#upstream = upstream;
  }

  /** What the next request for this repository should carry, as far as is known. */
  header(remote: string): string | undefined {
    const kept = this.#tokens.get(remote);
    if (kept === undefined) return this.#basic;
    if (kept.untilMs > this.#deps.clock.nowMs()) return kept.header;
    this.#tokens.delete(remote);
    return this.#basic;
  }

  /**
   * What to carry after a refusal with these challenges; undefined when there is nothing that would help.
   * @param refused what the refused request carried.
   * @throws {AppError} `upstream_refused` for a token service that must not be asked, `upstream_unavailable`
   */
  async answer(
    challenges: readonly Challenge[],
    request: { readonly remote: string; readonly refused: string | undefined },
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { remote, refused } = request;
    const current = this.header(remote);
    if (current !== refused && current !== undefined) return current; // another request has asked meanwhile
    this.#tokens.delete(remote);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) return this.#asking.run(remote, () => this.#askForToken(bearer, remote), signal);
    const isBasic = challenges.some(({ scheme }) => scheme === 'basic');
    const basic = isBasic ? this.#password() : undefined;
    if (basic === refused) return undefined;
    this.#basic = basic;
    return basic;
  }

  async #askForToken({ parameters }: Challenge, remote: string): Promise<string | undefined> {
    const { name, url: upstreamUrl, credentials, alsoAllowed } = this.#upstream;
    const realm = parameters.get('realm') ?? '';
    const url = checkRealm(realm, { name, url: upstreamUrl, hasCredentials: credentials !== undefined, alsoAllowed });
    const service = parameters.get('service');
    if (service !== undefined) url.searchParams.set('service', service);
    // Not the scope that the upstream names: what is needed is known here.
    url.searchParams.set('scope', remote === CATALOG ? 'registry:catalog:*' : `repository:${remote}:pull`);
    if (credentials !== undefined) url.searchParams.set('account', credentials.username);
    const { signal } = new AbortController(); // shared by all who wait; it has time limits of its own
    const request = {
      method: 'GET',
      url,
      headers: { accept: 'application/json' },
      authorization: this.#password(),
    } as const;
    const response = await this.#deps.http.request(request, signal);
    const limits = { maxBytes: MAX_ANSWER_BYTES, what: `the answer of the token service of ${name}` };
    const body = await readBody(this.#deps, response, limits, signal);
    if (response.statusCode === 401 || response.statusCode === 403) return undefined;
    if (response.statusCode !== 200) throw this.#unavailable(`answers ${response.statusCode}`);
    return this.#keep(remote, body);
  }

  #keep(remote: string, body: Uint8Array): string {
    const outcome = parseBoundedJson(body);
    if (outcome.type === 'refused' || !Check(TokenAnswer, outcome.value)) throw this.#unavailable('gives no token');
    const { token, access_token: accessToken, expires_in: lifeSeconds = USUAL_LIFE_SECONDS } = outcome.value;
    const text = token === undefined || token === '' ? accessToken : token;
    if (text === undefined || !TOKEN.test(text)) throw this.#unavailable('gives no token');
    const boundedSeconds = Math.min(Math.max(lifeSeconds, USUAL_LIFE_SECONDS), MAX_LIFE_SECONDS);
    const header = `Bearer ${text}`;
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size >= MAX_TOKENS && oldest !== undefined) this.#tokens.delete(oldest);
    this.#tokens.set(remote, { header, untilMs: this.#deps.clock.nowMs() + boundedSeconds * 1000 - MARGIN_MS });
    return header;
  }

  #password(): string | undefined {
    const { credentials } = this.#upstream;
    if (credentials === undefined) return undefined;
    return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
  }

  #unavailable(what: string): AppError {
    return new AppError('upstream_unavailable', `the token service of the upstream ${this.#upstream.name} ${what}`);
  }
}

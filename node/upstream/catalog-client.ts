// The list of repositories of one upstream. Many registries keep it to their administrators, or have none.

import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { readBody } from './bounded-body.ts';
import { CATALOG, parseCatalogPage, type CatalogPage } from './catalog-page.ts';
import { parseChallenges } from './challenges.ts';
import { GuardedHttp, type UpstreamResponse } from './guarded-http.ts';
import { UpstreamLogins } from './upstream-logins.ts';
import type { UpstreamDefinition } from './upstream-settings.ts';

/** All repositories in one answer, as old registries give them; a longer list is an error. */
const MAX_LIST_BYTES = 16 * 1024 * 1024;

/** Dispose it to close its connections. */
export class CatalogClient implements Disposable {
  readonly #clock: Clock;
  readonly #upstream: UpstreamDefinition;
  readonly #http: GuardedHttp;
  readonly #logins: UpstreamLogins;

  constructor(deps: { readonly clock: Clock }, upstream: UpstreamDefinition) {
    this.#clock = deps.clock;
    this.#upstream = upstream;
    this.#http = new GuardedHttp(deps, upstream);
    this.#logins = new UpstreamLogins({ ...deps, http: this.#http }, upstream);
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
  }

  /**
   * Names in the order of the upstream, after `last`. @returns undefined when it has no such list, or not for us.
   * @throws {AppError} `upstream_unavailable`
   */
  async repositories(
    page: { readonly last?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<CatalogPage | undefined> {
    const url = new URL(`v2/${CATALOG}`, this.#upstream.url);
    url.searchParams.set('n', String(page.limit));
    if (page.last !== undefined) url.searchParams.set('last', page.last);
    const response = await this.#ask(url, signal);
    const { statusCode } = response;
    if (statusCode !== 200) {
      response.destroy();
      if ([401, 403, 404, 405].includes(statusCode)) return undefined;
      throw this.#unavailable(`answers ${statusCode}`);
    }
    const what = `the list of repositories of the upstream ${this.#upstream.name}`;
    const body = await readBody({ clock: this.#clock }, response, { maxBytes: MAX_LIST_BYTES, what }, signal);
    const found = parseCatalogPage(body, response.headers['link']);
    if (found !== undefined) return found;
    throw this.#unavailable('sent something that is no list of repositories');
  }

  async #ask(url: URL, signal: AbortSignal): Promise<UpstreamResponse> {
    const headers = { 'user-agent': 'shoal', 'accept-encoding': 'identity' };
    const refused = this.#logins.header(CATALOG);
    const first = await this.#http.request({ method: 'GET', url, headers, authorization: refused }, signal);
    if (first.statusCode !== 401) return first;
    const challenges = parseChallenges(first.headers['www-authenticate']);
    const authorization = await this.#logins.answer(challenges, { remote: CATALOG, refused }, signal);
    if (authorization === undefined) return first;
    first.destroy();
    return this.#http.request({ method: 'GET', url, headers, authorization }, signal);
  }

  #unavailable(what: string): AppError {
    return new AppError('upstream_unavailable', `the upstream ${this.#upstream.name} ${what}`);
  }
}

// One upstream as the registry API shows it: manifests, blobs and tags of its repositories. Whatever it answers is checked here;
// what is no answer of a registry becomes an error that names the upstream, and nothing of it is kept.

import { classifyDigest, algorithmOf, digestOf, type Digest } from '../../shared/oci/digest.ts';
import { MAX_MANIFEST_BYTES, parseManifest } from '../../shared/oci/manifest.ts';
import { DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST } from '../../shared/oci/media-types.ts';
import { MAX_BLOB_BYTES } from '../../shared/pieces/piece-table.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { ManifestReference } from '../content/content.ts';
import { BoundedBody, readBody } from './bounded-body.ts';
import { parseChallenges } from './challenges.ts';
import { GuardedHttp, type UpstreamResponse } from './guarded-http.ts';
import { parseReferrerPage, type UpstreamReferrerPage } from './referrer-page.ts';
import { retryAfterSeconds } from './retry-after.ts';
import { parseTagPage, type TagPage } from './tag-page.ts';
import { UpstreamLogins } from './upstream-logins.ts';
import type { UpstreamDefinition } from './upstream-settings.ts';

/** Rest of an upstream that refused for too many requests and did not say how long, in seconds. */
const USUAL_REST_SECONDS = 30;
/** All tags of a repository in one answer, as old registries give them; a longer list is an error. */
const MAX_TAGS_BYTES = 16 * 1024 * 1024;
const MANIFEST_TYPES = [OCI_INDEX, OCI_MANIFEST, DOCKER_MANIFEST_LIST, DOCKER_MANIFEST].join(', ');
/** How registries without the referrers API answer when they are asked for it; some send a page for people with 200. */
const NO_SUCH_API: ReadonlySet<number> = new Set([400, 404, 405, 406, 501]);
const NOT_THERE: ReadonlySet<number> = new Set([404]);
const USER_AGENT = 'shoal';

export interface UpstreamManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** A blob that begins to arrive. */
export interface UpstreamBlob {
  /** Of the whole blob. */
  readonly sizeBytes: number;
  /** Of which byte the body is the first. */
  readonly firstByte: number;
  readonly body: BoundedBody;
}

interface Ask {
  readonly method: 'GET' | 'HEAD';
  readonly remote: string;
  /** Behind the repository's name. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Answers that mean that there is no such thing, when these are others than 404. */
  readonly absence?: ReadonlySet<number>;
}

/** Dispose it to close its connections. */
export class UpstreamClient implements Disposable {
  readonly name: string;
  readonly #clock: Clock;
  readonly #url: URL;
  readonly #http: GuardedHttp;
  readonly #logins: UpstreamLogins;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #restReason: AppError | undefined;

  constructor(deps: { readonly clock: Clock }, upstream: UpstreamDefinition) {
    this.name = upstream.name;
    this.#clock = deps.clock;
    this.#url = upstream.url;
    this.#http = new GuardedHttp(deps, upstream);
    this.#logins = new UpstreamLogins({ ...deps, http: this.#http }, upstream);
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
  }

  /**
   * What a tag points to, without fetching it. @returns undefined when there is no such tag; `unsaid` when the upstream does not say.
   * @throws {AppError} `upstream_unavailable`, `upstream_refused`, `too_many_requests` as every method here.
   */
  async digestOfTag(remote: string, tag: string, signal: AbortSignal): Promise<Digest | 'unsaid' | undefined> {
    const ask: Ask = { method: 'HEAD', remote, path: `manifests/${tag}`, headers: { accept: MANIFEST_TYPES } };
    const response = await this.#ask(ask, signal);
    if (response === undefined) return undefined;
    response.resume();
    const said = classifyDigest(String(response.headers['docker-content-digest'] ?? ''));
    return said.type === 'served' ? said.digest : 'unsaid';
  }

  /** A manifest, checked against its digest. @returns undefined when there is none. */
  async manifest(
    remote: string,
    reference: ManifestReference,
    signal: AbortSignal,
  ): Promise<UpstreamManifest | undefined> {
    const path = `manifests/${'tag' in reference ? reference.tag : reference.digest}`;
    const response = await this.#ask({ method: 'GET', remote, path, headers: { accept: MANIFEST_TYPES } }, signal);
    if (response === undefined) return undefined;
    const what = `the manifest ${remote} of the upstream ${this.name}`;
    const bytes = await readBody({ clock: this.#clock }, response, { maxBytes: MAX_MANIFEST_BYTES, what }, signal);
    const said = classifyDigest(String(response.headers['docker-content-digest'] ?? ''));
    const wanted = 'digest' in reference ? reference.digest : undefined;
    for (const digest of [wanted, said.type === 'served' ? said.digest : undefined]) {
      if (digest !== undefined && digestOf(bytes, algorithmOf(digest)) !== digest)
        throw this.#unavailable(`sent something else for ${remote} than what has this digest`, { digest });
    }
    const { mediaType } = this.#checked(remote, bytes, response.headers['content-type']);
    return { digest: wanted ?? digestOf(bytes), mediaType, bytes };
  }

  /** The size of a blob. @returns undefined when the upstream's repository does not hold it. */
  async blobSize(remote: string, digest: Digest, signal: AbortSignal): Promise<number | undefined> {
    const response = await this.#ask({ method: 'HEAD', remote, path: `blobs/${digest}` }, signal);
    if (response === undefined) return undefined;
    response.resume();
    return this.#sizeOf(response.headers['content-length'], digest);
  }

  /** Begins to fetch a blob. @param fromByte what is here already. @returns undefined as `blobSize`. */
  async blob(remote: string, digest: Digest, fromByte: number, signal: AbortSignal): Promise<UpstreamBlob | undefined> {
    const headers: Record<string, string> = fromByte === 0 ? {} : { range: `bytes=${fromByte}-` };
    const response = await this.#ask({ method: 'GET', remote, path: `blobs/${digest}`, headers }, signal);
    if (response === undefined) return undefined;
    try {
      const body = new BoundedBody({ clock: this.#clock }, response, signal);
      if (response.statusCode !== 206) {
        const length = response.headers['content-length'];
        const sizeBytes =
          length === undefined ? await this.blobSize(remote, digest, signal) : this.#sizeOf(length, digest);
        if (sizeBytes === undefined) throw this.#unavailable('does not say how long a blob is', { digest });
        return { sizeBytes, firstByte: 0, body };
      }
      const [, first, whole] =
        /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(response.headers['content-range'] ?? '') ?? [];
      if (Number(first) !== fromByte)
        throw this.#unavailable('sent another part of a blob than was asked for', { digest });
      return { sizeBytes: this.#sizeOf(whole, digest), firstByte: fromByte, body };
    } catch (error) {
      response.destroy();
      throw error;
    }
  }

  /** Tags in the order of the upstream. @returns undefined when there is no such repository. */
  async tags(
    remote: string,
    page: { readonly last?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<TagPage | undefined> {
    const query = new URLSearchParams({ n: String(page.limit) });
    if (page.last !== undefined) query.set('last', page.last);
    const response = await this.#ask({ method: 'GET', remote, path: `tags/list?${query.toString()}` }, signal);
    if (response === undefined) return undefined;
    const what = `the list of tags of ${remote} of the upstream ${this.name}`;
    const body = await readBody({ clock: this.#clock }, response, { maxBytes: MAX_TAGS_BYTES, what }, signal);
    const link = response.headers['link'];
    const tags = parseTagPage(body, { ...page, link: typeof link === 'string' ? link : undefined });
    if (tags === undefined) throw this.#unavailable('sent something that is no list of tags');
    return tags;
  }

  /**
   * A page of what refers to a manifest. @param query names the page, as the one before did; empty for the first.
   * @returns undefined when the upstream has no such API.
   */
  async referrers(
    { remote, subject, query }: { readonly remote: string; readonly subject: string; readonly query: string },
    signal: AbortSignal,
  ): Promise<UpstreamReferrerPage | undefined> {
    const path = `referrers/${subject}${query === '' ? '' : `?${query}`}`;
    const headers = { accept: OCI_INDEX };
    const response = await this.#ask({ method: 'GET', remote, path, headers, absence: NO_SUCH_API }, signal);
    if (response === undefined) return undefined;
    const [type] = (response.headers['content-type'] ?? '').split(';');
    if (type?.trim().toLowerCase() !== OCI_INDEX) {
      response.destroy();
      return undefined;
    }
    const what = `the list of referrers in ${remote} of the upstream ${this.name}`;
    const body = await readBody({ clock: this.#clock }, response, { maxBytes: MAX_MANIFEST_BYTES, what }, signal);
    const page = parseReferrerPage(body, response.headers['link']);
    if (page === undefined) throw this.#unavailable('sent something that is no list of referrers');
    return page;
  }

  /** @returns undefined for what is not there; any other answer than a good one is thrown. */
  async #ask(ask: Ask, signal: AbortSignal): Promise<UpstreamResponse | undefined> {
    this.#demandNoRest();
    const authorization = this.#logins.header(ask.remote);
    let response = await this.#send(ask, authorization, signal);
    if (response.statusCode === 401) {
      const challenges = parseChallenges(response.headers['www-authenticate']);
      response.destroy();
      const login = await this.#logins.answer(challenges, { remote: ask.remote, refused: authorization }, signal);
      if (login === undefined) throw this.#refused();
      response = await this.#send(ask, login, signal);
    }
    const { statusCode } = response;
    if (statusCode === 200 || (statusCode === 206 && ask.headers?.['range'] !== undefined)) {
      if (!isEncoded(response)) return response;
      response.destroy();
      throw this.#unavailable('sent something compressed that was not asked for');
    }
    response.destroy();
    if ((ask.absence ?? NOT_THERE).has(statusCode)) return undefined;
    throw this.#failure(statusCode, response.headers['retry-after']);
  }

  async #send(ask: Ask, authorization: string | undefined, signal: AbortSignal): Promise<UpstreamResponse> {
    const { method, remote, path, headers = {} } = ask;
    const url = new URL(`v2/${remote}/${path}`, this.#url);
    try {
      const common = { 'user-agent': USER_AGENT, 'accept-encoding': 'identity' };
      return await this.#http.request({ method, url, headers: { ...common, ...headers }, authorization }, signal);
    } catch (error) {
      const isSlow = isAppError(error, 'upstream_unavailable') && error.detail['isSlow'] === true;
      if (isSlow) this.#rest(Number(error.detail['retryAfterSeconds']), error);
      throw error;
    }
  }

  #failure(status: number, retryAfter: string | undefined): AppError {
    const seconds = retryAfterSeconds(retryAfter, this.#clock.wallMs());
    if (status === 401 || status === 403) return this.#refused();
    if (status === 429) {
      const rest = seconds ?? USUAL_REST_SECONDS;
      const error = new AppError('too_many_requests', `the upstream ${this.name} has had too many requests from here`, {
        detail: { retryAfterSeconds: rest },
      });
      this.#rest(rest, error);
      return error;
    }
    const detail = seconds === undefined ? {} : { retryAfterSeconds: seconds };
    const error = this.#unavailable(`answers ${status}`, detail);
    if (seconds !== undefined && status >= 500) this.#rest(seconds, error);
    return error;
  }

  #rest(seconds: number, reason: AppError): void {
    this.#restUntilMs = this.#clock.nowMs() + seconds * 1000;
    this.#restReason = reason;
  }

  /** Whoever was told to wait waits; so do all who come meanwhile. */
  #demandNoRest(): void {
    const leftMs = this.#restUntilMs - this.#clock.nowMs();
    const reason = this.#restReason;
    if (leftMs <= 0 || reason === undefined) return;
    throw new AppError(reason.code, reason.message, { detail: { retryAfterSeconds: Math.ceil(leftMs / 1000) } });
  }

  #checked(remote: string, bytes: Uint8Array, contentType: string | undefined): { readonly mediaType: string } {
    try {
      return parseManifest(bytes, contentType);
    } catch (error) {
      if (!isAppError(error)) throw error;
      throw new AppError(
        'upstream_unavailable',
        `the upstream ${this.name} sent no manifest for ${remote}: ${error.message}`,
        {
          cause: error,
        },
      );
    }
  }

  #sizeOf(length: string | undefined, digest: Digest): number {
    const sizeBytes = length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : Number.NaN;
    if (sizeBytes <= MAX_BLOB_BYTES) return sizeBytes;
    throw this.#unavailable('does not say how long a blob is, or it is longer than one may be', { digest });
  }

  #refused(): AppError {
    return new AppError(
      'upstream_refused',
      `the upstream ${this.name} does not let us in there: it is private or not there, or the login of this upstream is wrong`,
    );
  }

  #unavailable(what: string, detail: AppError['detail'] = {}): AppError {
    return new AppError('upstream_unavailable', `the upstream ${this.name} ${what}`, { detail });
  }
}

function isEncoded({ headers }: UpstreamResponse): boolean {
  const encoding = headers['content-encoding']?.toLowerCase().trim() ?? '';
  return encoding !== '' && encoding !== 'identity';
}

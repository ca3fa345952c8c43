// What refers to manifests of copies: signatures, attestations, lists of contents.
//
//   asked lately, by any host of the fleet ─▶ what is here: manifests with that subject, and what the upstream said
//   else the upstream says it ─▶ the coordinator remembers it for all ─▶ the same
//                        └─ away, refuses ─▶ what is here, with a warning
//
// Lists are asked for whole, so that one answers every filter; the manifests come when somebody pulls them.

import type { CoordinatorLink } from '../../shared/protocol/coordinator-methods.ts';
import type { AppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { SingleFlight } from '../../shared/runtime/single-flight.ts';
import type { Manifests, ReferrerPage } from '../content/content.ts';
import { listReferrersOf } from './upstream-referrers.ts';
import { mergedReferrers } from './merged-referrers.ts';
import { isProbe } from './referrer-page.ts';
import { isAway } from './upstream-away.ts';
import type { UpstreamClient } from './upstream-client.ts';
import type { CachedRepository, UpstreamNames } from './upstream-name.ts';

export interface CachedReferrersDeps {
  /** Lists of what this fleet holds, and of what the coordinator remembers. */
  readonly held: Pick<Manifests, 'referrers'>;
  readonly names: UpstreamNames;
  readonly clientOf: (upstream: string) => Pick<UpstreamClient, 'manifest' | 'name' | 'referrers'>;
  readonly link: Pick<CoordinatorLink, 'call'>;
  readonly log: Logger;
  /** Aborted when this node stops. */
  readonly stopping: AbortSignal;
}

type ReferrerQuery = Parameters<Manifests['referrers']>[0];

export class CachedReferrers {
  readonly #deps: CachedReferrersDeps;
  readonly #freshMs: number;
  readonly #asked = new SingleFlight<void>();

  /** @param options.freshMs an upstream that was asked less than this ago is not asked again. */
  constructor(deps: CachedReferrersDeps, options: { readonly freshMs: number }) {
    this.#deps = deps;
    this.#freshMs = options.freshMs;
  }

  /** @throws {AppError} as the upstream's answer was, for a copy of which nothing is known here. */
  async list(query: ReferrerQuery, signal: AbortSignal): Promise<ReferrerPage> {
    const { names, held } = this.#deps;
    const cached = names.cached(query.repository);
    if (cached !== undefined) return this.#listCopy(cached, query, signal);
    const standIn = names.standsFor(query.repository);
    const own = await held.referrers(query, signal);
    // What is our own is nobody else's business, and a push must not wait for an upstream.
    if (standIn === undefined || own.hasSubject || isProbe(query.subject)) return own;
    try {
      return mergedReferrers(own, await this.#listCopy(standIn, query, signal), query.limit);
    } catch (error) {
      if (!isAway(error)) throw error;
      return { ...own, warning: notAsked(standIn, error) };
    }
  }

  async #listCopy(cached: CachedRepository, query: ReferrerQuery, signal: AbortSignal): Promise<ReferrerPage> {
    const { repository } = cached;
    const { subject } = query;
    const list = (): Promise<ReferrerPage> => this.#deps.held.referrers({ ...query, repository }, signal);
    const here = await list();
    if (isProbe(subject) || (here.checkedAgeMs !== undefined && here.checkedAgeMs < this.#freshMs)) return here;
    try {
      await this.#asked.run(`${repository}@${subject}`, () => this.#ask(cached, subject), signal);
    } catch (error) {
      const isKnown = here.hasSubject || here.checkedAgeMs !== undefined || here.descriptors.length > 0;
      if (!isKnown || !isAway(error)) throw error;
      const fields = { err: error, repository, subject };
      this.#deps.log.warn(fields, 'referrers are listed as they are known here: the upstream cannot say');
      return { ...here, warning: notAsked(cached, error) };
    }
    return list();
  }

  /** Shared by all who ask meanwhile, so no one of them can end it; the upstream's time limits do, and the end of this node. */
  async #ask({ upstream, remote, repository }: CachedRepository, subject: string): Promise<void> {
    const { clientOf, link, log } = this.#deps;
    const { stopping: signal } = this.#deps;
    const descriptors = [...(await listReferrersOf(clientOf(upstream), { remote, subject }, signal))];
    await link.call('cache.referrers', { repository, subject, descriptors }, signal);
    log.debug({ repository, subject, count: descriptors.length }, 'an upstream said what refers to a manifest');
  }
}

function notAsked({ upstream }: CachedRepository, { message }: AppError): string {
  return `not asked of ${upstream}, so there may be others: ${message}`;
}

// GET /v1/_ping and /v1/search, which `docker search HOST:PORT/WORD` asks: all that is left of the first registry API.
//
// A repository is listed for whoever may pull it, and for nobody else, so the answer to a word tells nothing of others.

import type { FastifyPluginCallback } from 'fastify';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { Manifests } from '../content/content.ts';
import type { AccessPolicy, Asker } from './access.ts';
import { askerOf } from './asker-of.ts';
import { Query } from './query.ts';
import type { RegistrySite } from './registry-site.ts';
import { sendFailure } from './send-failure.ts';

/** Results when the client names no number: docker's own default. */
const DEFAULT_RESULTS = 25;
/** Results in one answer, more are left out: docker asks for no more. */
const MAX_RESULTS = 100;
/** Longest word, a longer one is refused: no repository has a longer name. */
const MAX_WORD_CHARS = 255;
/** Repositories with the word that are looked at for ones that may be pulled; those behind are left out: each costs a look at all grants. */
const MAX_LOOKED_AT = 1_000;
/** Repositories that are read at once. */
const PAGE = 250;

interface SearchDeps {
  readonly access: AccessPolicy;
  readonly manifests: Pick<Manifests, 'repositories'>;
}

interface Found {
  readonly name: string;
  readonly description: string;
  readonly star_count: number;
  readonly is_official: boolean;
  readonly is_automated: boolean;
}

export function searchRoutes(
  deps: SearchDeps,
  site: Pick<RegistrySite, 'baseUrl' | 'clientAddress' | 'peerAddress'>,
): FastifyPluginCallback {
  return (app, _options, done) => {
    app.setErrorHandler((error, _request, reply) => sendFailure(reply, error));
    // Asked without a login, and tells nothing but that there is something to ask.
    app.get('/v1/_ping', (_request, reply) => reply.send({ standalone: true }));
    app.get('/v1/search', async (request, reply) => {
      const left = new AbortController();
      reply.raw.once('close', () => left.abort(new AppError('shutting_down', 'the client left')));
      const query = new Query(request.originalUrl.split('?')[1] ?? '');
      const word = wordOf(query);
      const limit = limitOf(query);
      const names = await search(deps, { asker: askerOf(site, request.raw), word, limit }, left.signal);
      const results = names.map(found);
      return reply.send({ query: word, num_results: results.length, results });
    });
    done();
  };
}

async function search(
  deps: SearchDeps,
  wanted: { readonly asker: Asker; readonly word: string; readonly limit: number },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { asker, word, limit } = wanted;
  const hasLogin = asker.authorization !== undefined;
  // A wrong password is refused once, and not with each repository.
  if (hasLogin) await deps.access.authorize(asker, [{ type: 'base' }]);
  const names: string[] = [];
  let last: string | undefined;
  for (let lookedAt = 0; lookedAt < MAX_LOOKED_AT && names.length < limit; lookedAt += PAGE) {
    const page = await deps.manifests.repositories({ containing: word, limit: PAGE, last }, signal);
    for (const name of page.repositories)
      if (names.length < limit && (await mayPull(deps, asker, name))) names.push(name);
    last = page.repositories.at(-1);
    if (!page.hasMore) break;
  }
  // Somebody without a login who may see nothing is asked for one, whether or not there is something.
  if (names.length === 0 && !hasLogin) await deps.access.authorize(asker, [{ type: 'base' }]);
  return names;
}

async function mayPull({ access }: SearchDeps, asker: Asker, repository: string): Promise<boolean> {
  try {
    await access.authorize(asker, [{ type: 'repository', repository, allOf: ['pull'] }]);
    return true;
  } catch (error) {
    if (isAppError(error, 'access_denied', 'credentials_required')) return false;
    throw error;
  }
}

/** Names are small, and people are not always. */
function wordOf(query: Query): string {
  const word = (query.first('q') ?? '').toLowerCase();
  if (word.length <= MAX_WORD_CHARS) return word;
  throw new AppError('message_invalid', `no repository has a name of more than ${MAX_WORD_CHARS} characters`);
}

function limitOf(query: Query): number {
  const text = query.first('n') ?? String(DEFAULT_RESULTS);
  if (!/^\d{1,15}$/.test(text)) throw new AppError('message_invalid', 'n is not a number');
  return Math.min(Number(text), MAX_RESULTS);
}

function found(name: string): Found {
  return { name, description: '', star_count: 0, is_official: false, is_automated: false };
}

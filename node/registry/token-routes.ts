// Where clients get tokens: GET with a password in the header, or a form by POST.

import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import type { Asker } from './access.ts';
import { jsonAnswer, type Answer } from './answer.ts';
import type { ApiRequest } from './api-request.ts';
import type { Methods } from './route.ts';

/** Fields of a query or a form; a name may stand several times. */
export interface TokenFields {
  first(name: string): string | undefined;
  all(name: string): readonly string[];
}

/** Gives out tokens. */
export interface TokenSource {
  byGet(fields: TokenFields, asker: Pick<Asker, 'authorization' | 'clientAddress' | 'peerAddress'>): Promise<object>;
  byPost(fields: TokenFields, asker: Pick<Asker, 'clientAddress' | 'peerAddress'>): Promise<object>;
}

/** Largest form, a larger one is refused with 413. */
const MAX_FORM_BYTES = 64 * 1024;
const FORM_TYPE = 'application/x-www-form-urlencoded';

/** Without a source there is nothing at this path. */
export function tokenRoutes(
  source: TokenSource | undefined,
  options: { readonly bodyTimeoutMs: number },
): Methods<'token'> {
  const given = (): TokenSource => {
    if (source !== undefined) return source;
    throw new AppError('not_supported', 'this registry gives out no tokens');
  };
  return {
    GET: async (_, request) => answer(await given().byGet(fieldsOf(request.queryText), request)),
    POST: async (_, request) => {
      const tokens = given();
      return answer(await tokens.byPost(await readForm(request, options), request));
    },
  };
}

/** Nobody on the way may keep it. */
function answer(value: object): Answer {
  return jsonAnswer(200, value, 'Cache-Control', 'no-store');
}

async function readForm(request: ApiRequest, options: { readonly bodyTimeoutMs: number }): Promise<TokenFields> {
  const type = request.headers['content-type'] ?? '';
  if (type.split(';')[0]?.trim().toLowerCase() !== FORM_TYPE)
    throw new AppError('message_invalid', `the body must be a form (${FORM_TYPE})`);
  const body = await request.body
    .readWhole({ limitBytes: MAX_FORM_BYTES, timeoutMs: options.bodyTimeoutMs })
    .catch((error: unknown) => {
      if (isAppError(error, 'manifest_too_large'))
        throw new AppError('message_invalid', `the form may have at most ${MAX_FORM_BYTES} bytes`);
      throw error;
    });
  return fieldsOf(body.toString('utf8'));
}

/** Here a plus is a space, as clients write it between scopes (URL standard, "application/x-www-form-urlencoded"). */
function fieldsOf(text: string): TokenFields {
  const fields = new URLSearchParams(text);
  return { first: (name) => fields.get(name) ?? undefined, all: (name) => fields.getAll(name) };
}

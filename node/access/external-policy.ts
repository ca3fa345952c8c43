// Access by tokens of an issuer elsewhere (`auth.token` of the reference registry): what the token says, counts.

import type { AccessNeed, AccessPolicy, Asker, Subject } from '../registry/access.ts';
import { bearerRefusal } from './challenge.ts';
import { parseAuthorization } from './credentials.ts';
import type { ExternalTokens } from './external-tokens.ts';
import { covers } from './token-claims.ts';

export interface ExternalPolicyOptions {
  /** Where clients get tokens. */
  readonly realm: string;
  readonly service: string;
  /** The realm is on the host that the client asked, at this path. */
  readonly autoRedirectPath?: string | undefined;
}

export class ExternalPolicy implements AccessPolicy {
  readonly #tokens: Pick<ExternalTokens, 'verify'>;
  readonly #options: ExternalPolicyOptions;

  constructor(deps: { readonly tokens: Pick<ExternalTokens, 'verify'> }, options: ExternalPolicyOptions) {
    this.#tokens = deps.tokens;
    this.#options = options;
  }

  /** @throws {AppError} `credentials_required` */
  async authorize(asker: Asker, needs: readonly AccessNeed[]): Promise<Subject> {
    const { autoRedirectPath, service, realm } = this.#options;
    const at = { service, realm: autoRedirectPath === undefined ? realm : `${asker.baseUrl ?? ''}${autoRedirectPath}` };
    const credentials = parseAuthorization(asker.authorization);
    if (credentials.type === 'none') throw bearerRefusal(at, needs);
    const claims = credentials.type === 'bearer' ? await this.#tokens.verify(credentials.token) : undefined;
    if (claims === undefined) throw bearerRefusal(at, needs, 'invalid_token');
    if (!needs.every((need) => covers(claims.access, need))) throw bearerRefusal(at, needs, 'insufficient_scope');
    return claims.subject === '' ? undefined : claims.subject;
  }
}

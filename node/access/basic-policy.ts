// Access by a user and a password with each request, as the reference registry does with an htpasswd file.

import type { AccessNeed, AccessPolicy, Asker, Subject } from '../registry/access.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { basicRefusal } from './challenge.ts';
import { parseAuthorization } from './credentials.ts';
import type { Logins } from './logins.ts';
import type { RightsOfAll } from './rights.ts';

export class BasicPolicy implements AccessPolicy {
  readonly #logins: Logins;
  readonly #rights: RightsOfAll;
  readonly #realm: string;

  constructor(deps: { readonly logins: Logins; readonly rights: RightsOfAll }, options: { readonly realm: string }) {
    this.#logins = deps.logins;
    this.#rights = deps.rights;
    this.#realm = options.realm;
  }

  /** @throws {AppError} `credentials_required`, `access_denied`, `too_many_requests` */
  authorize(asker: Asker, needs: readonly AccessNeed[]): Subject | Promise<Subject> {
    const known = this.#logins.recognise(asker.authorization);
    // At once: waiting for what is known makes promises with every request.
    if (known !== undefined) return this.#allowed(known.name, needs);
    return this.#subjectOf(asker).then((subject) => this.#allowed(subject, needs));
  }

  #allowed(subject: Subject, needs: readonly AccessNeed[]): Subject {
    for (const need of needs) {
      if (this.#rights.allows(subject, need)) continue;
      if (subject === undefined) throw basicRefusal(this.#realm);
      throw new AppError('access_denied', 'this user may not do that here; ask who runs this registry for the right');
    }
    return subject;
  }

  async #subjectOf(asker: Asker): Promise<Subject> {
    const credentials = parseAuthorization(asker.authorization);
    if (credentials.type === 'none') return undefined;
    if (credentials.type !== 'basic') throw basicRefusal(this.#realm);
    const account = await this.#logins.verifyHeader(asker.authorization ?? '', credentials, asker);
    if (account === undefined) throw basicRefusal(this.#realm);
    return account.name;
  }
}

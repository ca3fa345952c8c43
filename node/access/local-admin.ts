// Commands on this host see the reports of its node without a login: they prove by a secret in the data folder that they run as
// its owner. The secret is made anew with each start and opens no content.

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { writeNodeAccess } from '../../shared/identity/node-access.ts';
import type { AccessNeed, AccessPolicy, Asker, Subject } from '../registry/access.ts';

const SECRET_BYTES = 32;
/** What it opens: pages of operators. */
const OPENED: readonly AccessNeed['type'][] = ['base', 'login', 'catalog'];

export class LocalAdmin implements AccessPolicy {
  readonly #access: AccessPolicy;
  readonly #secret = randomBytes(SECRET_BYTES).toString('base64url');
  readonly #authorization = Buffer.from(`Bearer ${this.#secret}`);

  /** @param deps.access decides for everybody else. */
  constructor(deps: { readonly access: AccessPolicy }) {
    this.#access = deps.access;
  }

  authorize(asker: Asker, needs: readonly AccessNeed[]): Subject | Promise<Subject> {
    const isOpened = needs.every(({ type }) => OPENED.includes(type));
    if (isOpened && this.#isOwner(asker.authorization)) return undefined;
    return this.#access.authorize(asker, needs);
  }

  /** Writes down for commands where the node listens, and the secret. */
  async publish(
    path: string,
    at: { readonly scheme: 'http' | 'https'; readonly listen: string; readonly address: string },
  ): Promise<void> {
    await writeNodeAccess(path, { ...at, secret: this.#secret });
  }

  #isOwner(authorization: string | undefined): boolean {
    const given = Buffer.from(authorization ?? '');
    return given.length === this.#authorization.length && timingSafeEqual(given, this.#authorization);
  }
}

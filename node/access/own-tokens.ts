// Tokens that nodes of the fleet sign: access tokens for a few minutes, refresh tokens for a month. ES256 (RFC 7518) by the key of
// the node, whose certificate comes along in `x5c`; what one node gave out counts at all of them.

import { randomUUID } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Account } from './accounts.ts';
import type { Scope } from './scope.ts';
import { parseAccessClaim, type TokenClaims } from './token-claims.ts';
import type { TokenSigners } from './token-signers.ts';

/** Life of an access token: long enough for an image, short enough that what it says is not old. */
export const ACCESS_TOKEN_SECONDS = 300;
/** Life of a refresh token: docker keeps it in its configuration and asks for a password after that. */
const REFRESH_TOKEN_SECONDS = 30 * 24 * 3600;
/** Clocks of a fleet differ. */
const LEEWAY_SECONDS = 60;
const ALGORITHM = 'ES256';

/** Refresh tokens have an audience of their own, so that none passes for an access token. */
const REFRESH_AUDIENCE_SUFFIX = '#refresh';

type Payload = Readonly<Record<string, unknown>> & { readonly sub?: string; readonly exp?: number };

export interface OwnTokensOptions {
  /** The `service` of challenges, and audience of tokens. */
  readonly service: string;
}

export class OwnTokens {
  readonly #clock: Clock;
  readonly #signers: TokenSigners;
  readonly #options: OwnTokensOptions;

  constructor(deps: { readonly clock: Clock; readonly signers: TokenSigners }, options: OwnTokensOptions) {
    this.#clock = deps.clock;
    this.#signers = deps.signers;
    this.#options = options;
  }

  get service(): string {
    return this.#options.service;
  }

  /** A token that allows `access` to its subject; undefined is nobody in particular. */
  signAccess(account: Account | undefined, access: readonly Scope[]): Promise<string> {
    const claims = {
      access: access.map(({ type, name, actions }) => ({ type, name, actions })),
      ver: account?.version,
    };
    return this.#sign(claims, {
      subject: account?.name ?? '',
      audience: this.#options.service,
      seconds: ACCESS_TOKEN_SECONDS,
    });
  }

  signRefresh(account: Account): Promise<string> {
    return this.#sign(
      { ver: account.version },
      {
        subject: account.name,
        audience: this.#options.service + REFRESH_AUDIENCE_SUFFIX,
        seconds: REFRESH_TOKEN_SECONDS,
      },
    );
  }

  /** @returns undefined for a token that is not of a node of this fleet, or not good now. */
  async verifyAccess(token: string): Promise<(TokenClaims & { readonly version: string | undefined }) | undefined> {
    const payload = await this.#verify(token, { audience: this.#options.service, maxSeconds: ACCESS_TOKEN_SECONDS });
    if (payload === undefined) return undefined;
    const { sub = '', exp = 0, access, ver } = payload;
    const version = typeof ver === 'string' ? ver : undefined;
    return { subject: sub, access: parseAccessClaim(access), expiresAt: exp, version };
  }

  /** The account that a refresh token was given to; undefined for one that is not good. */
  async verifyRefresh(token: string): Promise<Account | undefined> {
    const payload = await this.#verify(token, {
      audience: this.#options.service + REFRESH_AUDIENCE_SUFFIX,
      maxSeconds: REFRESH_TOKEN_SECONDS,
    });
    if (payload?.sub === undefined || typeof payload['ver'] !== 'string') return undefined;
    return { name: payload.sub, version: payload['ver'] };
  }

  #sign(
    claims: Record<string, unknown>,
    about: { readonly subject: string; readonly audience: string; readonly seconds: number },
  ): Promise<string> {
    const nowSeconds = Math.floor(this.#clock.wallMs() / 1000);
    const { key, x5c, nodeId } = this.#signers.own();
    return new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid: nodeId, x5c: [...x5c] })
      .setIssuer(this.#signers.fleetId)
      .setSubject(about.subject)
      .setAudience(about.audience)
      .setIssuedAt(nowSeconds)
      .setNotBefore(nowSeconds)
      .setExpirationTime(nowSeconds + about.seconds)
      .setJti(randomUUID())
      .sign(key);
  }

  /** @param expected.maxSeconds the longest life that such a token may have, whatever it says itself. */
  async #verify(
    token: string,
    expected: { readonly audience: string; readonly maxSeconds: number },
  ): Promise<Payload | undefined> {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, (header) => this.#signers.keyOf(header.x5c), {
        algorithms: [ALGORITHM],
        issuer: this.#signers.fleetId,
        audience: expected.audience,
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(this.#clock.wallMs()),
        requiredClaims: ['exp', 'iat', 'sub'],
      });
      const { exp = 0, iat = 0 } = payload;
      if (exp - iat > expected.maxSeconds || !this.#signers.isInTime(protectedHeader.x5c, iat * 1000)) return undefined;
      return payload;
    } catch {
      return undefined; // whatever is wrong with it, the answer is the same: get another one
    }
  }
}

// Tokens that this node signs itself: access tokens for a few minutes, refresh tokens for a month. ES256 with `kid` (RFC 7518, 7638).

import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, jwtVerify, SignJWT } from 'jose';
import { createPrivateFile, readPrivateFile } from '../../shared/identity/private-file.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import type { Account } from './accounts.ts';
import type { Scope } from './scope.ts';
import { parseAccessClaim, type TokenClaims } from './token-claims.ts';

/** Life of an access token: long enough for an image, short enough that what it says is not old. */
export const ACCESS_TOKEN_SECONDS = 300;
/** Life of a refresh token: docker keeps it in its configuration and asks for a password after that. */
const REFRESH_TOKEN_SECONDS = 30 * 24 * 3600;
/** Clocks of a fleet differ. */
const LEEWAY_SECONDS = 60;
const ALGORITHM = 'ES256';

/** Refresh tokens have an audience of their own, so that none passes for an access token. */
const REFRESH_AUDIENCE_SUFFIX = '#refresh';

export interface OwnTokensOptions {
  /** The `service` of challenges, and audience of tokens. */
  readonly service: string;
  /** Who signs: this node. */
  readonly issuer: string;
}

export class OwnTokens {
  readonly #clock: Clock;
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #kid: string;
  readonly #options: OwnTokensOptions;

  private constructor(deps: { readonly clock: Clock }, key: KeyObject, options: OwnTokensOptions & { kid: string }) {
    this.#clock = deps.clock;
    this.#privateKey = key;
    this.#publicKey = createPublicKey(key);
    this.#kid = options.kid;
    this.#options = options;
  }

  /** Reads the key of this node, or makes it. @param options.keyPath a file that its owner alone may read. */
  static async open(
    deps: { readonly clock: Clock; readonly log: Logger },
    options: OwnTokensOptions & { readonly keyPath: string },
  ): Promise<OwnTokens> {
    const pem = (await readPrivateFile(options.keyPath, deps.log)) ?? (await makeKey(options.keyPath, deps.log));
    const key = createPrivateKey(pem);
    const kid = await calculateJwkThumbprint(await exportJWK(createPublicKey(key)));
    return new OwnTokens(deps, key, { ...options, kid });
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

  /** @returns undefined for a token that is not one of ours, or not good now. */
  async verifyAccess(token: string): Promise<(TokenClaims & { readonly version: string | undefined }) | undefined> {
    const payload = await this.#verify(token, this.#options.service);
    if (payload === undefined) return undefined;
    const { sub = '', exp = 0, access, ver } = payload;
    const version = typeof ver === 'string' ? ver : undefined;
    return { subject: sub, access: parseAccessClaim(access), expiresAt: exp, version };
  }

  /** The account that a refresh token was given to; undefined for one that is not good. */
  async verifyRefresh(token: string): Promise<Account | undefined> {
    const payload = await this.#verify(token, this.#options.service + REFRESH_AUDIENCE_SUFFIX);
    if (payload?.sub === undefined || typeof payload['ver'] !== 'string') return undefined;
    return { name: payload.sub, version: payload['ver'] };
  }

  #sign(
    claims: Record<string, unknown>,
    about: { readonly subject: string; readonly audience: string; readonly seconds: number },
  ): Promise<string> {
    const nowSeconds = Math.floor(this.#clock.wallMs() / 1000);
    return new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid: this.#kid })
      .setIssuer(this.#options.issuer)
      .setSubject(about.subject)
      .setAudience(about.audience)
      .setIssuedAt(nowSeconds)
      .setNotBefore(nowSeconds)
      .setExpirationTime(nowSeconds + about.seconds)
      .setJti(randomUUID())
      .sign(this.#privateKey);
  }

  async #verify(
    token: string,
    audience: string,
  ): Promise<(Record<string, unknown> & { sub?: string; exp?: number }) | undefined> {
    try {
      const { payload } = await jwtVerify(token, this.#publicKey, {
        algorithms: [ALGORITHM],
        issuer: this.#options.issuer,
        audience,
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(this.#clock.wallMs()),
        requiredClaims: ['exp', 'sub'],
      });
      return payload;
    } catch {
      return undefined; // whatever is wrong with it, the answer is the same: get another one
    }
  }
}

async function makeKey(path: string, log: Logger): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  if (await createPrivateFile(path, pem)) return pem;
  return (await readPrivateFile(path, log)) ?? pem;
}

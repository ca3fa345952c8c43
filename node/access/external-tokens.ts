// Tokens of an issuer that is not ours: checked against keys that the operator configured, and no others.
//
// A key that a token brings along (`jwk`) is never used. A certificate that it brings along (`x5c`) counts when it leads, step by
// step, to one of the operator's (distribution's token specification; the hole of trusting a brought key by its id is CVE-2025-24976).

import { createHash, X509Certificate, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { calculateJwkThumbprint, exportJWK, importJWK, jwtVerify, type JWK, type JWTHeaderParameters } from 'jose';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { parseAccessClaim, type TokenClaims } from './token-claims.ts';

/** Tokens count for so long before and after their time, no longer: clocks differ. The reference registry's value. */
const LEEWAY_SECONDS = 60;
/** Certificates in `x5c`, a longer chain is refused. */
const MAX_CHAIN = 5;

type VerifyKey = KeyObject | Awaited<ReturnType<typeof importJWK>>;

export interface ExternalTokensOptions {
  readonly issuer: string;
  /** The audience of tokens. */
  readonly service: string;
  /** PEM file with certificates; undefined when only `jwks` is given. */
  readonly rootCertBundle?: string | undefined;
  /** File with a JSON Web Key Set. */
  readonly jwks?: string | undefined;
  readonly algorithms: readonly string[];
}

export class ExternalTokens {
  readonly #clock: Clock;
  readonly #options: ExternalTokensOptions;
  readonly #roots: readonly X509Certificate[];
  readonly #keys: ReadonlyMap<string, VerifyKey>;

  private constructor(
    deps: { readonly clock: Clock },
    options: ExternalTokensOptions,
    trust: { readonly roots: readonly X509Certificate[]; readonly keys: ReadonlyMap<string, VerifyKey> },
  ) {
    this.#clock = deps.clock;
    this.#options = options;
    this.#roots = trust.roots;
    this.#keys = trust.keys;
  }

  /** @throws {AppError} `config_invalid` when a file cannot be read, or no key is in any. */
  static async open(deps: { readonly clock: Clock }, options: ExternalTokensOptions): Promise<ExternalTokens> {
    const roots = options.rootCertBundle === undefined ? [] : await readBundle(options.rootCertBundle);
    const keys = new Map<string, VerifyKey>();
    for (const root of roots) {
      for (const id of await keyIds(root.publicKey)) keys.set(id, root.publicKey);
    }
    if (options.jwks !== undefined) {
      for (const key of await readKeySet(options.jwks))
        keys.set(key.kid ?? (await calculateJwkThumbprint(key)), await importJWK(key));
    }
    if (keys.size === 0)
      throw new AppError(
        'config_invalid',
        'tokens can be checked against no key: give a root certificate bundle or a key set',
      );
    return new ExternalTokens(deps, options, { roots, keys });
  }

  /** @returns undefined for a token that is not good, for whatever reason. */
  async verify(token: string): Promise<TokenClaims | undefined> {
    const { issuer, service, algorithms } = this.#options;
    try {
      const { payload } = await jwtVerify(token, (header) => this.#keyOf(header), {
        algorithms: [...algorithms],
        issuer,
        audience: service,
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(this.#clock.wallMs()),
        requiredClaims: ['exp'],
      });
      return { subject: payload.sub ?? '', access: parseAccessClaim(payload['access']), expiresAt: payload.exp ?? 0 };
    } catch {
      return undefined; // whatever is wrong with it, the answer is the same: get another one
    }
  }

  #keyOf(header: JWTHeaderParameters): VerifyKey {
    const known = header.kid === undefined ? undefined : this.#keys.get(header.kid);
    if (known !== undefined) return known;
    if (header.x5c !== undefined) return this.#keyOfChain(header.x5c);
    throw new Error('the token is signed with a key that nobody here trusts');
  }

  #keyOfChain(chain: readonly string[]): KeyObject {
    if (chain.length === 0 || chain.length > MAX_CHAIN) throw new Error('the certificate chain has a wrong length');
    const certificates = chain.map((text) => new X509Certificate(Buffer.from(text, 'base64')));
    const [leaf] = certificates;
    if (leaf === undefined) throw new Error('the certificate chain is empty');
    for (let index = 0; index < certificates.length; index += 1) {
      const certificate = certificates[index] as X509Certificate;
      if (!this.#isInTime(certificate)) throw new Error('a certificate of the chain is out of its time');
      if (this.#roots.some((root) => isIssuedBy(certificate, root) || certificate.raw.equals(root.raw)))
        return leaf.publicKey;
      const issuer = certificates[index + 1];
      if (issuer === undefined || !issuer.ca || !isIssuedBy(certificate, issuer)) break;
    }
    throw new Error('the certificate chain does not lead to a trusted certificate');
  }

  #isInTime(certificate: X509Certificate): boolean {
    const nowMs = this.#clock.wallMs();
    return Date.parse(certificate.validFrom) <= nowMs && nowMs <= Date.parse(certificate.validTo);
  }
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** Both ways to name a key: the thumbprint of RFC 7638, and the older one of libtrust in groups of four letters. */
async function keyIds(key: KeyObject): Promise<readonly string[]> {
  const hash = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 30);
  const groups = base32(hash).match(/.{4}/g) ?? [];
  return [await calculateJwkThumbprint(await exportJWK(key)), groups.join(':')];
}

const BASE32_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648, for a length that needs no padding. */
function base32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32_ALPHABET[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return text;
}

async function readBundle(path: string): Promise<X509Certificate[]> {
  const text = await read(path, 'the root certificate bundle');
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw new AppError('config_invalid', `a certificate in ${path} cannot be read`, { cause });
  }
}

async function readKeySet(path: string): Promise<JWK[]> {
  const text = await read(path, 'the key set');
  try {
    const value: unknown = JSON.parse(text);
    const keys: unknown = typeof value === 'object' && value !== null && 'keys' in value ? value.keys : undefined;
    if (!Array.isArray(keys)) throw new Error('it has no list of keys');
    return keys as JWK[]; // each is checked by what imports it
  } catch (cause) {
    throw new AppError('config_invalid', `${path} is not a JSON Web Key Set`, { cause });
  }
}

async function read(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('config_invalid', `cannot read ${what}: ${cause instanceof Error ? cause.message : 'unknown'}`, {
      cause,
    });
  }
}

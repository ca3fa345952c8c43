// Who may sign tokens: every node of the fleet, by the key of its own certificate, which goes along with the token. So a token
// counts at every node, nothing secret is shared, and a node that is removed signs nothing that counts any more.

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { identityOf } from '../../shared/identity/certificate-names.ts';
import type { TlsMaterial } from '../../shared/identity/tls-material.ts';

/** Certificates that were checked, the oldest goes first: clients of one node get tokens from few others. */
const MAX_KNOWN = 256;
/** Longest certificate in base64 that is looked at; ours have less than 1 KiB. */
const MAX_CERTIFICATE_CHARS = 4096;
/** Clocks of a fleet differ. */
const LEEWAY_MS = 60_000;

/** A node that may have signed. */
interface KnownSigner {
  readonly nodeId: string;
  readonly publicKey: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface TokenSignersDeps {
  readonly identity: { readonly nodeId: string; readonly fleetId: string; tls(): TlsMaterial };
  /** Whether a node was removed from the fleet. */
  readonly isRemoved: (nodeId: string) => boolean;
}

export class TokenSigners {
  readonly #deps: TokenSignersDeps;
  readonly #known = new Map<string, KnownSigner>();
  #own: { readonly cert: string; readonly key: KeyObject; readonly x5c: string } | undefined;

  constructor(deps: TokenSignersDeps) {
    this.#deps = deps;
  }

  /** Stands in tokens as who gave them out. */
  get fleetId(): string {
    return this.#deps.identity.fleetId;
  }

  /** The key of this node as of now, and its certificate as tokens carry it (RFC 7515, 4.1.6). */
  own(): { readonly key: KeyObject; readonly x5c: readonly string[]; readonly nodeId: string } {
    const { identity } = this.#deps;
    const { cert, key } = identity.tls();
    if (this.#own?.cert !== cert) {
      this.#own = { cert, key: createPrivateKey(key), x5c: new X509Certificate(cert).raw.toString('base64') };
    }
    return { key: this.#own.key, x5c: [this.#own.x5c], nodeId: identity.nodeId };
  }

  /**
   * The key of the certificate that a token brought along.
   * @throws {Error} when it is not one of a node of this fleet, whatever its time: `isInTime` says that.
   */
  keyOf(x5c: readonly string[] | undefined): KeyObject {
    const { publicKey, nodeId } = this.#signerOf(x5c);
    if (this.#deps.isRemoved(nodeId)) throw new Error('signed by a node that was removed');
    return publicKey;
  }

  /** Whether the certificate was good when the token was signed. */
  isInTime(x5c: readonly string[] | undefined, signedAtMs: number): boolean {
    const { notBeforeMs, notAfterMs } = this.#signerOf(x5c);
    return notBeforeMs - LEEWAY_MS <= signedAtMs && signedAtMs <= notAfterMs + LEEWAY_MS;
  }

  #signerOf(x5c: readonly string[] | undefined): KnownSigner {
    const [text, ...others] = x5c ?? [];
    if (text === undefined || others.length > 0 || text.length > MAX_CERTIFICATE_CHARS)
      throw new Error('the token brings no certificate of a node along');
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const signer = this.#check(new X509Certificate(Buffer.from(text, 'base64')));
    this.#known.set(text, signer);
    const oldest = this.#known.size > MAX_KNOWN ? this.#known.keys().next().value : undefined;
    if (oldest !== undefined) this.#known.delete(oldest);
    return signer;
  }

  #check(certificate: X509Certificate): KnownSigner {
    const { identity } = this.#deps;
    const authority = new X509Certificate(identity.tls().ca);
    if (!certificate.checkIssued(authority) || !certificate.verify(authority.publicKey))
      throw new Error('the certificate is not of the authority of this fleet');
    const found = identityOf(certificate);
    if (found?.role !== 'node' || found.fleetId !== identity.fleetId) throw new Error('that is no node of this fleet');
    return {
      nodeId: found.id,
      publicKey: certificate.publicKey,
      notBeforeMs: Date.parse(certificate.validFrom),
      notAfterMs: Date.parse(certificate.validTo),
    };
  }
}

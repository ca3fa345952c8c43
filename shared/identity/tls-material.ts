// What a member of a fleet shows and trusts in TLS.

/** PEM texts, ready for node:tls. */
export interface TlsMaterial {
  /** The member's certificate; the coordinator's has the authority's after it, so that a joining host can see it. */
  readonly cert: string;
  /** Private key, PKCS #8. */
  readonly key: string;
  /** The fleet's authority: the only one to trust. */
  readonly ca: string;
}

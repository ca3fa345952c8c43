// Signatures of tokens from elsewhere.

/** Those that count unless fewer are asked for; symmetric and missing signatures are not among them (RFC 7518, 8037). */
export const SIGNING_ALGORITHMS: readonly string[] = [
  'EdDSA',
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
];

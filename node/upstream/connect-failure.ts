// Why a connection to another registry did not come to be, in words that say what to do where somebody can do something.

/** Codes of OpenSSL and Node when what should be a TLS record is not one. */
const NOT_TLS = new Set(['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']);
/** Codes of a certificate that leads to no authority that this host trusts. */
const NOT_TRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** @returns for the brackets behind "cannot be reached": `ECONNREFUSED`, `CERT_HAS_EXPIRED`, with advice for the commonest errors of people. */
export function connectFailure(error: unknown): string {
  const code = codeOf(error);
  if (NOT_TLS.has(code)) return `${code}: what answers there speaks no TLS; if it is plain HTTP, write http://`;
  if (NOT_TRUSTED.has(code))
    return `${code}: nobody whom this host trusts vouches for its certificate; name that authority by \`authority\`, a PEM file`;
  return code;
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.message.slice(0, 100) : 'unknown';
}

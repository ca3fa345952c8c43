// The only place where our failures become OCI failures: code, status and body (distribution-spec v1.1, "Error Codes").
// The code of a 4xx is one of the specification's, or of the reference registry's where that has more; bodies of 5xx are free, and the two words used there are known to clients.

import { AppError, type ErrorCode } from '../../shared/runtime/errors.ts';
import { jsonAnswer, type Answer } from './answer.ts';

interface OciFailure {
  readonly oci: string;
  readonly status: number;
}

/** Seconds after which a client may try again when the failure itself names none. */
const DEFAULT_RETRY_AFTER_SECONDS = 5;
/** Missing digests named in a message; the rest is counted. */
const MAX_NAMED_DIGESTS = 3;

const OCI: Readonly<Record<ErrorCode, OciFailure>> = {
  blob_unknown: { oci: 'BLOB_UNKNOWN', status: 404 },
  manifest_unknown: { oci: 'MANIFEST_UNKNOWN', status: 404 },
  repository_unknown: { oci: 'NAME_UNKNOWN', status: 404 },
  upload_unknown: { oci: 'BLOB_UPLOAD_UNKNOWN', status: 404 },
  upload_out_of_order: { oci: 'BLOB_UPLOAD_INVALID', status: 416 },
  upload_invalid: { oci: 'BLOB_UPLOAD_INVALID', status: 400 },
  digest_invalid: { oci: 'DIGEST_INVALID', status: 400 },
  digest_mismatch: { oci: 'DIGEST_INVALID', status: 400 },
  name_invalid: { oci: 'NAME_INVALID', status: 400 },
  manifest_invalid: { oci: 'MANIFEST_INVALID', status: 400 },
  manifest_too_large: { oci: 'MANIFEST_INVALID', status: 413 },
  manifest_content_missing: { oci: 'MANIFEST_BLOB_UNKNOWN', status: 400 },
  too_many_tags: { oci: 'MANIFEST_INVALID', status: 414 },
  size_mismatch: { oci: 'SIZE_INVALID', status: 400 },
  page_too_large: { oci: 'PAGINATION_NUMBER_INVALID', status: 400 },
  range_invalid: { oci: 'BLOB_UPLOAD_INVALID', status: 416 },
  precondition_failed: { oci: 'DENIED', status: 412 },
  access_denied: { oci: 'DENIED', status: 403 },
  credentials_required: { oci: 'UNAUTHORIZED', status: 401 },
  too_many_requests: { oci: 'TOOMANYREQUESTS', status: 429 },
  not_supported: { oci: 'UNSUPPORTED', status: 404 },
  method_not_allowed: { oci: 'UNSUPPORTED', status: 405 },
  message_invalid: { oci: 'UNSUPPORTED', status: 400 },
  not_enough_space: { oci: 'UNAVAILABLE', status: 507 },
  not_enough_copies: { oci: 'UNAVAILABLE', status: 503 },
  coordinator_unreachable: { oci: 'UNAVAILABLE', status: 503 },
  node_unreachable: { oci: 'UNAVAILABLE', status: 503 },
  upstream_unavailable: { oci: 'UNAVAILABLE', status: 503 },
  upstream_refused: { oci: 'DENIED', status: 403 },
  stale_tag_refused: { oci: 'UNAVAILABLE', status: 503 },
  blob_unavailable: { oci: 'UNAVAILABLE', status: 503 },
  unhealthy: { oci: 'UNAVAILABLE', status: 503 },
  shutting_down: { oci: 'UNAVAILABLE', status: 503 },
  timed_out: { oci: 'UNAVAILABLE', status: 503 },
  protocol_mismatch: { oci: 'UNAVAILABLE', status: 503 },
  identity_refused: { oci: 'UNAVAILABLE', status: 503 },
  join_refused: { oci: 'UNAVAILABLE', status: 503 },
  config_invalid: { oci: 'UNKNOWN', status: 500 },
};

/** The answer for anything thrown. What is not an AppError is a bug and says nothing about itself. */
export function errorAnswer(error: unknown): Answer {
  if (!(error instanceof AppError)) {
    return jsonAnswer(500, { errors: [{ code: 'UNKNOWN', message: 'internal error' }] });
  }
  const { oci, status } = OCI[error.code];
  return jsonAnswer(status, { errors: errorEntries(error, oci) }, ...errorHeaders(error, status));
}

/** An answer for a client that was too slow with its body, or whose request is not HTTP. */
export function plainErrorAnswer(status: 400 | 408 | 431, message: string): Answer {
  return jsonAnswer(status, { errors: [{ code: 'UNSUPPORTED', message }] }, 'Connection', 'close');
}

function errorEntries(error: AppError, code: string): readonly object[] {
  const digests = digestsOf(error);
  if (error.code === 'manifest_content_missing' && digests.length > 0) {
    return digests.map((digest) => ({ code, message: 'the repository does not have it', detail: { digest } }));
  }
  const { challenge: _challenge, ...detail } = error.detail;
  const message = error.code === 'not_enough_copies' ? namingDigests(error.message, digests) : error.message;
  return [Object.keys(detail).length === 0 ? { code, message } : { code, message, detail }];
}

function errorHeaders(error: AppError, status: number): string[] {
  const { allow, challenge, retryAfterSeconds } = error.detail;
  if (status === 405 && typeof allow === 'string') return ['Allow', allow];
  if (status === 401 && typeof challenge === 'string') return ['WWW-Authenticate', challenge];
  if (status !== 503 && status !== 429) return [];
  const seconds = typeof retryAfterSeconds === 'number' ? Math.ceil(retryAfterSeconds) : DEFAULT_RETRY_AFTER_SECONDS;
  return ['Retry-After', String(seconds)];
}

function digestsOf(error: AppError): readonly string[] {
  const { digests } = error.detail;
  return typeof digests === 'object' ? digests : [];
}

function namingDigests(message: string, digests: readonly string[]): string {
  if (digests.length === 0) return message;
  const named = digests.slice(0, MAX_NAMED_DIGESTS).join(', ');
  const rest = digests.length - MAX_NAMED_DIGESTS;
  return `${message}: ${named}${rest > 0 ? ` and ${rest} more` : ''}`;
}

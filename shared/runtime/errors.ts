// The expected failures of the whole program, one code each. Anything else that is thrown is a bug.

export const ERROR_CODES = [
  'blob_unknown',
  'manifest_unknown',
  'repository_unknown',
  'upload_unknown',
  'upload_out_of_order',
  'upload_invalid',
  'digest_invalid',
  'digest_mismatch',
  'name_invalid',
  'manifest_invalid',
  'manifest_too_large',
  'manifest_content_missing',
  'too_many_tags',
  'size_mismatch',
  'page_too_large',
  'range_invalid',
  'precondition_failed',
  'access_denied',
  'credentials_required',
  'too_many_requests',
  'not_supported',
  'method_not_allowed',
  'not_enough_copies',
  'not_enough_space',
  'coordinator_unreachable',
  'node_unreachable',
  'upstream_unavailable',
  'upstream_refused',
  'stale_tag_refused',
  'blob_unavailable',
  'message_invalid',
  'protocol_mismatch',
  'identity_refused',
  'join_refused',
  'config_invalid',
  'shutting_down',
  'unhealthy',
  'timed_out',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** Facts for logs and for the OCI `detail` field. Never secrets, never whole bodies. */
export type ErrorDetail = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** An expected failure. Anything else that is thrown is a bug and ends as a 500. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly detail?: ErrorDetail } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.detail = options.detail ?? {};
  }
}

/** True when `error` is an expected failure with one of `codes` (any code when none is given). */
export function isAppError(error: unknown, ...codes: readonly ErrorCode[]): error is AppError {
  return error instanceof AppError && (codes.length === 0 || codes.includes(error.code));
}

/** Ends in a thrown bug report when a rule of our own is broken. */
export function invariant(holds: unknown, rule: string): asserts holds {
  if (holds) return;
  throw new Error(`broken invariant: ${rule}`);
}

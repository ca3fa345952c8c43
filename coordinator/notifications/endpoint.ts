// Who is told of changes, as the settings have it: checked once at start, and which changes each wants.

import { validateHeaderName, validateHeaderValue } from 'node:http';
import Type, { type Static } from 'typebox';
import { AppError } from '../../shared/runtime/errors.ts';
import type { ChangeAction } from '../changes/registry-change.ts';

/** Endpoints at most; more are refused at start. Each event is written once for each of them. */
const MAX_ENDPOINTS = 20;
/** What one attempt may take when the endpoint does not say. The original's second is little for a receiver across the internet. */
const DEFAULT_TIMEOUT_MS = 5_000;
/** Failures in a row after which an endpoint gets a pause, when it does not say; the value of the reference registry. */
const DEFAULT_THRESHOLD = 10;
/** The first such pause, when the endpoint does not say; the value of the reference registry. */
const DEFAULT_BACKOFF_MS = 1_000;

const Action = Type.Union([Type.Literal('push'), Type.Literal('pull'), Type.Literal('mount'), Type.Literal('delete')]);
const Text = Type.String({ minLength: 1, maxLength: 4096 });

/** One endpoint as the settings have it. */
const WantedEndpoint = Type.Object(
  {
    name: Type.String({ pattern: '^[\\w][\\w .-]{0,62}$' }),
    url: Text,
    disabled: Type.Optional(Type.Boolean()),
    /** Secret, as they hold tokens. */
    headers: Type.Optional(Type.Record(Type.String(), Type.Array(Type.String({ maxLength: 8192 }), { maxItems: 20 }))),
    timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 600_000 })),
    threshold: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    backoffMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_600_000 })),
    ignoredMediaTypes: Type.Optional(Type.Array(Text, { maxItems: 100 })),
    ignoredActions: Type.Optional(Type.Array(Action, { maxItems: 4 })),
    /** Signs what is sent to this one. */
    secret: Type.Optional(Text),
  },
  { additionalProperties: false },
);
export const WantedEndpoints = Type.Array(WantedEndpoint, { maxItems: MAX_ENDPOINTS });
export type WantedEndpoint = Readonly<Static<typeof WantedEndpoint>>;

/** Where events go. */
export interface Endpoint {
  readonly name: string;
  /** May hold secrets in its path and query: never logged, never shown. */
  readonly url: URL;
  /** Names in lower case. Secret. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly secret: string | undefined;
  readonly timeoutMs: number;
  readonly threshold: number;
  readonly backoffMs: number;
  readonly ignoredMediaTypes: ReadonlySet<string>;
  readonly ignoredActions: ReadonlySet<ChangeAction>;
}

/** Headers that are ours to say. */
const OWN_HEADERS = ['content-type', 'content-length', 'host', 'connection', 'transfer-encoding'];

/**
 * The endpoints that are not disabled.
 * @param options.secret signs for those that have none of their own.
 * @throws {AppError} `config_invalid` naming the endpoint, never a value that may be secret.
 */
export function openEndpoints(
  wanted: readonly WantedEndpoint[],
  options: { readonly secret: string | undefined },
): readonly Endpoint[] {
  const names = new Set<string>();
  for (const { name } of wanted) {
    if (names.has(name)) throw problem(name, 'there are two of this name; each needs its own');
    names.add(name);
  }
  return wanted.filter(({ disabled }) => disabled !== true).map((each) => openEndpoint(each, options));
}

function openEndpoint(wanted: WantedEndpoint, options: { readonly secret: string | undefined }): Endpoint {
  const { name } = wanted;
  const secret = wanted.secret ?? options.secret;
  const url = URL.canParse(wanted.url) ? new URL(wanted.url) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw problem(name, 'its url is not like https://receiver.example/events');
  if (secret?.startsWith('whsec_') === true && !/^whsec_[A-Za-z0-9+/]+={0,2}$/.test(secret))
    throw problem(name, 'its secret begins with whsec_, and base64 must follow');
  return {
    name,
    url,
    headers: checkedHeaders(name, wanted.headers ?? {}),
    secret,
    timeoutMs: wanted.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    threshold: wanted.threshold ?? DEFAULT_THRESHOLD,
    backoffMs: wanted.backoffMs ?? DEFAULT_BACKOFF_MS,
    ignoredMediaTypes: new Set(wanted.ignoredMediaTypes),
    ignoredActions: new Set(wanted.ignoredActions),
  };
}

function checkedHeaders(
  endpoint: string,
  given: Readonly<Record<string, readonly string[]>>,
): Readonly<Record<string, readonly string[]>> {
  const headers: Record<string, readonly string[]> = {};
  for (const [header, values] of Object.entries(given)) {
    const name = header.toLowerCase();
    const isOurs = OWN_HEADERS.includes(name) || name.startsWith('webhook-');
    if (isOurs) throw problem(endpoint, `the header ${header.slice(0, 80)} is set by Shoal itself; take it out`);
    try {
      validateHeaderName(header);
      for (const value of values) validateHeaderValue(header, value);
    } catch {
      // The reason quotes the value, which may be a token.
      throw problem(endpoint, `the header ${header.slice(0, 80)} has a name or a value that HTTP does not allow`);
    }
    headers[name] = values;
  }
  return headers;
}

function problem(name: string, text: string): AppError {
  return new AppError('config_invalid', `notifications.endpoints: ${name}: ${text}`);
}

/** Whether an endpoint is told: media type and action must both be wanted. What was deleted has no media type. */
export function wantsEvent(
  { ignoredActions, ignoredMediaTypes }: Pick<Endpoint, 'ignoredActions' | 'ignoredMediaTypes'>,
  { action, mediaType }: { readonly action: ChangeAction; readonly mediaType?: string | undefined },
): boolean {
  return !ignoredActions.has(action) && (mediaType === undefined || !ignoredMediaTypes.has(mediaType));
}

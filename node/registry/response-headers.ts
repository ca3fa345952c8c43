// Headers that the operator wants on every answer.

import { validateHeaderName, validateHeaderValue } from 'node:http';
import { AppError } from '../../shared/runtime/errors.ts';

const ALLOW_ORIGIN = 'access-control-allow-origin';
/** Browsers must not take a layer for a page. An operator may say otherwise. */
const NO_SNIFF: readonly [string, string] = ['X-Content-Type-Options', 'nosniff'];
/** Headers that frame a message or belong to an answer; one that is set for all would break some. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'date',
  'docker-content-digest',
  'keep-alive',
  'location',
  'range',
  'transfer-encoding',
  'upgrade',
  'www-authenticate',
]);

/** Names and values in turn, as they are written out. */
export class ResponseHeaders {
  readonly #always: readonly string[];
  /** Pages that may read answers, when there are several: a browser takes one alone. */
  readonly #origins: ReadonlyMap<string, readonly string[]>;
  readonly #forOthers: readonly string[];

  /** @param headers by name, each with its values. @throws {AppError} `config_invalid` */
  constructor(headers: Readonly<Record<string, readonly string[]>>) {
    const always: string[] = [];
    let origins: readonly string[] = [];
    for (const [name, values] of Object.entries(headers)) {
      checkHeader(name, values);
      if (name.toLowerCase() === ALLOW_ORIGIN && values.length > 1) origins = values;
      else for (const value of values) always.push(name, value);
    }
    const isSet = Object.keys(headers).some((name) => name.toLowerCase() === NO_SNIFF[0].toLowerCase());
    this.#always = isSet ? always : [...always, ...NO_SNIFF];
    this.#origins = new Map(
      origins.map((origin) => [origin, [...this.#always, 'Access-Control-Allow-Origin', origin, 'Vary', 'Origin']]),
    );
    this.#forOthers = origins.length === 0 ? this.#always : [...this.#always, 'Vary', 'Origin'];
  }

  /** @param origin the request's `Origin`. */
  for(origin: string | undefined): readonly string[] {
    return (origin === undefined ? undefined : this.#origins.get(origin)) ?? this.#forOthers;
  }
}

function checkHeader(name: string, values: readonly string[]): void {
  if (OWN_HEADERS.has(name.toLowerCase())) {
    throw new AppError('config_invalid', `registry.headers: ${name} belongs to each answer and cannot be set for all`);
  }
  try {
    validateHeaderName(name);
    for (const value of values) validateHeaderValue(name, value);
  } catch (cause) {
    throw new AppError(
      'config_invalid',
      `registry.headers: ${JSON.stringify(name.slice(0, 80))} is no header that HTTP allows`,
      {
        cause,
      },
    );
  }
}

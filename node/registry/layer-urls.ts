// Which URLs the layers of a pushed manifest may name. They are never fetched here, but clients do fetch them, some with
// credentials that were meant for us. Pure.
//
// Patterns are those regular expressions of which matching takes no more time than reading: a fixed beginning, in which
// `https?`, escaped characters and `([^/]+\.)*` (any host below a domain) stand for what they mean.

import { AppError } from '../../shared/runtime/errors.ts';

export interface LayerUrlOptions {
  /** `any`: whatever a layer names; `listed`: what is allowed and not denied. */
  readonly layerUrls: 'any' | 'listed';
  readonly allowedLayerUrls: readonly string[];
  readonly deniedLayerUrls: readonly string[];
}

/** Longest URL that may be listed; a longer one is refused. */
const MAX_URL_CHARS = 2048;
const SUBDOMAINS = '([^/]+\\.)*';

interface UrlPattern {
  readonly schemes: readonly string[];
  readonly hasSubdomains: boolean;
  /** Of host and path. */
  readonly rest: string;
  readonly isWhole: boolean;
}

/** The rules of one registry. */
export class LayerUrls {
  readonly #isAny: boolean;
  readonly #allowed: readonly UrlPattern[];
  readonly #denied: readonly UrlPattern[];

  /** @throws {AppError} `config_invalid` naming a pattern that is not one of ours. */
  constructor(options: LayerUrlOptions) {
    this.#isAny = options.layerUrls === 'any';
    this.#allowed = options.allowedLayerUrls.map((text) => parsePattern(text, 'registry.allowedLayerUrls'));
    this.#denied = options.deniedLayerUrls.map((text) => parsePattern(text, 'registry.deniedLayerUrls'));
  }

  /** @throws {AppError} `manifest_invalid` for the first URL that may not be. */
  check(urls: readonly string[]): void {
    if (this.#isAny) return;
    for (const url of urls) {
      const isAllowed = url.length <= MAX_URL_CHARS && this.#allowed.some((pattern) => matches(pattern, url));
      if (isAllowed && !this.#denied.some((pattern) => matches(pattern, url))) continue;
      throw new AppError('manifest_invalid', 'a layer names a URL that this registry does not allow', {
        detail: { url: url.slice(0, 160) },
      });
    }
  }
}

function parsePattern(text: string, setting: string): UrlPattern {
  const [, scheme, subdomains, body, end] =
    /^\^(https\?|https|http):\/\/(\(\[\^\/\]\+\\\.\)\*)?((?:\\[./-]|[A-Za-z0-9/_~:%@-])*)(\$|\.\*\$?)?$/.exec(text) ??
    [];
  if (scheme === undefined || body === undefined || text.length > MAX_URL_CHARS) {
    throw new AppError(
      'config_invalid',
      `${setting}: "${text.slice(0, 120)}" is not a pattern like ^https?://${SUBDOMAINS}example\\.com/`,
    );
  }
  return {
    schemes: scheme === 'https?' ? ['http://', 'https://'] : [`${scheme}://`],
    hasSubdomains: subdomains !== undefined,
    rest: body.replaceAll('\\', ''),
    isWhole: end === '$',
  };
}

function matches({ schemes, hasSubdomains, rest, isWhole }: UrlPattern, url: string): boolean {
  const scheme = schemes.find((each) => url.startsWith(each));
  if (scheme === undefined) return false;
  const fits = (text: string): boolean => (isWhole ? text === rest : text.startsWith(rest));
  const place = url.slice(scheme.length);
  if (fits(place)) return true;
  if (!hasSubdomains) return false;
  const host = place.split('/', 1)[0] ?? '';
  for (let dot = host.indexOf('.'); dot > 0; dot = host.indexOf('.', dot + 1)) {
    if (fits(place.slice(dot + 1))) return true;
  }
  return false;
}

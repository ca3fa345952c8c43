// Query strings of the registry API. No legal value holds a space, so `+` stays a plus: media types are full of them.

/** The parameters of one request, decoded; a name may come several times. */
export class Query {
  readonly #values = new Map<string, string[]>();

  /** @param text what stands behind the question mark. Its length is bounded by the header limit. */
  constructor(text: string) {
    if (text === '') return;
    for (const pair of text.split('&')) {
      const equals = pair.indexOf('=');
      const name = decode(equals < 0 ? pair : pair.slice(0, equals));
      const value = equals < 0 ? '' : decode(pair.slice(equals + 1));
      const values = this.#values.get(name);
      if (values === undefined) this.#values.set(name, [value]);
      else values.push(value);
    }
  }

  /** The first value; undefined when the parameter is absent. */
  first(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  /** Every value in the order of the request. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // A broken escape stays as it is; the percent sign then fails every grammar.
    return text;
  }
}

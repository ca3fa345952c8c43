// The values of a configuration that was checked against the table, read by key.

type RegistryValue = string | number | boolean | readonly string[] | ReadonlyMap<string, readonly string[]>;

/** A value, and where it came from. */
export interface PlacedValue {
  readonly value: RegistryValue;
  /** `REGISTRY_HTTP_ADDR`, `http.addr in config.yml` */
  readonly source: string;
}

/** Keys are those of the table; one of another kind than what is asked for is as good as absent. */
export class RegistryValues {
  readonly #values: ReadonlyMap<string, PlacedValue>;
  readonly #prefix: string;

  /** @param values by path, `health.http[0].uri` for items. */
  constructor(values: ReadonlyMap<string, PlacedValue>, prefix = '') {
    this.#values = values;
    this.#prefix = prefix;
  }

  text(key: string): string | undefined {
    const value = this.#at(key);
    return typeof value === 'string' ? value : undefined;
  }

  flag(key: string): boolean | undefined {
    const value = this.#at(key);
    return typeof value === 'boolean' ? value : undefined;
  }

  /** A count, or a duration in milliseconds. */
  number(key: string): number | undefined {
    const value = this.#at(key);
    return typeof value === 'number' ? value : undefined;
  }

  list(key: string): readonly string[] | undefined {
    const value = this.#at(key);
    return Array.isArray(value) ? (value as readonly string[]) : undefined;
  }

  lists(key: string): ReadonlyMap<string, readonly string[]> {
    const value = this.#at(key);
    return value instanceof Map ? (value as ReadonlyMap<string, readonly string[]>) : new Map();
  }

  /** A value of whatever kind. */
  any(key: string): RegistryValue | undefined {
    return this.#at(key);
  }

  /** The items of a list of groups, each with the keys below it. */
  items(key: string): readonly RegistryValues[] {
    const start = `${this.#prefix}${key}[`;
    const indexes = new Set<number>();
    for (const path of this.#values.keys()) {
      if (path.startsWith(start)) indexes.add(Number(path.slice(start.length).split(']')[0]));
    }
    return [...indexes]
      .toSorted((a, b) => a - b)
      .map((index) => new RegistryValues(this.#values, `${start}${index}].`));
  }

  /** True when the key or one below it has a value. */
  has(key: string): boolean {
    const path = `${this.#prefix}${key}`;
    return [...this.#values.keys()].some(
      (each) => each === path || each.startsWith(`${path}.`) || each.startsWith(`${path}[`),
    );
  }

  /** Where a value came from, or the first one below a key; the key itself when there is none. */
  source(key: string): string {
    const path = `${this.#prefix}${key}`;
    const found = [...this.#values].find(
      ([each]) => each === path || each.startsWith(`${path}.`) || each.startsWith(`${path}[`),
    );
    return found?.[1].source ?? path;
  }

  #at(key: string): RegistryValue | undefined {
    return this.#values.get(`${this.#prefix}${key}`)?.value;
  }
}

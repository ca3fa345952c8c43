// What a key of a registry configuration is: its shape, and what becomes of it here. The table of all keys is made of these.

/** How a value is written. Scalars are read as what the key wants, so `0123` may be a password and `yes` a truth. */
export type KeyKind =
  | 'text'
  /** `true`, `false`, and what YAML 1.1 takes for them. */
  | 'switch'
  | 'count'
  /** As Go writes them: `10s`, `1h30m`, or a number of nanoseconds. */
  | 'duration'
  | 'list'
  /** Names, each with a list: headers. */
  | 'lists'
  /** The keys below it are names of which one is chosen; a word alone stands for it with nothing set below. */
  | 'choice'
  /** Anything: what nobody here looks into. */
  | 'any';

/** What becomes of a key. */
export type Treatment =
  /** It is this setting of ours, as it stands. */
  | { readonly type: 'setting'; readonly setting: string }
  /** The section makes these settings of it. */
  | { readonly type: 'mapped'; readonly settings: readonly string[] }
  /** Accepted, told once, and without effect. */
  | { readonly type: 'ignored' }
  /** An error that says what to do instead. */
  | { readonly type: 'refused' };

/** One key of the original's configuration. */
export interface RegistryKey {
  /** With dots; `[]` behind a name stands for the items of a list: `health.http[].uri`. */
  readonly key: string;
  readonly kind: KeyKind;
  /** In the original's image, as people write it; for the document. */
  readonly default?: string;
  readonly treatment: Treatment;
  /** What differs from the original, why it has no effect, or what to do instead. Needed unless it is a setting as it stands. */
  readonly about?: string;
  /** Keeps its value out of messages. */
  readonly isSecret?: true;
  /** Of a choice: names below it that are not what is chosen. */
  readonly besides?: readonly string[];
}

/** A setting of ours that a key gave. */
export interface GivenSetting {
  /** Of our own settings: `registry.readOnly`. */
  readonly key: string;
  readonly raw: unknown;
  /** For messages: `REGISTRY_HTTP_ADDR`, `http.addr in /etc/docker/registry/config.yml`. */
  readonly source: string;
}

/** A key that is one of our settings. */
export function asSetting(
  key: string,
  kind: KeyKind,
  setting: string,
  more: Pick<RegistryKey, 'default' | 'about' | 'isSecret'> = {},
): RegistryKey {
  return { key, kind, treatment: { type: 'setting', setting }, ...more };
}

/** A key of which the section makes settings. */
export function mapped(
  key: string,
  kind: KeyKind,
  settings: readonly string[],
  more: Pick<RegistryKey, 'default' | 'about' | 'isSecret'> = {},
): RegistryKey {
  return { key, kind, treatment: { type: 'mapped', settings }, ...more };
}

/** A key that is accepted and does nothing. @param about why that is right. */
export function ignored(key: string, kind: KeyKind, about: string): RegistryKey {
  return { key, kind, treatment: { type: 'ignored' }, about };
}

/** A key that is an error, with all below it. @param about what to do instead. */
export function refused(key: string, about: string): RegistryKey {
  return { key, kind: 'any', treatment: { type: 'refused' }, about };
}

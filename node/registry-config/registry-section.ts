// One top-level section of a registry configuration: its keys, and what is made of them.

import type { GivenSetting, RegistryKey } from './registry-key.ts';
import type { RegistryValues } from './registry-values.ts';

export interface RegistrySection {
  readonly keys: readonly RegistryKey[];
  /** Names in variables, in capitals, where they are not those of the file: variables go by the names of Go's fields. */
  readonly variableNames?: Readonly<Record<string, string>>;
  /**
   * Settings that need more than one key, or a key in other words.
   * @param problems takes what is wrong, each with the key or variable that it stands in.
   */
  readonly settings?: (values: RegistryValues, problems: string[]) => readonly GivenSetting[];
}

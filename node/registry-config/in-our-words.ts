// Keys whose values are words for which we have others.

import type { GivenSetting } from './registry-key.ts';
import type { RegistryValues } from './registry-values.ts';

/** The setting that a word stands for; a word that is none of those known goes to `problems`. */
export function inOurWords(
  values: RegistryValues,
  wanted: {
    readonly key: string;
    readonly setting: string;
    /** Theirs, in lower case, and ours. */
    readonly words: Readonly<Record<string, string>>;
  },
  problems: string[],
): readonly GivenSetting[] {
  const { key, setting, words } = wanted;
  const text = values.text(key)?.toLowerCase();
  if (text === undefined) return [];
  const source = values.source(key);
  const raw = Object.hasOwn(words, text) ? words[text] : undefined;
  if (raw !== undefined) return [{ key: setting, raw, source }];
  problems.push(`${source}: write one of ${Object.keys(words).join(', ')}`);
  return [];
}

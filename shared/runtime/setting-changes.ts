// What differs between two readings of the same settings. Pure.

import { showSetting } from './setting-value.ts';
import type { Setting, SettingValue } from './settings.ts';

/** One setting that has another value than before, as people write it; values of secrets are not told. */
export interface SettingChange {
  readonly setting: Setting;
  readonly before: string;
  readonly after: string;
}

/** @param before values as they were read before, nested as in the file. */
export function settingChanges(settings: readonly Setting[], before: unknown, after: unknown): SettingChange[] {
  const changes: SettingChange[] = [];
  for (const setting of settings) {
    const old = valueAt(before, setting.path);
    const now = valueAt(after, setting.path);
    if (JSON.stringify(old) === JSON.stringify(now)) continue;
    changes.push({ setting, before: show(setting, old), after: show(setting, now) });
  }
  return changes;
}

function show(setting: Setting, value: unknown): string {
  if (setting.isSecret) return 'a secret';
  return isValue(value) ? showSetting(setting, value) : 'not set';
}

function valueAt(values: unknown, path: readonly string[]): unknown {
  let at = values;
  for (const name of path)
    at = typeof at === 'object' && at !== null ? Object.entries(at).find(([key]) => key === name)?.[1] : undefined;
  return at;
}

function isValue(value: unknown): value is SettingValue {
  return value !== null && ['string', 'number', 'boolean', 'object'].includes(typeof value);
}

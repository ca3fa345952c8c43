// Flags of one command that are no settings: not kept in files, not read from the environment, but checked alike.

import type { Static, TObject } from 'typebox';
import { loadConfig } from '../../shared/runtime/config-loader.ts';
import { showSetting } from '../../shared/runtime/setting-value.ts';
import { settingsOf } from '../../shared/runtime/settings.ts';
import type { Flag, Invocation } from './command.ts';

/** The flags of a schema, for a command's table. */
export function flagsOf(schema: TObject): readonly Flag[] {
  return settingsOf(schema).map((setting) => ({
    name: setting.flag,
    description: setting.description,
    ...(setting.kind === 'switch' ? {} : { placeholder: setting.placeholder }),
    ...(setting.kind === 'switch' || setting.default === undefined
      ? {}
      : { default: showSetting(setting, setting.default) }),
  }));
}

/** Their values. @throws {AppError} `config_invalid` */
export function readOwnFlags<S extends TObject>(schema: S, invocation: Invocation): Promise<Readonly<Static<S>>> {
  return loadConfig(schema, { flags: invocation.flags, environment: {} });
}

// SIGHUP: a service reads its settings again and takes up what may change while it runs.

import type { TObject } from 'typebox';
import { isAppError } from '../../shared/runtime/errors.ts';
import type { Logger } from '../../shared/runtime/log.ts';
import { settingChanges } from '../../shared/runtime/setting-changes.ts';
import { settingsOf } from '../../shared/runtime/settings.ts';

/** Calls `run` for each wish to read the settings again, until the result is called. */
export type OnReload = (run: () => void) => () => void;

export interface ReloadDeps<C> {
  readonly log: Logger;
  readonly onReload: OnReload;
  /** @throws {AppError} `config_invalid` */
  readonly read: () => Promise<C>;
  /** Takes up all settings that are marked as reloadable. */
  readonly apply: (config: C) => void;
}

/** Keeps the settings that are in use when new ones are wrong. Disposing ends it. */
export function reloadSettings<C>(
  deps: ReloadDeps<C>,
  start: { readonly schema: TObject; readonly config: C },
): AsyncDisposable {
  const settings = settingsOf(start.schema);
  let current = start.config;
  let turn: Promise<void> = Promise.resolve(); // one after the other, so that the last wish wins
  const stop = deps.onReload(() => {
    turn = turn.then(async () => {
      current = await reload(deps, { settings, current });
    });
  });
  return {
    [Symbol.asyncDispose]: async () => {
      stop();
      await turn;
    },
  };
}

/** @returns what is in use from now on; never throws. */
async function reload<C>(
  deps: ReloadDeps<C>,
  from: { readonly settings: ReturnType<typeof settingsOf>; readonly current: C },
): Promise<C> {
  const { log, read, apply } = deps;
  let next: C;
  try {
    next = await read();
  } catch (err) {
    if (!isAppError(err, 'config_invalid'))
      log.error({ err }, 'settings could not be read again; keeping those in use');
    else log.error({ problem: err.message }, 'new settings are wrong; keeping those in use');
    return from.current;
  }
  const changes = settingChanges(from.settings, from.current, next);
  for (const { setting, before, after } of changes) {
    const fields = { setting: setting.key, before, after };
    if (setting.isReloadable) log.info(fields, 'setting changed');
    else log.warn(fields, 'setting changed, and is taken up with the next start only');
  }
  if (changes.length === 0) log.info({}, 'settings read again; nothing changed');
  apply(next);
  return next;
}

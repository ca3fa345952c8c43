// `storage`

import { join } from 'node:path';
import { asSetting, ignored, mapped, refused, type GivenSetting } from '../registry-key.ts';
import type { RegistrySection } from '../registry-section.ts';
import type { RegistryValues } from '../registry-values.ts';

/** Where the original keeps everything. */
const ROOT_DIRECTORY = '/var/lib/registry';
/** Ours lies in a folder of its own below that, since the original looks only into `docker/` there: neither sees the other's. */
const OWN_FOLDER = 'shoal';
const OBJECT_STORE = 'object stores are not supported; use filesystem, and further origins for further copies';
const GONE = 'this driver is gone from the original too; use filesystem';

export const storageSection: RegistrySection = {
  keys: [
    {
      key: 'storage',
      kind: 'choice',
      besides: ['cache', 'delete', 'maintenance', 'redirect', 'tag'],
      default: 'filesystem',
      treatment: { type: 'mapped', settings: [] },
      about: 'filesystem is the only one here.',
    },
    mapped('storage.filesystem.rootdirectory', 'text', ['data'], {
      default: ROOT_DIRECTORY,
      about: `Data lies in \`${OWN_FOLDER}/\` below it; what the original has there is neither read nor changed.`,
    }),
    ignored('storage.filesystem.maxthreads', 'any', 'Files are read and written by other means.'),
    refused('storage.inmemory', 'not supported; use filesystem on a tmpfs'),
    refused('storage.s3', OBJECT_STORE),
    refused('storage.azure', OBJECT_STORE),
    refused('storage.gcs', OBJECT_STORE),
    refused('storage.swift', GONE),
    refused('storage.oss', GONE),
    mapped('storage.delete.enabled', 'switch', ['deletion.blobs', 'deletion.manifests', 'deletion.tags'], {
      default: 'false',
      about:
        'Off, as in the original, unless it is switched on; `shoal up` has it on. Tags are deleted as in version 3.',
    }),
    ignored('storage.redirect', 'any', 'There is no other place to send clients to.'),
    ignored('storage.cache', 'any', 'What exists is known without one, so nothing can go stale.'),
    ignored('storage.tag', 'any', 'Tags are rows of a database.'),
    mapped('storage.maintenance.uploadpurging.enabled', 'switch', ['store.uploadPurging'], {
      default: 'true',
      about: 'Unless this is false, one key of the section needs all of them, as in the original.',
    }),
    asSetting('storage.maintenance.uploadpurging.age', 'duration', 'store.uploadExpiryMs', { default: '168h' }),
    asSetting('storage.maintenance.uploadpurging.interval', 'duration', 'store.uploadPurgeMs', {
      default: '24h',
      about: 'With nothing set here ten minutes: looking costs little.',
    }),
    mapped('storage.maintenance.uploadpurging.dryrun', 'switch', ['store.uploadPurging'], { default: 'false' }),
    asSetting('storage.maintenance.readonly.enabled', 'switch', 'registry.readOnly', { default: 'false' }),
  ],
  settings: (values, problems) => [...dataFolder(values), ...deletion(values), ...uploadPurging(values, problems)],
};

function dataFolder(values: RegistryValues): readonly GivenSetting[] {
  const key = 'storage.filesystem.rootdirectory';
  const root = values.text(key);
  return root === undefined ? [] : [{ key: 'data', raw: join(root, OWN_FOLDER), source: values.source(key) }];
}

function deletion(values: RegistryValues): readonly GivenSetting[] {
  const key = 'storage.delete.enabled';
  const raw = values.flag(key);
  if (raw === undefined) return [];
  const source = values.source(key);
  return ['blobs', 'manifests', 'tags'].map((what) => ({ key: `deletion.${what}`, raw, source }));
}

/** Switched on, the original starts with all of its keys or not at all: an age nobody chose would decide what is removed. */
function uploadPurging(values: RegistryValues, problems: string[]): readonly GivenSetting[] {
  const section = 'storage.maintenance.uploadpurging';
  if (!values.has(section)) return [];
  const isEnabled = values.flag(`${section}.enabled`) ?? true;
  const missing = ['age', 'interval', 'dryrun'].filter((name) => isEnabled && !values.has(`${section}.${name}`));
  for (const name of missing)
    problems.push(`${section}.${name} is missing; set it too, or switch purging off with ${section}.enabled: false`);
  const dryRun = values.flag(`${section}.dryrun`) === true ? 'dry-run' : 'on';
  return [{ key: 'store.uploadPurging', raw: isEnabled ? dryRun : 'off', source: values.source(section) }];
}

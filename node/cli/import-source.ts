// What `shoal import` reads from: a folder, or a registry that runs.

import { readFile } from 'node:fs/promises';
import type { Clock } from '../../shared/runtime/clock.ts';
import { AppError, isAppError } from '../../shared/runtime/errors.ts';
import { isHostPort } from '../../shared/runtime/host-port.ts';
import type { ImageSource } from '../import/image-source.ts';
import { RegistryFolder } from '../import/registry-folder.ts';
import { RegistryServer } from '../import/registry-server.ts';
import { CatalogClient } from '../upstream/catalog-client.ts';
import { UpstreamClient } from '../upstream/upstream-client.ts';

export interface OpenedSource extends Disposable {
  readonly source: ImageSource;
  readonly kind: 'folder' | 'registry';
}

export interface SourceOptions {
  readonly user: string | undefined;
  readonly passwordFile: string | undefined;
  readonly authority: string | undefined;
  readonly alsoAllowed: readonly string[];
  /** Repositories to ask for, where the registry is not asked for its list. */
  readonly named: readonly string[];
}

/** @throws {AppError} `config_invalid` naming what is wrong, and never a password. */
export async function openSource(
  deps: { readonly clock: Clock },
  from: string,
  options: SourceOptions,
): Promise<OpenedSource> {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(from)) {
    refuseLogin(from, options);
    const source = await RegistryFolder.open(deps, from).catch((error: unknown) => {
      throw withAddressHint(error, from);
    });
    return { source, kind: 'folder', [Symbol.dispose]: () => undefined };
  }
  const url = registryUrl(from);
  const { authority, alsoAllowed } = options;
  const registry = {
    name: url.host,
    otherNames: [],
    url,
    credentials: await credentialsOf(options),
    authority: authority === undefined ? undefined : await readText(authority, '--authority'),
    alsoAllowed: new Set(alsoAllowed.map((place) => place.toLowerCase())),
  };
  const api = new UpstreamClient(deps, registry);
  const catalog = new CatalogClient(deps, registry);
  return {
    source: new RegistryServer({ ...deps, api, catalog }, options),
    kind: 'registry',
    [Symbol.dispose]: () => {
      api[Symbol.dispose]();
      catalog[Symbol.dispose]();
    },
  };
}

/** Docker's names of registries have no scheme, so people leave it out here, too. */
function withAddressHint(error: unknown, from: string): unknown {
  if (!isAppError(error, 'config_invalid') || !isHostPort(from)) return error;
  const hint = `Or write http://${from} or https://${from} for a registry at that address.`;
  return new AppError(error.code, `${error.message} ${hint}`, { cause: error });
}

function registryUrl(from: string): URL {
  const url = URL.canParse(from) ? new URL(from) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new AppError(
      'config_invalid',
      `"${from.slice(0, 200)}" is no folder, and no URL like https://registry.example:5000`,
    );
  if (url.username !== '' || url.password !== '')
    throw new AppError(
      'config_invalid',
      'everybody on this host can read a password in a URL; use --user and --password-file',
    );
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  url.search = '';
  url.hash = '';
  return url;
}

async function credentialsOf({
  user,
  passwordFile,
}: SourceOptions): Promise<{ readonly username: string; readonly password: string } | undefined> {
  if (user === undefined && passwordFile === undefined) return undefined;
  if (user === undefined || passwordFile === undefined)
    throw new AppError('config_invalid', '--user and --password-file go together');
  const password = (await readText(passwordFile, '--password-file')).replace(/\r?\n$/, '');
  if (password === '') throw new AppError('config_invalid', `--password-file: ${passwordFile} is empty`);
  if (user.includes(':')) throw new AppError('config_invalid', '--user: a name holds no colon');
  return { username: user, password };
}

function refuseLogin(from: string, { user, passwordFile, authority, alsoAllowed }: SourceOptions): void {
  const isAsked = user !== undefined || passwordFile !== undefined || authority !== undefined || alsoAllowed.length > 0;
  if (isAsked)
    throw new AppError(
      'config_invalid',
      `${from} is a folder; --user, --password-file, --authority and --also-allowed are for URLs`,
    );
}

async function readText(path: string, flag: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('config_invalid', `${flag}: ${path} cannot be read`, { cause });
  }
}

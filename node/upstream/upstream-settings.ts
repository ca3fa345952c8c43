// The settings of upstreams, part of those of a node, and what they mean.

import { readFile } from 'node:fs/promises';
import Type, { type Static } from 'typebox';
import { isRepositoryName } from '../../shared/oci/reference.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { duration, structure, text } from '../../shared/runtime/settings.ts';
import { DOCKER_HUB, isDockerHub, nameOfUrl } from './upstream-name.ts';

const HOUR_MS = 3_600_000;
/** Upstreams in the settings; more are refused: each keeps connections and tokens of its own. */
const MAX_UPSTREAMS = 100;

const Text = Type.String({ minLength: 1, maxLength: 4096 });
const UpstreamShape = Type.Object(
  {
    url: Text,
    name: Type.Optional(Text),
    username: Type.Optional(Text),
    password: Type.Optional(Text),
    passwordFile: Type.Optional(Text),
    authority: Type.Optional(Text),
    alsoAllowed: Type.Optional(Type.Array(Text, { maxItems: 100 })),
  },
  { additionalProperties: false },
);

/** Schema; see node/config.ts. */
export const upstreamSettings = Type.Object(
  {
    registries: structure(Type.Array(UpstreamShape, { maxItems: MAX_UPSTREAMS }), {
      default: [],
      isSecret: true,
      example: '[{"name":"quay.io","url":"https://quay.io"}]',
      description:
        'Registries that this one is a cache of: NAME/REPOSITORY is fetched from there when it is asked for. Of each: url, name (default: its host), username with password or passwordFile, authority (a PEM file that vouches for it), alsoAllowed (HOST:PORT of token services and blob stores elsewhere that it may send us to).',
    }),
    default: Type.Optional(
      text({
        placeholder: 'NAME',
        description:
          'The one of them, by its name or URL, that repositories stand for which are not here and are named without an upstream: library/nginx. Docker asks its mirrors so.',
      }),
    ),
    freshMs: duration({
      default: 1000,
      minimum: 0,
      maximum: 24 * HOUR_MS,
      description:
        'A tag that was compared with its upstream less than this ago is served without asking again. A second: a release to a thousand hosts asks once, and who looks finds what is there now.',
    }),
  },
  { default: {}, additionalProperties: false },
);
export type UpstreamSettings = Readonly<Static<typeof upstreamSettings>>;

/** One registry that this one caches. */
export interface UpstreamDefinition {
  /** The first part of the names that its repositories have here. */
  readonly name: string;
  /** What `?ns=` may call it besides. */
  readonly otherNames: readonly string[];
  /** Its root, ending in a slash; http or https. */
  readonly url: URL;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** PEM. */
  readonly authority: string | undefined;
  /** `host:port` besides its own. */
  readonly alsoAllowed: ReadonlySet<string>;
}

/** @throws {AppError} `config_invalid` naming the upstream that is wrong, and never its password. */
export async function readUpstreams(
  settings: UpstreamSettings,
): Promise<{ readonly upstreams: readonly UpstreamDefinition[]; readonly defaultName: string | undefined }> {
  const upstreams: UpstreamDefinition[] = [];
  for (const [index, given] of settings.registries.entries()) upstreams.push(await readUpstream(given, index));
  const names = upstreams.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`two are named ${twice}; give one of them another name`);
  const wanted = settings.default;
  if (wanted === undefined) return { upstreams, defaultName: undefined };
  const byUrl = settings.registries.findIndex(({ url }) => url === wanted);
  const defaultName = names.includes(wanted) ? wanted : names[byUrl];
  if (defaultName !== undefined) return { upstreams, defaultName };
  throw new AppError('config_invalid', `upstreams.default: there is no upstream named ${wanted.slice(0, 200)}`);
}

async function readUpstream(given: Static<typeof UpstreamShape>, index: number): Promise<UpstreamDefinition> {
  const url = readUrl(given.url, index);
  const name = given.name ?? nameOfUrl(url);
  if (!isRepositoryName(name) || name.includes('/'))
    throw invalid(
      `"${name.slice(0, 200)}" cannot be part of a repository's name; give it a name of small letters, digits, dots and dashes`,
    );
  const otherNames = name === DOCKER_HUB.name ? DOCKER_HUB.otherNames : [url.host, url.hostname];
  const credentials = await readCredentials(given, name);
  const alsoAllowed = new Set((given.alsoAllowed ?? []).map((place) => place.toLowerCase()));
  const authority = given.authority === undefined ? undefined : await readText(given.authority, name);
  return { name, otherNames, url, credentials, authority, alsoAllowed };
}

function readUrl(text_: string, index: number): URL {
  const whole = /^[a-z]+:\/\//i.test(text_) ? text_ : `https://${text_}`;
  const problem = `upstream ${index + 1} has no URL like https://registry.example`;
  if (!URL.canParse(whole)) throw invalid(problem);
  const url = new URL(whole);
  if ((url.protocol !== 'https:' && url.protocol !== 'http:') || url.hostname === '') throw invalid(problem);
  if (url.username !== '' || url.password !== '')
    throw invalid(`upstream ${index + 1}: name and password do not belong into the URL; use username and password`);
  if (url.search !== '' || url.hash !== '') throw invalid(problem);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  // What `docker pull` calls docker.io answers under another name.
  if (isDockerHub(url.hostname)) url.hostname = DOCKER_HUB.apiHost;
  return url;
}

async function readCredentials(
  { username, password, passwordFile }: Static<typeof UpstreamShape>,
  name: string,
): Promise<UpstreamDefinition['credentials']> {
  if (password !== undefined && passwordFile !== undefined)
    throw invalid(`${name} has a password and a passwordFile; give one of them`);
  const secret = passwordFile === undefined ? password : (await readText(passwordFile, name)).replace(/\r?\n$/, '');
  if (username === undefined && secret === undefined) return undefined;
  if (username === undefined || secret === undefined || secret === '')
    throw invalid(`${name} needs a username and a password, or neither`);
  if (username.includes(':')) throw invalid(`${name}: a username holds no colon`);
  return { username, password: secret };
}

async function readText(path: string, name: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError('config_invalid', `upstreams.registries: ${name}: ${path} cannot be read`, { cause: error });
  }
}

function invalid(what: string): AppError {
  return new AppError('config_invalid', `upstreams.registries: ${what}`);
}

// Whether a token service that an upstream names may be asked, and whether it may get the password. Pure.
//
// CVE-2026-33540: a registry in front of another sent its password to whatever host the answer named. So it goes to the upstream's
// own host, to hosts of the same organisation as far as a name tells, and to those that the operator listed.

import { isIP } from 'node:net';
import { AppError } from '../../shared/runtime/errors.ts';
import { isListed } from './listed-places.ts';

/** Second-level names under which countries register organisations: `example.co.uk` is one, `co.uk` is not. */
const SHARED_SECOND_LEVELS: ReadonlySet<string> = new Set(
  'ac co com edu gob gov go gouv govt gv in ltd me mil ne net nhs nom or org plc sch id web info biz'.split(' '),
);
/** Names under which everybody may have one: neighbours there are strangers. */
const SHARED_HOSTS: ReadonlySet<string> = new Set([
  'amazonaws.com',
  'azurecr.io',
  'azurewebsites.net',
  'cloudapp.net',
  'cloudflare.net',
  'cloudfront.net',
  'duckdns.org',
  'fly.dev',
  'github.io',
  'gitlab.io',
  'herokuapp.com',
  'netlify.app',
  'ngrok.io',
  'onrender.com',
  'pages.dev',
  'run.app',
  'vercel.app',
  'windows.net',
  'workers.dev',
]);

/** @throws {AppError} `upstream_refused` saying why the service is not asked. */
export function checkRealm(
  realm: string,
  upstream: {
    readonly name: string;
    readonly url: URL;
    readonly hasCredentials: boolean;
    readonly alsoAllowed: ReadonlySet<string>;
  },
): URL {
  if (!URL.canParse(realm)) throw refused(upstream.name, 'names no token service that can be asked');
  const url = new URL(realm);
  const isSecureEnough = url.protocol === 'https:' || (url.protocol === 'http:' && upstream.url.protocol === 'http:');
  if (!isSecureEnough) throw refused(upstream.name, 'names a token service that is not asked over https');
  if (url.username !== '' || url.password !== '')
    throw refused(upstream.name, 'names a token service with a password in it');
  if (!upstream.hasCredentials || isOfUpstream(url, upstream)) return url;
  throw refused(
    upstream.name,
    `wants its password sent to ${url.host.slice(0, 100)}, which may be somebody else; if it is right, put that into alsoAllowed of this upstream`,
  );
}

function isOfUpstream(
  realm: URL,
  { url, alsoAllowed }: { readonly url: URL; readonly alsoAllowed: ReadonlySet<string> },
): boolean {
  if (isListed(realm, alsoAllowed)) return true;
  if (realm.host === url.host) return true;
  if (isAddress(realm.hostname) || isAddress(url.hostname)) return false;
  const own = organisationOf(url.hostname);
  return own !== undefined && own === organisationOf(realm.hostname);
}

function isAddress(hostname: string): boolean {
  return isIP(hostname.replaceAll(/[[\]]/g, '')) !== 0;
}

/** The part of a host's name that an organisation registered, as far as can be told without the list of all; undefined when unsure. */
function organisationOf(hostname: string): string | undefined {
  const labels = hostname.toLowerCase().split('.');
  const [second = '', top = ''] = labels.slice(-2);
  const isShared = top.length === 2 && (SHARED_SECOND_LEVELS.has(second) || second.length <= 2);
  const length = isShared ? 3 : 2;
  if (labels.length < length) return undefined;
  const organisation = labels.slice(-length).join('.');
  return SHARED_HOSTS.has(organisation) ? undefined : organisation;
}

function refused(name: string, what: string): AppError {
  return new AppError('upstream_refused', `the upstream ${name} ${what}`);
}

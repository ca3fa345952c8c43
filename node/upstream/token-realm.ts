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
/**
 * Names under which everybody may have one, or a host: neighbours there are strangers. Clouds, hosters, tunnels, names that move, sellers
 * of names. It cannot be whole; who is missing here could take the password of a neighbour only by an answer of that neighbour itself.
 */
const SHARED_HOSTS: ReadonlySet<string> = new Set(
  `amazonaws.com amazonaws.com.cn amplifyapp.com awsapprunner.com elasticbeanstalk.com cloudfront.net on.aws
  azure.com azure.cn azurecontainer.io azurecontainerapps.io azurecr.cn azurecr.io azurecr.us azureedge.net azurefd.net azurestaticapps.net
  azurewebsites.net cloudapp.net trafficmanager.net windows.net
  appspot.com cloudfunctions.net firebaseapp.com googleapis.com googleusercontent.com pkg.dev run.app web.app
  aliyuncs.com aliyun.com myhuaweicloud.com myqcloud.com tencentcloudcr.com tencentcs.com volces.com
  appdomain.cloud oraclecloud.com ocir.io scw.cloud ovh.net ovh.us linode.com linodeobjects.com digitaloceanspaces.com ondigitalocean.app
  vultr.com vultrcr.com vultrobjects.com your-server.de contaboserver.net hosteurope.de stackhero-network.com upcloud.host
  cloudflare.net cloudflarestorage.com pages.dev r2.dev trycloudflare.com workers.dev
  github.dev github.io githubpreview.dev githubusercontent.com gitlab.io bitbucket.io codeberg.page
  cloudsmith.io gitpod.io jfrog.io jfrog.team packagecloud.io sonatype.app
  deno.dev edgecompute.app fastly.net fly.dev glitch.me herokuapp.com hf.space koyeb.app lhr.life loca.lt netlify.app ngrok.app ngrok.dev
  ngrok.io ngrok-free.app ngrok-free.dev onrender.com railway.app replit.app replit.dev repl.co serveo.net supabase.co surge.sh ts.net
  vercel.app vercel.dev
  changeip.com ddns.net dedyn.io duckdns.org dynu.net dyndns.org dynv6.net freeddns.org hopto.org myfritz.net myds.me nip.io no-ip.org
  no-ip.biz selfhost.eu servehttp.com sslip.io strangled.net synology.me sytes.net traefik.me xip.io zapto.org
  ae.org br.com cn.com co.com com.de com.se de.com eu.com eu.org gb.net gr.com hu.net in.net jp.net jpn.com mex.com ru.com sa.com se.net
  uk.com uk.net us.com us.org za.bz za.com
  chiba.jp fukuoka.jp hiroshima.jp hokkaido.jp hyogo.jp kanagawa.jp kawasaki.jp kitakyushu.jp kobe.jp kyoto.jp nagoya.jp niigata.jp
  okinawa.jp osaka.jp saitama.jp sapporo.jp sendai.jp shizuoka.jp tokyo.jp yokohama.jp`.split(/\s+/),
);

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
  const labels = hostname.toLowerCase().replace(/\.$/, '').split('.');
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

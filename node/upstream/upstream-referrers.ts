// All that refers to a manifest, as its upstream has it: page by page from the API, or where there is none from the tag that stands for it.

import { OCI_INDEX } from '../../shared/oci/media-types.ts';
import { MAX_LISTED_REFERRERS, type ReferrerDescriptor } from '../../shared/protocol/referrer-shape.ts';
import { AppError } from '../../shared/runtime/errors.ts';
import { parseReferrerPage, referrersTag } from './referrer-page.ts';
import type { UpstreamClient } from './upstream-client.ts';

/** Pages of one list, a longer one is refused: all that are taken, a hundred at a time, as some registries give them. */
const MAX_PAGES = 100;
/** Bytes of all pages of one list, more is refused: it crosses a session in one message. */
const MAX_LIST_BYTES = 8 * 1024 * 1024;

/**
 * @returns every referrer, perhaps none: an upstream that has neither API nor tag has none that anybody could find. One whose pages lead back
 *   to one that it gave has said all that it has.
 * @throws {AppError} `upstream_unavailable`, `upstream_refused`, `too_many_requests`
 */
export async function listReferrersOf(
  client: Pick<UpstreamClient, 'manifest' | 'name' | 'referrers'>,
  { remote, subject }: { readonly remote: string; readonly subject: string },
  signal: AbortSignal,
): Promise<readonly ReferrerDescriptor[]> {
  const descriptors: ReferrerDescriptor[] = [];
  const asked = new Set<string>();
  let sizeBytes = 0;
  let query = '';
  while (asked.size < MAX_PAGES) {
    const page = await client.referrers({ remote, subject, query }, signal);
    if (page === undefined && asked.size === 0) return listTagged(client, { remote, subject }, signal);
    if (page === undefined) throw unavailable(client.name, 'lost a list of referrers half way');
    descriptors.push(...page.descriptors);
    sizeBytes += page.sizeBytes;
    if (descriptors.length > MAX_LISTED_REFERRERS || sizeBytes > MAX_LIST_BYTES) break;
    asked.add(query);
    if (page.next === undefined || asked.has(page.next)) return descriptors;
    query = page.next;
  }
  throw unavailable(client.name, 'has more referrers of one manifest than are taken');
}

async function listTagged(
  client: Pick<UpstreamClient, 'manifest'>,
  { remote, subject }: { readonly remote: string; readonly subject: string },
  signal: AbortSignal,
): Promise<readonly ReferrerDescriptor[]> {
  const tagged = await client.manifest(remote, { tag: referrersTag(subject) }, signal);
  if (tagged?.mediaType !== OCI_INDEX) return [];
  return parseReferrerPage(tagged.bytes, undefined)?.descriptors.slice(0, MAX_LISTED_REFERRERS) ?? [];
}

function unavailable(upstream: string, what: string): AppError {
  return new AppError('upstream_unavailable', `the upstream ${upstream} ${what}`);
}

// Who refers to a manifest, as an upstream says it: an index, from the referrers API or under the tag that stands for it. Pure.

import Type, { type Static } from 'typebox';
import { Check } from 'typebox/value';
import { parseBoundedJson } from '../../shared/oci/bounded-json.ts';
import { isDigest } from '../../shared/oci/digest.ts';
import type { ReferrerDescriptor } from '../../shared/protocol/referrer-shape.ts';
import { MAX_BLOB_BYTES } from '../../shared/pieces/piece-table.ts';
import { nextPageQuery } from './next-page.ts';

export interface UpstreamReferrerPage {
  /** Those that can be pulled from here: with a digest of an algorithm that we serve. */
  readonly descriptors: readonly ReferrerDescriptor[];
  /** Of the whole body. */
  readonly sizeBytes: number;
  /** What to ask for the next page with; undefined at the end. */
  readonly next: string | undefined;
}

const Index = Type.Object({ manifests: Type.Union([Type.Null(), Type.Array(Type.Unknown())]) });
const Entry = Type.Object({
  mediaType: Type.String(),
  digest: Type.String(),
  size: Type.Integer({ minimum: 0, maximum: MAX_BLOB_BYTES }),
  artifactType: Type.Optional(Type.Union([Type.Null(), Type.String()])),
  annotations: Type.Optional(Type.Union([Type.Null(), Type.Record(Type.String(), Type.String())])),
});

/** @returns undefined when the body is no index. Entries that are no descriptors are left out. Never throws. */
export function parseReferrerPage(
  body: Uint8Array,
  link: string | string[] | undefined,
): UpstreamReferrerPage | undefined {
  const outcome = parseBoundedJson(body);
  if (outcome.type === 'refused' || !Check(Index, outcome.value)) return undefined;
  const descriptors: ReferrerDescriptor[] = [];
  for (const entry of outcome.value.manifests ?? []) {
    const descriptor = Check(Entry, entry) ? toDescriptor(entry) : undefined;
    if (descriptor !== undefined) descriptors.push(descriptor);
  }
  return { descriptors, sizeBytes: body.byteLength, next: typeof link === 'string' ? nextPageQuery(link) : undefined };
}

/**
 * The tag under which clients of a registry without the API keep an index of what refers to a manifest
 * (distribution-spec v1.1, "Referrers Tag Schema").
 */
export function referrersTag(subject: string): string {
  const colon = subject.indexOf(':');
  const legal = (text: string): string => text.replaceAll(/[^a-zA-Z0-9._-]/g, '-');
  return `${legal(subject.slice(0, colon).slice(0, 32))}-${legal(subject.slice(colon + 1).slice(0, 64))}`;
}

/** True for a digest that no content has: clients ask who refers to it to find out whether there is such an API. */
export function isProbe(subject: string): boolean {
  return /:0+$/.test(subject);
}

function toDescriptor(entry: Static<typeof Entry>): ReferrerDescriptor | undefined {
  const { mediaType, digest, size, artifactType, annotations } = entry;
  if (!isDigest(digest)) return undefined;
  return {
    mediaType,
    digest,
    sizeBytes: size,
    ...(typeof artifactType === 'string' && artifactType !== '' ? { artifactType } : {}),
    ...(annotations === undefined || annotations === null ? {} : { annotations }),
  };
}

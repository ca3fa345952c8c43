// One entry of a list of referrers: what refers to a manifest by its `subject` (distribution-spec v1.1, "Listing Referrers").

import Type, { type Static } from 'typebox';
import { DigestText, object, SizeBytes } from './value-shapes.ts';

/** Referrers of one manifest in one list or one page; of more in a page the rest follows, a longer list of an upstream is refused. */
export const MAX_LISTED_REFERRERS = 10_000;

/** Of an entry. */
export const Referrer = object({
  mediaType: Type.String(),
  digest: DigestText,
  sizeBytes: SizeBytes,
  artifactType: Type.Optional(Type.String()),
  annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
});
/** One entry of a referrers answer. */
export type ReferrerDescriptor = Readonly<Static<typeof Referrer>>;

// The part of the coordinator's HTTPS API that collects what nothing leads to any more.
//
//   POST /api/collection   an admin certificate   starts a pass, or says that one is running
//   GET  /api/collection   an admin certificate   how far it is, and what the last one found
//   GET  /api/collection/kept   an admin certificate   what is kept, page by page

import Type, { type Static, type TSchema } from 'typebox';
import { DigestText } from './value-shapes.ts';

/** Manifests and blobs named in a result, the rest is only counted: an answer stays below 8 MiB. */
export const MAX_NAMED_CONTENT = 20_000;

const object = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
const Count = Type.Integer({ minimum: 0 });

export const CollectionRequest = object({
  isDryRun: Type.Boolean(),
  /** Also manifests without a tag that no index and no subject keeps alive. */
  deleteUntagged: Type.Boolean(),
});
export type CollectionRequest = Readonly<Static<typeof CollectionRequest>>;

export const CollectionResult = object({
  /** Taken out of their repositories. */
  manifests: object({
    count: Count,
    named: Type.Array(object({ repository: Type.String(), digest: DigestText }), { maxItems: MAX_NAMED_CONTENT }),
  }),
  /** Held by no repository any more, so that every host deletes them. */
  blobs: object({
    count: Count,
    bytes: Count,
    named: Type.Array(object({ digest: DigestText, sizeBytes: Count }), { maxItems: MAX_NAMED_CONTENT }),
  }),
});
export type CollectionResult = Readonly<Static<typeof CollectionResult>>;

export const CollectionState = object({
  /** Of this coordinator, since it started; grows with each pass that began. */
  passNumber: Count,
  isRunning: Type.Boolean(),
  /** Of the last pass that somebody asked for. */
  last: Type.Optional(
    object({
      passNumber: Count,
      isDryRun: Type.Boolean(),
      result: Type.Optional(CollectionResult),
      failure: Type.Optional(Type.String()),
    }),
  ),
  /** What is left in the index: `repositories` that hold something, `manifests`, and `blobs` that are not being removed. */
  kept: object({ repositories: Count, manifests: Count, blobs: Count }),
  /** Blobs whose files are being deleted, and how many files are left on all hosts, also on those that are away. */
  removing: object({ blobs: Count, bytes: Count, files: Count, filesWithinReach: Count }),
  /** Blobs that wait for their time in the review queue. */
  waiting: object({ count: Count, oldestDueMs: Type.Optional(Type.Integer()) }),
});
export type CollectionState = Readonly<Static<typeof CollectionState>>;

/** Digests in one page, of manifests and blobs, beyond which it ends; one manifest names 30,000 at most, so it stays below 8 MiB. */
export const MAX_KEPT_DIGESTS = 20_000;

/** Where a page begins: after this manifest. */
export const KeptQuery = object({ repository: Type.Optional(Type.String()), digest: Type.Optional(DigestText) });
export type KeptQuery = Readonly<Static<typeof KeptQuery>>;

/** In order of repositories and digests. */
export const KeptPage = object({
  manifests: Type.Array(object({ repository: Type.String(), digest: DigestText, blobs: Type.Array(DigestText) })),
  next: Type.Optional(object({ repository: Type.String(), digest: DigestText })),
});
export type KeptPage = Static<typeof KeptPage>;

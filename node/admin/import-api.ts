// What a command asks of the node on this host to take over images of another registry. HTTP over a socket in the data folder,
// which only the user that the node runs as may open: whoever reaches it may do what that user may.
//
//   POST /import/hold       make a repository hold a blob that the fleet has, if it has
//   POST /import/file       adopt a file as a blob of a repository
//   PUT  /import/blob       adopt the body as one; repository, digest and size in the query
//   POST /import/state      what is there of a manifest and its tags
//   PUT  /import/manifest   the body as a manifest; its digest, media type and tags in the query

import Type, { type Static, type TSchema } from 'typebox';
import { isRepositoryName, isTag } from '../../shared/oci/reference.ts';
import { MAX_BLOB_BYTES } from '../../shared/pieces/piece-table.ts';
import { DigestText } from '../../shared/protocol/value-shapes.ts';
import { ADOPTION_MODES, ADOPTION_WAYS } from '../content/blob-store.ts';
import { MAX_TAGS_AT_ONCE } from '../import/import-target.ts';

export const BLOB_BODY = 'application/octet-stream';
export const MANIFEST_BODY = 'application/vnd.shoal.manifest';

const object = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });

const Repository = Type.Refine(Type.String(), (text) => typeof text === 'string' && isRepositoryName(text));
const Tags = Type.Array(
  Type.Refine(Type.String(), (text) => typeof text === 'string' && isTag(text)),
  { maxItems: MAX_TAGS_AT_ONCE },
);
const Held = { repository: Repository, digest: DigestText };

export const HoldRequest = object(Held);
export const BlobQuery = object({ ...Held, sizeBytes: Type.Integer({ minimum: 0, maximum: MAX_BLOB_BYTES }) });
export const HoldAnswer = object({ isHeld: Type.Boolean() });

export const FileRequest = object({
  ...Held,
  /** From the root, as the node sees it. */
  path: Type.String({ minLength: 1, maxLength: 4096, pattern: '^/' }),
  mode: Type.Union(ADOPTION_MODES.map((mode) => Type.Literal(mode))),
});
export const FileAnswer = object({
  sizeBytes: Type.Integer({ minimum: 0 }),
  way: Type.Union(ADOPTION_WAYS.map((way) => Type.Literal(way))),
});
export type FileAnswer = Readonly<Static<typeof FileAnswer>>;

export const StateRequest = object({ ...Held, tags: Tags });
export const StateAnswer = object({
  /** It is there, with every blob that it names. */
  isPresent: Type.Boolean(),
  /** Where those of the tags point that are there. */
  tags: Type.Record(Type.String(), DigestText),
});
export type StateAnswer = Readonly<Static<typeof StateAnswer>>;

export const ManifestQuery = object({
  ...Held,
  mediaType: Type.String({ minLength: 1, maxLength: 255 }),
  tags: Tags,
  /** `new` refuses (`precondition_failed`) when one of the tags is there. */
  tagging: Type.Union([Type.Literal('new'), Type.Literal('any')]),
});
export type ManifestQuery = Readonly<Static<typeof ManifestQuery>>;

export const Done = object({});

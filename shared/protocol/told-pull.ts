// What a client got from a node, as the node tells the coordinator of it when somebody wants to hear of pulls.

import Type, { type Static } from 'typebox';
import { Requester } from './requester.ts';
import { DigestText, Repository, SizeBytes, Tag } from './value-shapes.ts';

/** Pulls in one call; a node that has more tells them in several. A message of them is about 200 KB. */
export const MAX_PULLS_TOLD = 200;

const ToldPull = Type.Object(
  {
    /** Made up by the node: one that is told twice counts once. */
    id: Type.String({ minLength: 1, maxLength: 64 }),
    /** By the clock of the node. */
    atMs: Type.Integer({ minimum: 0 }),
    kind: Type.Union([Type.Literal('manifest'), Type.Literal('blob')]),
    repository: Repository,
    digest: DigestText,
    /** When it was asked for by tag. */
    tag: Type.Optional(Tag),
    mediaType: Type.String({ maxLength: 255 }),
    /** Of all of it, whatever part was asked for. */
    sizeBytes: SizeBytes,
    by: Requester,
  },
  { additionalProperties: false },
);
export type ToldPull = Readonly<Static<typeof ToldPull>>;
export const ToldPulls = Type.Array(ToldPull, { maxItems: MAX_PULLS_TOLD });

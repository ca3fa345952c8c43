// How far an image is on its way over the fleet: the answer of GET /api/rollout, for `shoal rollout`. Its size does not depend
// on that of the fleet: hosts are counted, and only the slowest are told one by one.

import Type, { type Static, type TProperties } from 'typebox';
import { isRepositoryName, isTag } from '../oci/reference.ts';
import { DigestText } from './value-shapes.ts';

/** Hosts told one by one at most; whoever asks for more gets these. More fit on no screen. */
export const MAX_HOSTS_TOLD = 200;
/** Hosts that are not done are counted by tenths of what they have. */
export const PROGRESS_STEPS = 10;

const object = <P extends TProperties>(properties: P) => Type.Object(properties, { additionalProperties: false });
const Count = Type.Integer({ minimum: 0 });

/** Query of GET /api/rollout, as text. One of `tag` and `digest`. */
export const RolloutQuery = object({
  repository: Type.Refine(Type.String(), isRepositoryName),
  tag: Type.Optional(Type.Refine(Type.String(), isTag)),
  digest: Type.Optional(DigestText),
  /** How many of the slowest hosts to tell one by one. */
  slowest: Type.Optional(Type.String({ pattern: '^[0-9]{1,4}$' })),
});
export type RolloutQuery = Readonly<Static<typeof RolloutQuery>>;

/**
 * `asked`: got the manifest lately, and nothing of the image yet. `pulling`: gets its blobs. `done`: has all of them, or all that
 * were asked for there. `stopped`: began, and nothing has moved for a minute. `idle`: only looked at the manifest, or holds some of
 * it and did not ask since the coordinator started; such hosts are not waited for.
 */
const HostState = Type.Union([
  Type.Literal('asked'),
  Type.Literal('pulling'),
  Type.Literal('done'),
  Type.Literal('stopped'),
  Type.Literal('idle'),
]);
export type HostState = Static<typeof HostState>;

const HostRow = object({
  nodeId: Type.String(),
  state: HostState,
  isConnected: Type.Boolean(),
  doneBytes: Count,
  /** Of the image of its platform; 0 while it is not known which that is. */
  sizeBytes: Count,
  /** Peers that it gets pieces from just now. */
  peers: Type.Optional(Count),
  /** From its asking to now, or to its last blob; absent when it did not ask since the coordinator started. */
  tookMs: Type.Optional(Count),
});
export type HostRow = Readonly<Static<typeof HostRow>>;

const DoneTimes = object({ hosts: Count, p50Ms: Count, p90Ms: Count, p99Ms: Count, maxMs: Count });

export const RolloutStatus = object({
  nowMs: Count,
  /** Who asked before this moment is not known: the coordinator started then. */
  sinceMs: Count,
  repository: Type.String(),
  tag: Type.Optional(Type.String()),
  /** What the tag stands for now. */
  digest: DigestText,
  /** One for each platform that hosts take; one alone when the tag is no index. */
  images: Type.Array(
    object({
      digest: DigestText,
      platform: Type.Optional(Type.String()),
      blobCount: Count,
      sizeBytes: Count,
      hosts: Count,
    }),
  ),
  hosts: object({ asked: Count, pulling: Count, done: Count, stopped: Count, idle: Count }),
  /** Of all hosts but the idle ones, each with its own image. */
  doneBytes: Count,
  sizeBytes: Count,
  /** Since the first host asked; absent when none did. */
  runningMs: Type.Optional(Count),
  /** From a host's own asking to its last blob, over those that are done and fetched something. */
  doneTimes: Type.Optional(DoneTimes),
  /** Hosts that are asked, pulling or stopped, by tenths of what they have. */
  progress: Type.Array(Count, { minItems: PROGRESS_STEPS, maxItems: PROGRESS_STEPS }),
  /** Hosts but the idle ones: those that are not done first, the least first; then the done ones, the slowest first. */
  slowest: Type.Array(HostRow, { maxItems: MAX_HOSTS_TOLD }),
});
export type RolloutStatus = Readonly<Static<typeof RolloutStatus>>;

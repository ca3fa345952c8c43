// What happens to a repository, in the words of the reference registry's events: what the audit log keeps and receivers of
// notifications are told.

import type { Digest } from '../../shared/oci/digest.ts';
import type { Descriptor } from '../../shared/oci/manifest.ts';
import type { Requester } from '../../shared/protocol/requester.ts';

/** An `import` is what comes from another registry by command: kept in the audit log alone. */
export type ChangeAction = 'push' | 'pull' | 'mount' | 'delete' | 'import';

/** One thing that was pushed, pulled, mounted, deleted or imported. */
export interface RegistryChange {
  readonly action: ChangeAction;
  readonly kind: 'manifest' | 'blob' | 'tag';
  readonly repository: string;
  /** Absent when a tag was deleted. */
  readonly digest?: Digest;
  readonly tag?: string;
  /** Media type and size are not known of what was deleted. */
  readonly mediaType?: string;
  readonly sizeBytes?: number;
  /** Of a mount, when the client named it. */
  readonly fromRepository?: string;
  /** What a manifest names. */
  readonly references?: readonly Descriptor[];
}

/** On whose behalf, through which node, and when. */
export interface Occasion {
  readonly by: Requester;
  readonly nodeId: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** A change as those hear of it who keep account. */
export interface RecordedChange extends RegistryChange {
  readonly occasion: Occasion;
  /** Of what may be told more than once: counted once. */
  readonly eventId?: string;
}

/** Writes changes down. Part of the caller's transaction: they are kept when what they tell of is, and else never were. */
export type RecordChanges = (changes: readonly RegistryChange[]) => void;

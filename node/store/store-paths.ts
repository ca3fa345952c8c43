// Where everything lies in the data folder of a store. Nothing outside node/store knows these names.
//
//   layout                              number of this layout, one line; another number is refused
//   lock-<pid>-<start>                  the process that owns the folder (folder-lock.ts)
//   blobs/<algorithm>/<ab>/<hex>        a whole, verified, flushed blob; <ab> are the first two hex digits
//   blobs/<algorithm>/<ab>/<hex>.table  its piece table, for blobs of more than one leaf (piece-table-file.ts)
//   partial/<algorithm>-<hex>/          a download under way:
//     table                               the table that its pieces are checked against
//     data                                sparse, as long as the blob
//     have                                one bit for each piece written; hashed again before it counts
//   arriving/<uuid>                     a blob that comes from an upstream; a start deletes what a stop left
//   uploads/<uuid>/                     an upload session:
//     session.json                        repository and algorithm
//     data                                the bytes received so far, without gaps
//   importing/<uuid>                    a file of others that is being taken over
//
// All names beside blobs/ are scratch: deleting them loses no blob. Files become blobs by a rename, so everything
// lies in one file system. Folders are 0700.

import { join } from 'node:path';
import { algorithmOf, encodedOf, type Digest } from '../../shared/oci/digest.ts';

/** The number in the `layout` file. */
export const LAYOUT_VERSION = 1;
/** Mode of every folder: blobs of private repositories are for the node's own user alone. */
export const FOLDER_MODE = 0o700;
/** Mode of every file, for the same reason. */
export const FILE_MODE = 0o600;
/** How the name of a piece table ends. */
export const TABLE_SUFFIX = '.table';
/** How a name ends that means nothing yet; deleted at start. */
export const TEMPORARY_SUFFIX = '.tmp';

/** The paths of one store. */
export class StorePaths {
  readonly root: string;
  readonly layout: string;
  readonly blobs: string;
  readonly partials: string;
  readonly uploads: string;
  readonly importing: string;
  readonly arriving: string;

  constructor(root: string) {
    this.root = root;
    this.layout = join(root, 'layout');
    this.blobs = join(root, 'blobs');
    this.partials = join(root, 'partial');
    this.uploads = join(root, 'uploads');
    this.importing = join(root, 'importing');
    this.arriving = join(root, 'arriving');
  }

  /** The folder that holds a whole blob. */
  shard(digest: Digest): string {
    return join(this.blobs, algorithmOf(digest), encodedOf(digest).slice(0, 2));
  }

  blob(digest: Digest): string {
    return join(this.shard(digest), encodedOf(digest));
  }

  table(digest: Digest): string {
    return this.blob(digest) + TABLE_SUFFIX;
  }

  partial(digest: Digest): string {
    return join(this.partials, `${algorithmOf(digest)}-${encodedOf(digest)}`);
  }

  /** @param id a checked upload id: it becomes a file name. */
  upload(id: string): string {
    return join(this.uploads, id);
  }
}

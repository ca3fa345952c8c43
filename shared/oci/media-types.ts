// The media types that a registry has to know; all others are opaque and never refused inside a manifest.

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_MANIFEST_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** The types that the manifest endpoint takes. */
export type ManifestMediaType =
  | typeof OCI_MANIFEST
  | typeof OCI_INDEX
  | typeof DOCKER_MANIFEST
  | typeof DOCKER_MANIFEST_LIST;

const KINDS: Readonly<Record<ManifestMediaType, { readonly kind: 'image' | 'index'; readonly isOci: boolean }>> = {
  [OCI_MANIFEST]: { kind: 'image', isOci: true },
  [OCI_INDEX]: { kind: 'index', isOci: true },
  [DOCKER_MANIFEST]: { kind: 'image', isOci: false },
  [DOCKER_MANIFEST_LIST]: { kind: 'index', isOci: false },
};

/** Layers that a publisher may keep elsewhere: they need not be pushed when the descriptor has `urls`. */
const EXTERNAL_LAYERS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
]);

/** Types that say nothing about a manifest; clients send them when they do not care. */
const GENERIC_TYPES: ReadonlySet<string> = new Set(['', 'application/json', 'application/octet-stream']);

/** True for a type that the manifest endpoint takes; schema 1 and the withdrawn artifact manifest are not among them. */
export function isManifestMediaType(text: string): text is ManifestMediaType {
  return Object.hasOwn(KINDS, text);
}

/** Whether a manifest type is an image or an index, and whether it knows subject, annotations and artifact type. */
export function manifestKindOf(mediaType: ManifestMediaType): {
  readonly kind: 'image' | 'index';
  readonly isOci: boolean;
} {
  return KINDS[mediaType];
}

/** True for a layer type whose bytes may live elsewhere. */
export function isExternalLayer(mediaType: string): boolean {
  return EXTERNAL_LAYERS.has(mediaType);
}

/** The type of a `Content-Type` header without its parameters, in small letters; empty when it says nothing about a manifest. */
export function specificTypeOf(contentType: string | undefined): string {
  const bare = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return GENERIC_TYPES.has(bare) ? '' : bare;
}

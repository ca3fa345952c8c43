// Manifests and indexes, as far as a registry looks into them (image-spec v1.1 "Image Manifest", "Image Index";
// docker's schema 2 and manifest list). Fields that we do not know are never looked at and never refused.

import { AppError } from '../runtime/errors.ts';
import { parseBoundedJson } from './bounded-json.ts';
import { classifyDigest } from './digest.ts';
import {
  OCI_INDEX,
  OCI_MANIFEST,
  isExternalLayer,
  isManifestMediaType,
  manifestKindOf,
  specificTypeOf,
  type ManifestMediaType,
} from './media-types.ts';

/** Larger manifests are refused with 413; they could not be pulled anyway: podman and oras stop at 4 MiB, containerd a little later. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** A platform's name is cut here; the longest in use have about twenty. */
const MAX_PLATFORM_CHARS = 60;

/** One entry of a manifest. `digest` obeys the grammar; its algorithm need not be one that we serve. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly sizeBytes: number;
  /** Of an entry of an index that says so, as docker writes it: `linux/arm64/v8`. For people. */
  readonly platform?: string;
}

/** What a registry needs to know of a manifest. Sizes in descriptors are the publisher's word, not checked. */
export interface ParsedManifest {
  readonly kind: 'image' | 'index';
  readonly mediaType: ManifestMediaType;
  /** Of an image only. */
  readonly config: Descriptor | undefined;
  /** Config and layers of an image that the repository must hold as blobs; each digest once. */
  readonly blobs: readonly Descriptor[];
  /** Layers kept elsewhere: they have `urls` and one of the external types, and need not be here. Each digest once. */
  readonly external: readonly Descriptor[];
  /** URLs that layers of an image name, of whatever type. */
  readonly urls: readonly string[];
  /** Entries of an index that the repository must hold, each as a manifest or as a blob; each digest once. */
  readonly children: readonly Descriptor[];
  /** Digest of the manifest that this one refers to, of any algorithm; OCI types only. It need not be here. */
  readonly subject: string | undefined;
  /**
   * What a referrers answer says about it: its own `artifactType` if not empty, else the config's type for an image,
   * else absent (distribution-spec v1.1, "Listing Referrers"). OCI types only.
   */
  readonly artifactType: string | undefined;
  /** All of its own annotations; absent when it has none. OCI types only. */
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Parses and checks a manifest.
 * @param contentType the `Content-Type` it was pushed with, or the stored media type; parameters are ignored, and a
 * generic or absent one makes the body decide.
 * @throws {AppError} `manifest_too_large`, `manifest_invalid`
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): ParsedManifest {
  if (bytes.byteLength > MAX_MANIFEST_BYTES) {
    throw new AppError('manifest_too_large', `a manifest has at most ${MAX_MANIFEST_BYTES} bytes`);
  }
  const outcome = parseBoundedJson(bytes);
  if (outcome.type === 'refused') throw invalid(`manifest is ${outcome.reason}`);
  const root = asObject(outcome.value, 'manifest');
  const mediaType = decideMediaType(root, contentType);
  if (root['schemaVersion'] !== 2) throw invalid('schemaVersion is not 2');
  const { kind, isOci } = manifestKindOf(mediaType);
  const content = kind === 'image' ? readImage(root) : readIndex(root);
  return { kind, mediaType, ...content, ...(isOci ? readOciFields(root, content.config) : NO_OCI_FIELDS) };
}

const NO_OCI_FIELDS = { subject: undefined, artifactType: undefined, annotations: undefined } as const;

/** Header and body must agree; the body alone decides when the header says nothing. */
function decideMediaType(root: JsonObject, contentType: string | undefined): ManifestMediaType {
  const declared = specificTypeOf(contentType);
  const own = root['mediaType'];
  if (own !== undefined && typeof own !== 'string') throw invalid('mediaType is not a string');
  if (declared !== '' && own !== undefined && own !== declared) {
    throw invalid('Content-Type and mediaType differ');
  }
  const mediaType = declared === '' ? (own ?? guessMediaType(root)) : declared;
  if (isManifestMediaType(mediaType)) return mediaType;
  throw new AppError('manifest_invalid', 'manifest type is not supported', {
    detail: { mediaType: mediaType.slice(0, 160) },
  });
}

function guessMediaType(root: JsonObject): ManifestMediaType {
  if (Array.isArray(root['manifests'])) return OCI_INDEX;
  if (isPresent(root['config'])) return OCI_MANIFEST;
  throw invalid('neither Content-Type nor body says what this is');
}

type Content = Pick<ParsedManifest, 'config' | 'blobs' | 'external' | 'urls' | 'children'>;

function readImage(root: JsonObject): Content {
  if (isPresent(root['manifests'])) throw invalid('an image manifest must not have manifests');
  const config = asDescriptor(root['config'], 'config');
  const blobs = new Map([[config.digest, config]]);
  const external = new Map<string, Descriptor>();
  const urls: string[] = [];
  for (const value of asArray(root['layers'], 'layers')) {
    const layer = asDescriptor(value, 'layer');
    const named = urlsOf(value);
    urls.push(...named);
    (isExternalLayer(layer.mediaType) && named.length > 0 ? external : blobs).set(layer.digest, layer);
  }
  return { config, blobs: [...blobs.values()], external: [...external.values()], urls, children: [] };
}

function readIndex(root: JsonObject): Content {
  if (isPresent(root['config']) || isPresent(root['layers'])) throw invalid('an index must not have config or layers');
  const children = new Map<string, Descriptor>();
  for (const value of asArray(root['manifests'], 'manifests')) {
    const child = asDescriptor(value, 'manifest');
    const platform = platformOf(asObject(value, 'manifest')['platform']);
    children.set(child.digest, platform === undefined ? child : { ...child, platform });
  }
  return { config: undefined, blobs: [], external: [], urls: [], children: [...children.values()] };
}

/** Nothing depends on it, so what is no platform is none. */
function platformOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { os, architecture, variant } = value as JsonObject;
  const parts = [os, architecture, variant].filter((part) => typeof part === 'string' && part !== '');
  return parts.length < 2 ? undefined : parts.join('/').slice(0, MAX_PLATFORM_CHARS);
}

function urlsOf(layer: unknown): readonly string[] {
  const urls = asObject(layer, 'layer')['urls'];
  // What is no text is no URL either; it is kept as one that nobody allows.
  return Array.isArray(urls) ? urls.map((url: unknown) => (typeof url === 'string' ? url : '')) : [];
}

function readOciFields(
  root: JsonObject,
  config: Descriptor | undefined,
): Pick<ParsedManifest, 'subject' | 'artifactType' | 'annotations'> {
  const artifactType = root['artifactType'];
  if (isPresent(artifactType) && typeof artifactType !== 'string') throw invalid('artifactType is not a string');
  const own = typeof artifactType === 'string' && artifactType !== '' ? artifactType : undefined;
  const fallback = config === undefined || config.mediaType === '' ? undefined : config.mediaType;
  return {
    subject: readSubject(root['subject']),
    artifactType: own ?? fallback,
    annotations: readAnnotations(root['annotations']),
  };
}

function readSubject(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return asDigest(asObject(value, 'subject')['digest'], 'subject');
}

function readAnnotations(value: unknown): Readonly<Record<string, string>> | undefined {
  if (!isPresent(value)) return undefined;
  const entries: [string, string][] = [];
  for (const [key, text] of Object.entries(asObject(value, 'annotations'))) {
    if (typeof text !== 'string') throw invalid('an annotation is not a string');
    entries.push([key, text]);
  }
  // fromEntries defines properties, so that a key such as __proto__ stays a key.
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function asDescriptor(value: unknown, what: string): Descriptor {
  const { mediaType, digest, size } = asObject(value, what);
  if (typeof mediaType !== 'string') throw invalid(`${what} has no mediaType`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw invalid(`${what} has no size`);
  return { mediaType, digest: asDigest(digest, what), sizeBytes: size };
}

function asDigest(value: unknown, what: string): string {
  if (typeof value === 'string' && classifyDigest(value).type !== 'malformed') return value;
  throw invalid(`${what} has no well-formed digest`);
}

function asObject(value: unknown, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw invalid(`${what} is not an object`);
}

/** `null` is how Go programs write an empty list. */
function asArray(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value === null) return [];
  throw invalid(`${what} is not an array`);
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function invalid(message: string): AppError {
  return new AppError('manifest_invalid', message);
}

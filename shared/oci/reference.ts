// The grammar of repository names, tags, and references as people type them (distribution-spec v1.1, "Pulling manifests").

import { AppError } from '../runtime/errors.ts';

/** Longest repository name, slashes counted, a longer one is invalid; the reference registry's limit. */
const MAX_REPOSITORY_CHARS = 255;
/** Longest reference that is looked at, a longer one is invalid: a domain, a name, a tag and a sha512 digest with room to spare. */
const MAX_REFERENCE_CHARS = 1024;

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
/** Stricter than a digest on the wire: this is what clients accept in a typed reference. */
const TYPED_DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const HOST_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const DOMAIN = new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[0-9a-fA-F:.]+\\])(?::[0-9]{1,5})?$`);
const BARE_HEX_ID = /^[a-f0-9]{64}$/;

/** True for a legal repository name of at most 255 characters. */
export function isRepositoryName(text: string): boolean {
  return text.length <= MAX_REPOSITORY_CHARS && REPOSITORY.test(text);
}

/** True for a legal tag. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** A reference as typed on a command line: `[domain/]name[:tag][@digest]`. */
export interface TypedReference {
  /** Host and port; absent when the text names none, which docker takes for its own hub. */
  readonly domain?: string;
  readonly repository: string;
  /** `latest` when the text has neither tag nor digest. */
  readonly tag?: string;
  /** With a tag and a digest, clients ask by digest only. */
  readonly digest?: string;
}

/**
 * Takes a typed reference apart. Never used on the wire, where name and reference come apart in the path.
 * @throws {AppError} `name_invalid` when it is no reference.
 */
export function parseTypedReference(text: string): TypedReference {
  const parsed = text.length <= MAX_REFERENCE_CHARS ? splitReference(text) : undefined;
  if (parsed !== undefined) return parsed;
  throw new AppError('name_invalid', 'not an image reference', { detail: { reference: text.slice(0, 160) } });
}

function splitReference(text: string): TypedReference | undefined {
  const { rest: named, suffix: digest } = cutAt(text, text.indexOf('@'));
  if (digest !== undefined && !TYPED_DIGEST.test(digest)) return undefined;
  const { domain, path } = splitDomain(named);
  if (domain !== undefined && !DOMAIN.test(domain)) return undefined;
  const { rest: repository, suffix: typedTag } = cutAt(path, path.lastIndexOf(':'));
  if (typedTag !== undefined && !isTag(typedTag)) return undefined;
  if (!isRepositoryName(repository)) return undefined;
  if (domain === undefined && BARE_HEX_ID.test(repository)) return undefined;
  const tag = typedTag ?? (digest === undefined ? 'latest' : undefined);
  return {
    ...(domain === undefined ? {} : { domain }),
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** What stands before the first slash is a domain if it looks like one: docker's rule. */
function splitDomain(text: string): { domain?: string; path: string } {
  const slash = text.indexOf('/');
  if (slash < 0) return { path: text };
  const first = text.slice(0, slash);
  const isDomain = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  return isDomain ? { domain: first, path: text.slice(slash + 1) } : { path: text };
}

function cutAt(text: string, index: number): { rest: string; suffix?: string } {
  if (index < 0) return { rest: text };
  return { rest: text.slice(0, index), suffix: text.slice(index + 1) };
}

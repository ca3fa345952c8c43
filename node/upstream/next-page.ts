// The `Link` header of an upstream's list (RFC 8288, as the registry API uses it): where the next page begins.

/** Longest header that is read, a longer one leads nowhere. */
const MAX_HEADER_CHARS = 8 * 1024;
/** Longest name after which a page may begin; a longer one leads nowhere. No tag has more than 128 characters. */
const MAX_LAST_CHARS = 256;
const LINK = /^[ \t,]*<([^<>]*)>((?:[ \t]*;[ \t]*[a-zA-Z0-9*_-]+(?:[ \t]*=[ \t]*(?:"[^"]*"|[^\s",;]*))?)*)/;

/**
 * The `last` parameter of the page after this one. The address itself is never followed, so it may name whatever host it likes.
 * @returns undefined when there is no next page, or none that can be asked for. Never throws.
 */
export function nextPageAfter(header: string | undefined): string | undefined {
  const query = nextPageQuery(header);
  if (query === undefined) return undefined;
  const last = new URLSearchParams(query).get('last');
  return last === null || last === '' || last.length > MAX_LAST_CHARS ? undefined : last;
}

/** What stands behind the question mark of the page after this one, for lists whose pages are named otherwise. @returns as `nextPageAfter`. */
export function nextPageQuery(header: string | undefined): string | undefined {
  if (header === undefined || header.length > MAX_HEADER_CHARS) return undefined;
  let rest = header;
  for (;;) {
    const [whole, target, parameters] = LINK.exec(rest) ?? [];
    if (whole === undefined || target === undefined) return undefined;
    if (/;[ \t]*rel[ \t]*=[ \t]*"?(?:[^"]*[ ])?next(?:[ ][^"]*)?"?(?:[ \t]*;|[ \t]*$)/i.test(parameters ?? '')) {
      const [, query = ''] = /^[^?#]*\?([^#]*)/.exec(target) ?? [];
      return query === '' ? undefined : query;
    }
    rest = rest.slice(whole.length);
  }
}

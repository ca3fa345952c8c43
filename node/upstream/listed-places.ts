// Places that the operator listed as those that an upstream may send us to. Pure.

/** Whether this is one of them: listed with its port, or by its host alone for all ports. */
export function isListed(url: URL, places: ReadonlySet<string>): boolean {
  const usualPort = url.protocol === 'https:' ? 443 : 80;
  return places.has(url.hostname) || places.has(`${url.hostname}:${url.port === '' ? usualPort : url.port}`);
}

// The `Retry-After` header (RFC 9110, section 10.2.3): seconds, or a date.

/** Longest wait that an upstream may ask for, in seconds; a longer one counts as this. Hubs count pulls by windows of six hours. */
const MAX_WAIT_SECONDS = 6 * 3600;

/** Seconds to wait; undefined when the header is missing or says nothing. Never throws. */
export function retryAfterSeconds(header: string | undefined, wallMs: number): number | undefined {
  if (header === undefined || header.length > 64) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text), MAX_WAIT_SECONDS);
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return undefined;
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) return undefined;
  return Math.min(Math.max(0, Math.ceil((atMs - wallMs) / 1000)), MAX_WAIT_SECONDS);
}

// The `Warning` header of an answer that may be old.

/** All of a `Warning` header, code and quotes included; its text is cut to fit. */
const MAX_WARNING_CHARS = 4096;

/** RFC 9111's old warning line, which clients show to people. Anything that could end the header is taken out; nothing for no text. */
export function warningLine(text: string | undefined): string[] {
  if (text === undefined) return [];
  const plain = text.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, "'");
  const room = MAX_WARNING_CHARS - '299 - ""'.length;
  return ['Warning', `299 - "${plain.slice(0, room)}"`];
}

// YAML from outside, with bounds: its size, its depth and what its aliases may grow to. The only place that imports yaml.
//
// The parser recurses: text that is nested deep enough ends the process, and no `try` catches that. So depth is bounded
// before it runs, by counting what can open a level.

import type { YAMLError } from 'yaml';

/** Largest text, a larger one is refused: a full configuration has a page or two. */
const MAX_YAML_BYTES = 1024 * 1024;
/** Brackets that are open at a time, and further marks of levels in one line; more is refused. Real files have four or so. */
const MAX_OPEN_MARKS = 32;
/** Spaces before the first word of a line; more is refused. Each level of indentation takes one at least. */
const MAX_INDENT_CHARS = 128;
/** What aliases may grow to; beyond it the text is refused, as one that doubles itself line by line would fill the memory. */
const MAX_ALIASES = 100;

/** What the parser's codes mean to who wrote the text; its own sentences may show a piece of it. */
const REASONS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indented with a tab; use spaces',
  DUPLICATE_KEY: 'the same key twice',
  BAD_INDENT: 'indented otherwise than the lines that it belongs to, or a bracket is not closed',
  MISSING_CHAR: 'a quote, bracket or comma is missing',
  BLOCK_AS_IMPLICIT_KEY: 'text with ": " in it needs quotes',
  BAD_SCALAR_START: 'text that begins with @, %, ` or another special character needs quotes',
  BAD_DQ_ESCAPE: 'a backslash between double quotes; use single quotes',
  MULTILINE_IMPLICIT_KEY: 'a key without ":" after it',
};

/** A value whose scalars are text as it stands, so that whoever knows what is meant reads `0123` or `yes` as that. */
export type YamlTree = string | readonly YamlTree[] | ReadonlyMap<string, YamlTree>;

/** `problem` names the line and never shows what stands there: it may be a password. */
export type ReadYaml<T> =
  | { readonly type: 'value'; readonly value: T }
  | { readonly type: 'wrong'; readonly problem: string };

/** Reads a text into a tree of text; a text without anything in it is ''. Never throws. */
export async function readYamlTree(text: string): Promise<ReadYaml<YamlTree>> {
  const read = await readBounded(text, { schema: 'failsafe', mapAsMap: true });
  return read.type === 'wrong' ? read : asTree(read.value);
}

/** Reads a text by the usual rules: `1` is a number, `true` a truth, nothing is null. Never throws. */
export async function readYamlValue(text: string): Promise<ReadYaml<unknown>> {
  return readBounded(text, { schema: 'core', mapAsMap: false });
}

async function readBounded(
  text: string,
  options: { readonly schema: 'failsafe' | 'core'; readonly mapAsMap: boolean },
): Promise<ReadYaml<unknown>> {
  const excess = excessOf(text);
  if (excess !== undefined) return { type: 'wrong', problem: excess };
  const { parseDocument } = await import('yaml'); // only who has YAML pays for the parser
  try {
    const document = parseDocument(text, { schema: options.schema, merge: true, logLevel: 'silent' });
    const [error] = document.errors;
    if (error !== undefined) return { type: 'wrong', problem: syntaxProblem(error) };
    return { type: 'value', value: document.toJS({ mapAsMap: options.mapAsMap, maxAliasCount: MAX_ALIASES }) };
  } catch {
    // An alias that is not there, or too many; the message would show the text.
    return { type: 'wrong', problem: 'not valid YAML: an alias names nothing, or aliases grow too large' };
  }
}

function syntaxProblem({ code, linePos }: YAMLError): string {
  const line = linePos?.[0].line;
  const reason = REASONS[code];
  return `not valid YAML${line === undefined ? '' : ` in line ${line}`}${reason === undefined ? '' : `: ${reason}`}`;
}

/** What is too large or too deep; undefined when nothing is. */
function excessOf(text: string): string | undefined {
  if (Buffer.byteLength(text) > MAX_YAML_BYTES) return 'larger than a configuration may be (1 MiB)';
  let openBrackets = 0;
  let lineNumber = 0;
  for (const line of text.split(/\r\n?|\n/)) {
    lineNumber += 1;
    const indent = line.length - line.trimStart().length;
    const marks = line.match(/[-?:](?=\s|$)/g)?.length ?? 0;
    for (const character of line) {
      if (character === '[' || character === '{') openBrackets += 1;
      if (character === ']' || character === '}') openBrackets = Math.max(0, openBrackets - 1);
      if (openBrackets > MAX_OPEN_MARKS) return `nested too deep in line ${lineNumber}`;
    }
    if (marks > MAX_OPEN_MARKS || indent > MAX_INDENT_CHARS) return `nested too deep in line ${lineNumber}`;
  }
  return undefined;
}

function asTree(value: unknown): ReadYaml<YamlTree> {
  try {
    return { type: 'value', value: treeOf(value) };
  } catch (error) {
    if (error instanceof NotPlain) return { type: 'wrong', problem: error.message };
    throw error;
  }
}

class NotPlain extends Error {}

function treeOf(value: unknown): YamlTree {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(treeOf);
  if (!(value instanceof Map)) throw new NotPlain('something that is neither text, nor a list, nor names with values');
  const entries = [...(value as Map<unknown, unknown>)].map(([key, each]): [string, YamlTree] => {
    if (typeof key !== 'string') throw new NotPlain('a name that is not text');
    return [key, treeOf(each)];
  });
  return new Map(entries);
}

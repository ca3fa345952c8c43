// Named constants of a source file and their values, read from its text. Pure. It knows what such constants are made of
// (numbers, arithmetic, other constants, flat objects of these) and nothing else of the language.

/** A file of ours and its text. */
export interface SourceFile {
  /** From the top of the repository, with slashes. */
  readonly file: string;
  readonly text: string;
}

/** A constant at the top level of a file, named in capitals. */
export interface NamedConstant {
  readonly file: string;
  readonly name: string;
  /** Text of its doc comment on one line; empty without one. */
  readonly comment: string;
  /** A number, or the numbers of a flat object by key; absent for everything else. */
  readonly value: number | Readonly<Record<string, number>> | undefined;
}

const DECLARATION = /^(?:export )?const ([A-Z][A-Z0-9_]*)(?:: [^=]+)? = ([\s\S]*?);$/gm;
const COMMENT_BEFORE = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n$/;
const IMPORT = /^import \{([^}]*)\} from '(\.[^']*)';$/gm;
const FLAT_OBJECT = /^\{([^{}]*)\}(?: as const)?$/;
const TOKEN = /\s*(0x[0-9a-f_]+|\d[\d_.e]*|[A-Z][A-Z0-9_]*|\*\*|[-+*/()])/iy;

interface Declared {
  readonly expression: string;
  readonly comment: string;
}

/** Reads the constants of all files, since one may be made of another file's. In the order of the files. */
export function readConstants(sources: readonly SourceFile[]): readonly NamedConstant[] {
  const files = new Map(sources.map((source) => [source.file, new FileConstants(source)]));
  const constants: NamedConstant[] = [];
  for (const [file, { declared }] of files) {
    for (const [name, { expression, comment }] of declared) {
      constants.push({ file, name, comment, value: valueOf(expression, (other) => lookUp(files, file, other)) });
    }
  }
  return constants;
}

class FileConstants {
  readonly declared = new Map<string, Declared>();
  /** Where a name that is imported comes from. */
  readonly imported = new Map<string, { readonly file: string; readonly name: string }>();

  constructor({ file, text }: SourceFile) {
    for (const match of text.matchAll(DECLARATION)) {
      const [, name = '', expression = ''] = match;
      this.declared.set(name, { expression, comment: commentBefore(text.slice(0, match.index)) });
    }
    for (const [, names = '', path = ''] of text.matchAll(IMPORT)) {
      for (const part of names.split(',')) {
        const [name = '', local = name] = part.trim().split(/ as /);
        this.imported.set(local, { file: resolvePath(file, path), name });
      }
    }
  }
}

function commentBefore(text: string): string {
  const raw = COMMENT_BEFORE.exec(text)?.[1] ?? '';
  return raw
    .split('\n')
    .map((line) => line.replace(/^\s*\*/, '').trim())
    .join(' ')
    .trim();
}

function resolvePath(from: string, path: string): string {
  const parts = from.split('/').slice(0, -1);
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function lookUp(files: ReadonlyMap<string, FileConstants>, file: string, name: string): number | undefined {
  const own = files.get(file)?.declared.get(name);
  if (own !== undefined) return evaluate(own.expression, (other) => lookUp(files, file, other));
  const imported = files.get(file)?.imported.get(name);
  return imported === undefined ? undefined : lookUp(files, imported.file, imported.name);
}

type LookUp = (name: string) => number | undefined;

function valueOf(expression: string, known: LookUp): NamedConstant['value'] {
  const body = FLAT_OBJECT.exec(expression)?.[1];
  if (body === undefined) return evaluate(expression, known);
  const values: Record<string, number> = {};
  for (const entry of body.split(',').filter((each) => each.trim() !== '')) {
    const [key = '', inner = ''] = entry.split(':');
    const value = evaluate(inner, known);
    if (value === undefined) return undefined;
    values[key.trim()] = value;
  }
  return values;
}

/** Arithmetic with `+ - * / **` and parentheses. @returns undefined for anything else. */
function evaluate(expression: string, known: LookUp): number | undefined {
  const tokens = tokenize(expression);
  if (tokens === undefined) return undefined;
  let at = 0;
  const take = (...wanted: readonly string[]): string | undefined => {
    const token = tokens[at];
    if (token === undefined || !wanted.includes(token)) return undefined;
    at += 1;
    return token;
  };
  const atom = (): number => {
    if (take('(') !== undefined) {
      const inner = sum();
      return take(')') === undefined ? Number.NaN : inner;
    }
    if (take('-') !== undefined) return -atom();
    const token = tokens[at] ?? '';
    at += 1;
    return /^\d/.test(token) ? Number(token.replaceAll('_', '')) : (known(token) ?? Number.NaN);
  };
  const power = (): number => {
    const base = atom();
    return take('**') === undefined ? base : base ** power();
  };
  const product = (): number => {
    let value = power();
    for (let sign = take('*', '/'); sign !== undefined; sign = take('*', '/')) {
      value = sign === '*' ? value * power() : value / power();
    }
    return value;
  };
  const sum = (): number => {
    let value = product();
    for (let sign = take('+', '-'); sign !== undefined; sign = take('+', '-')) {
      value = sign === '+' ? value + product() : value - product();
    }
    return value;
  };
  const value = sum();
  return at === tokens.length && !Number.isNaN(value) ? value : undefined;
}

function tokenize(expression: string): readonly string[] | undefined {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  const text = expression.trim();
  for (let end = 0; end < text.length; end = TOKEN.lastIndex) {
    TOKEN.lastIndex = end;
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) return undefined;
    tokens.push(token);
  }
  return tokens;
}

// Which test covers which rule, read from the names of the tests; and the document that says so.

import type { RuleGroup } from '../test/support/registry-rules.ts';

/** A test file and its text. */
export interface TestSource {
  readonly file: string;
  readonly text: string;
}

/** Files that cover a rule, by its id, in order. */
export type Coverage = ReadonlyMap<string, readonly string[]>;

/** `[B-10 B-11]`, `(B-10, B-11)`, or ids alone between quotes as in a table of tests. */
const NAMED_RULES = /[[('`"]([A-Z]-\d+(?:,? [A-Z]-\d+)*)[\])'`"]/g;
/** Ids count where there is text in quotes: in names of tests, not in comments. */
const QUOTED_LINE = /^[^/*]*['`"]/;

/** Reads the ids in the names of tests. */
export function findCoverage(sources: readonly TestSource[]): Coverage {
  const coverage = new Map<string, string[]>();
  for (const { file, text } of sources) {
    if (file.endsWith('registry-rules.ts')) continue;
    const quoted = text.split('\n').filter((line) => QUOTED_LINE.test(line));
    for (const [, ids = ''] of quoted.join('\n').matchAll(NAMED_RULES)) {
      for (const id of ids.split(/,? /)) {
        const files = coverage.get(id) ?? [];
        if (!files.includes(file)) files.push(file);
        coverage.set(id, files);
      }
    }
  }
  for (const files of coverage.values()) files.sort();
  return coverage;
}

/** The text of docs/registry-rules.md. */
export function rulesDocument(groups: readonly RuleGroup[], coverage: Coverage): string {
  const lines = [
    '# Rules of the registry API and their tests',
    '',
    'Made by `npx tsx scripts/rules.ts` from `test/support/registry-rules.ts` and the names of the tests; do not edit.',
    'The ids stand in the names of tests in square brackets, so `grep -rn "B-10" test` finds what covers a rule.',
  ];
  for (const { title, rules } of groups) {
    lines.push('', `## ${title}`, '', '| rule | says | covered by |', '|---|---|---|');
    for (const { id, title: says, notTested } of rules) {
      const files = (coverage.get(id) ?? []).map((file) => `\`${file}\``);
      const reason = notTested === undefined ? [] : [`not tested: ${notTested}`];
      lines.push(`| ${id} | ${says} | ${[...files, ...reason].join(', ')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

// known/pulls.jsonl: a report of each blob that was pulled lately, one JSON document a line, the oldest first. Lines are appended
// and never flushed; a crash loses the last ones. When there are many more than are worth keeping it is written anew.

import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Check } from 'typebox/value';
import type { Logger } from '../../shared/runtime/log.ts';
import { makeFolders } from '../../shared/runtime/make-folders.ts';
import { KeptReport, type PullMemory } from '../pulls/pull-book.ts';
import { hasCode } from './flushed-file.ts';
import { FOLDER_MODE, FILE_MODE, TEMPORARY_SUFFIX } from './store-paths.ts';

/** Lines after which the file is written anew: it keeps a thousand, and each rewriting then saves another thousand. */
const MAX_LINES = 2000;
/** Reports that wait for the disk; further ones are not kept over a restart. */
const MAX_WAITING = 500;

export class PullReportsFile implements PullMemory, AsyncDisposable {
  readonly #log: Logger;
  readonly #folder: string;
  #waiting: KeptReport[] = [];
  #all: () => Iterable<KeptReport> = () => [];
  #lineCount = 0;
  #writing: Promise<void> | undefined;

  constructor(deps: { readonly log: Logger }, options: { readonly folder: string }) {
    this.#log = deps.log;
    this.#folder = options.folder;
  }

  async load(): Promise<readonly KeptReport[]> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (err) {
      if (!hasCode(err, 'ENOENT')) this.#log.warn({ err }, 'reports of earlier pulls cannot be read; starting without');
      return [];
    }
    const lines = text.split('\n').filter((line) => line !== '');
    const reports = lines.flatMap((line) => parseLine(line) ?? []);
    const lost = lines.length - reports.length;
    if (lost > 0) this.#log.warn({ lines: lost }, 'some reports of earlier pulls cannot be read; passed over');
    // What a crash cut off must not become the beginning of the next line.
    this.#lineCount = lost > 0 ? MAX_LINES : lines.length;
    return reports;
  }

  append(report: KeptReport, all: () => Iterable<KeptReport>): void {
    this.#all = all;
    if (this.#waiting.length >= MAX_WAITING) return;
    this.#waiting.push(report);
    this.#writing ??= this.#write();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
  }

  async #write(): Promise<void> {
    try {
      await makeFolders(this.#folder, FOLDER_MODE);
      while (this.#waiting.length > 0) {
        const reports = this.#waiting;
        this.#waiting = [];
        if (this.#lineCount + reports.length > MAX_LINES) await this.#writeAnew();
        else {
          await appendFile(this.#path, linesOf(reports), { mode: FILE_MODE });
          this.#lineCount += reports.length;
        }
      }
    } catch (err) {
      this.#log.warn({ err }, 'reports of pulls cannot be kept; a restart forgets them');
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeAnew(): Promise<void> {
    const reports = [...this.#all()];
    const temporary = this.#path + TEMPORARY_SUFFIX;
    await writeFile(temporary, linesOf(reports), { mode: FILE_MODE });
    await rename(temporary, this.#path);
    this.#lineCount = reports.length;
  }

  get #path(): string {
    return join(this.#folder, 'pulls.jsonl');
  }
}

function linesOf(reports: readonly KeptReport[]): string {
  return reports.map((report) => `${JSON.stringify(report)}\n`).join('');
}

function parseLine(line: string): KeptReport | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return Check(KeptReport, value) ? value : undefined;
  } catch {
    return undefined; // torn by a crash; the caller counts it
  }
}

/**
 * The files of a case, as texts by their names. Nothing here touches a disk: whoever reads the folder hands over what it holds, and what is not
 * one of the names below is looked at by nobody. Texts must be the bytes exactly, so that digests are those of the files.
 */
import { assertRecord, assertString } from '../assert.ts'
import { utf8ToBytes } from '../bytes.ts'
import { type Digest, digestBytes } from '../digest.ts'

/** File name, such as "plan.json", to its text. */
export interface CaseFiles {
  readonly [name: string]: string | undefined
}

/** Files that evidence speaks of, where they are there: the first six always are. */
export const EVIDENCE_FILES = [
  'plan.json',
  'prompts.jsonl',
  'answers.jsonl',
  'profile.json',
  'verdict.json',
  'case.json',
  'references.jsonl',
  'exposure.jsonl',
  'marked.jsonl',
  'instrument.jsonl',
  'tokenizer.json',
  'capabilities.json',
] as const

/** One of them. */
export type EvidenceFile = (typeof EVIDENCE_FILES)[number]

/** All that the package reads of a case. */
export const CASE_FILES: readonly string[] = [...EVIDENCE_FILES, 'evidence.json', 'timestamps.json']

/** What may lie beside them: the work of the program, and what was made of the case. */
export const BESIDE: readonly string[] = [
  'journal.jsonl',
  'tokenizer_config.json',
  'report.html',
  'report.json',
  'verify.mjs',
]

/**
 * The text of a file, from its bytes. A byte order mark stays, where a decoder left to itself would drop it and the digest would be another's.
 * @throws RangeError for what is not UTF-8.
 * @example
 * import { decodeCaseFile } from 'dyetrace/evidence'
 * decodeCaseFile(new TextEncoder().encode('{}'), { name: 'plan.json' }) // '{}'
 */
export function decodeCaseFile(bytes: Uint8Array, { name }: { readonly name: string }): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new RangeError(`"${name}" expected UTF-8 text, got other bytes`)
  }
}

/** Refuses what is not an object of texts: the caller's mistake, not the evidence's. */
export function assertCaseFiles(files: unknown): asserts files is CaseFiles {
  assertRecord(files, { name: 'files', expected: 'an object of file names and their texts' })
  for (const name of CASE_FILES) {
    if (Object.hasOwn(files, name) && files[name] !== undefined)
      assertString(files[name], { name: `files["${name}"]`, expected: 'the text of the file' })
  }
}

/** The text of a file, or undefined where there is none. */
export function textOf(files: CaseFiles, name: string): string | undefined {
  return Object.hasOwn(files, name) ? files[name] : undefined
}

/** The text of a file that a case cannot do without. */
export function neededText(files: CaseFiles, name: string): string {
  const text = textOf(files, name)
  if (text === undefined) throw new RangeError(`"${name}" expected the file, got none`)
  return text
}

/** SHA-256 of a file's bytes. */
export function fileDigest(text: string): Digest {
  return digestBytes(utf8ToBytes(text))
}

/**
 * Exit codes, and which error has which. 1 is never used on purpose: it is what runtimes give when a program crashes, and a crash must not
 * read as a verdict.
 */

import { SuspectError } from '../suspect/openai-compatible/suspect-error.ts'

/** 0 also stands for "insufficient" and "protocol-mismatch": the words say which. */
export const EXIT: Readonly<{ noEvidence: 0; evidence: 10; usage: 2; unfinished: 3 }> = Object.freeze({
  noEvidence: 0,
  evidence: 10,
  usage: 2,
  unfinished: 3,
})
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** The user can mend it: wrong words, a wrong file. */
export class InputError extends Error {
  override readonly name = 'InputError'
}

/** Begun and not finished: a server that does not answer, a full disk, Ctrl-C. */
export class UnfinishedError extends Error {
  override readonly name = 'UnfinishedError'
}

// How this package words what is wrong with what it was given.
const OF_INPUT = /\bexpected [\s\S]*\bgot\b/
const UNREADABLE = /: could not be read \(E/

/** Code of an error. What nobody foresaw is "could not finish", whatever its class. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof InputError) return EXIT.usage
  if (error instanceof UnfinishedError || !(error instanceof Error)) return EXIT.unfinished
  // Worded like the others, and about somebody else's server.
  if (error instanceof SuspectError) return EXIT.unfinished
  return OF_INPUT.test(error.message) || UNREADABLE.test(error.message) ? EXIT.usage : EXIT.unfinished
}

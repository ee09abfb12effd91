/**
 * A law: what must hold of every implementation of one kind (a PRF, a scheme). An implementation's test calls `testLaws` once;
 * laws.test.ts gives each law broken implementations that it must catch.
 */
import { test } from 'vitest'

export interface Law<Subject> {
  /** Left out where the law speaks of every subject. A law that says nothing about a subject is not run, and so not passed. */
  readonly appliesTo?: (subject: Subject) => boolean
  readonly check: (subject: Subject) => void
}

export type LawBook<Subject> = Readonly<Record<string, Law<Subject>>>

/** Registers one test a law that applies, in the describe block of the caller. */
export function testLaws<Subject>(laws: LawBook<Subject>, subject: Subject): void {
  for (const [name, law] of Object.entries(laws)) {
    if (applies(law, subject)) test(name, () => law.check(subject))
  }
}

export function applies<Subject>(law: Law<Subject>, subject: Subject): boolean {
  return law.appliesTo?.(subject) ?? true
}

/** Chance that a sound implementation fails one statistical law. */
export const FALSE_ALARM = 1e-6

import { expect, test } from 'vitest'
import { demoProblems, verdictLines } from '../../benchmarks/lab/check-demo.ts'

const thief = { suspect: 'thief', truth: 'thief', log10P: -12.3, decision: 'evidence' }
const innocent = { suspect: 'innocent', truth: 'innocent', log10P: -0.4, decision: 'no-evidence' }

function problemsOf(...suspects: object[]): string[] {
  return demoProblems(JSON.stringify({ seed: 'x', suspects }))
}

test('a thief caught and an innocent left alone are what is wanted', () => {
  expect(problemsOf(thief, innocent)).toEqual([])
  expect(problemsOf(thief, { ...innocent, decision: 'insufficient' })).toEqual([])
})

test('a verdict is a line', () => {
  expect(
    verdictLines(
      JSON.stringify({ suspects: [thief, { ...innocent, log10P: null, decision: 'insufficient' }] }),
    ),
  ).toEqual(['thief thief: log10 p = -12.3, evidence', 'innocent innocent: log10 p = null, insufficient'])
})

test.each([
  { what: 'a thief missed', rows: [{ ...thief, log10P: -4 }, innocent], says: 'thief thief: log10 p = -4' },
  {
    what: 'NaN, which JSON writes as null',
    rows: [{ ...thief, log10P: Number.NaN }, innocent],
    says: 'null',
  },
  { what: 'p as text', rows: [{ ...thief, log10P: '-9' }, innocent], says: 'log10 p = -9' },
  {
    what: 'an innocent accused',
    rows: [thief, { ...innocent, decision: 'evidence' }],
    says: 'decision evidence',
  },
  {
    what: 'a broken instrument',
    rows: [thief, { ...innocent, decision: 'protocol-mismatch' }],
    says: 'protocol-mismatch',
  },
  { what: 'a second row that fails', rows: [thief, innocent, { ...thief, log10P: 0 }], says: 'log10 p = 0' },
  { what: 'no innocent', rows: [thief], says: 'no innocent' },
  { what: 'no thief', rows: [innocent], says: 'no thief' },
  { what: 'an unknown truth', rows: [thief, innocent, { ...thief, truth: 'guilty' }], says: 'truth guilty' },
])('$what is a problem', ({ rows, says }) => {
  const problems = problemsOf(...rows)
  expect(problems).toHaveLength(1)
  expect(problems[0]).toContain(says)
})

test.each(['', '{', '[]', 'null', '{"suspects":1}', '> dyetrace demo\n{"suspects":[]}'])(
  'output %j is a problem',
  (json) => {
    expect(demoProblems(json)).toHaveLength(1)
  },
)

/**
 * Lists of a fixed size: scores of one context are a draw without replacement. All ways to spread up to 7 scores over contexts, for all lists of up
 * to 6 tokens, are enumerated; what `lnUpperTail` gives is never below the chance. The binomial tail by itself is, below the mean plus 1: the
 * control that the bound needs its condition.
 */
import { describe, expect, test } from 'vitest'
import { parseVerdict } from '../../src/detect/parse-verdict.ts'
import { resolveRule, tailOf, verdictOf } from '../../src/detect/verdict.ts'
import type { NullLaw } from '../../src/stats/law.ts'
import { lnUpperTail, lnUpperTailOfIndependent } from '../../src/stats/tail.ts'

function choose(n: number, k: number): number {
  if (k < 0 || k > n) return 0
  let out = 1
  for (let i = 1; i <= k; i++) out = (out * (n - k + i)) / i
  return Math.round(out)
}

/** P[k of m different tokens are in a list of g of V], k = 0..m. */
function drawn({ V, g, m }: { V: number; g: number; m: number }): number[] {
  return Array.from({ length: m + 1 }, (_, k) => (choose(m, k) * choose(V - m, g - k)) / choose(V, g))
}

function plus(a: readonly number[], b: readonly number[]): number[] {
  const out = new Array<number>(a.length + b.length - 1).fill(0)
  for (const [i, x] of a.entries()) for (const [j, y] of b.entries()) out[i + j]! += x * y
  return out
}

/** Partitions of n into parts of at most `most`, largest first. */
function partitions(n: number, most: number): number[][] {
  if (n === 0) return [[]]
  return Array.from({ length: Math.min(n, most) }, (_, i) => i + 1).flatMap((part) =>
    partitions(n - part, part).map((rest) => [part, ...rest]),
  )
}

interface Case {
  readonly law: NullLaw & { readonly kind: 'bernoulli' }
  readonly n: number
  readonly sum: number
  readonly chance: number
}

const cases: Case[] = []
for (let V = 2; V <= 6; V++)
  for (let g = 1; g < V; g++)
    for (let n = 1; n <= 7; n++)
      for (const parts of partitions(n, V)) {
        const pmf = parts.map((m) => drawn({ V, g, m })).reduce(plus)
        for (let sum = 0; sum <= n; sum++) {
          const chance = pmf.slice(sum).reduce((total, x) => total + x, 0)
          cases.push({ law: { kind: 'bernoulli', p: g / V, fixedSize: true }, n, sum, chance })
        }
      }

const SLACK = 1 + 1e-12

describe('lists of a fixed size', () => {
  test(`the tail is at least the chance, in ${cases.length} cases`, () => {
    expect(cases.length).toBeGreaterThan(3000)
    for (const { law, n, sum, chance } of cases)
      expect(chance, JSON.stringify({ law, n, sum })).toBeLessThanOrEqual(
        Math.exp(lnUpperTail(law, { sum, n })) * SLACK,
      )
  })

  test('of independent scores it is not, but from the mean plus 1 on it is the same', () => {
    const broken = cases.filter(
      ({ law, n, sum, chance }) => chance > Math.exp(lnUpperTailOfIndependent(law, { sum, n })) * SLACK,
    )
    expect(broken.length).toBeGreaterThan(100)
    for (const { law, n, sum } of broken) expect(sum - 1).toBeLessThan(n * law.p)
    for (const { law, n, sum } of cases.filter(({ law, n, sum }) => sum - 1 >= n * law.p))
      expect(lnUpperTail(law, { sum, n })).toBe(lnUpperTailOfIndependent(law, { sum, n }))
  })

  test('two tokens of a list of one in a hundred: chance 2 in 100, no less', () => {
    const law: NullLaw = { kind: 'bernoulli', p: 0.01, fixedSize: true }
    expect(Math.exp(lnUpperTailOfIndependent(law, { sum: 1, n: 2 }))).toBeLessThan(0.02)
    expect(lnUpperTail(law, { sum: 1, n: 2 })).toBe(0)
    expect(lnUpperTail(law, { sum: 0, n: 0 })).toBe(0)
    expect(() => lnUpperTail(law, { sum: 0.5, n: 2 })).toThrow(RangeError)
  })
})

describe('verdicts say where the tail is a bound', () => {
  test.each<[NullLaw, 'exact' | 'bound']>([
    [{ kind: 'bernoulli', p: 0.25 }, 'exact'],
    [{ kind: 'bernoulli', p: 0.25, fixedSize: true }, 'bound'],
    [{ kind: 'binomial', trials: 30, p: 0.5 }, 'exact'],
    [{ kind: 'exponential' }, 'exact'],
    [{ kind: 'exponential', levels: 2 ** 24 }, 'exact'],
    [{ kind: 'exponential', levels: 8191 }, 'bound'],
    [{ kind: 'hypoexponential', alpha: 0.1 }, 'bound'],
  ])('%o: %s', (law, tail) => {
    expect(tailOf(law)).toBe(tail)
    const subject = { method: 'detect', scheme: 'hf/kgw-cpu', keyId: '0123456789abcdef', seen: 200 }
    const rule = resolveRule({ alpha: 0.01 })
    for (const sum of [20, 40, 90, 100]) {
      const verdict = verdictOf({ sum, n: 100, law }, subject, rule)
      expect(verdict.tail).toBe(tail)
      expect(parseVerdict(JSON.stringify(verdict))).toEqual(verdict)
      // A bound or not, it follows from the sum, and is made again.
      expect(() => parseVerdict({ ...verdict, lnP: verdict.lnP - 1e-6 })).toThrow(/"verdict.l/)
      const other = tail === 'exact' ? 'bound' : 'exact'
      expect(() => parseVerdict({ ...verdict, tail: other })).toThrow(/"verdict.tail"/)
    }
  })
})

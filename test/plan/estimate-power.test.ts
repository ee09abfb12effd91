/**
 * Power, held against sums that are written out here term by term: the number of pairs that is named is enough, so are all larger ones,
 * and one fewer is not. Nothing is simulated.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  estimatePlanPower,
  estimatePower,
  formatPower,
  type PowerQuestion,
} from '../../src/plan/estimate-power.ts'
import { createPlan, type PlanOptions } from '../../src/plan/plan.ts'
import { lnEValue } from '../../src/stats/e-value.ts'
import { expectRefusal, type Kind, wrongValues } from '../support/wrong-values.ts'

const quarter = { kind: 'bernoulli', p: 0.25 } as const
const tournament = { kind: 'binomial', trials: 10, p: 0.5 } as const
const exponential = { kind: 'exponential' } as const

/** P[Bin(n, p) >= k], by adding up what may happen, smallest terms first. */
function binomialTail(k: number, n: number, p: number): number {
  let lnTerm = n * Math.log(p)
  let tail = 0
  for (let ones = n; ones >= k; ones--) {
    tail += Math.exp(lnTerm)
    lnTerm += Math.log(ones / (n - ones + 1)) + Math.log1p(-p) - Math.log(p)
  }
  return tail
}

/** P[Gamma(n, 1) >= x], as the chance that a Poisson process has fewer than n points by then. */
function gammaTail(x: number, n: number): number {
  let lnTerm = -x
  let tail = 0
  for (let points = 0; points < n; points++) {
    tail += Math.exp(lnTerm)
    lnTerm += Math.log(x / (points + 1))
  }
  return tail
}

function leastInteger(holds: (k: number) => boolean): number {
  let k = 0
  while (!holds(k)) k++
  return k
}

/** The exact chance that n pairs whose bits have this rate are evidence at alpha. */
function binomialPower(n: number, { p, rate, alpha }: { p: number; rate: number; alpha: number }): number {
  const critical = leastInteger((k) => binomialTail(k, n, p) <= alpha)
  return binomialTail(critical, n, rate)
}

describe('pairs needed', () => {
  test.each([
    { p: 0.25, effect: 0.5, alpha: 1e-6, power: 0.8 },
    { p: 0.25, effect: 0.9, alpha: 1e-3, power: 0.95 },
    { p: 0.5, effect: 0.4, alpha: 1e-4, power: 0.5 },
    { p: 9 / 256, effect: 0.6, alpha: 1e-5, power: 0.9 },
    { p: 0.9, effect: 0.33, alpha: 1e-2, power: 0.8 },
  ])('of bits: %o is met by the exact power from there on, and not by one pair fewer', (given) => {
    const { p, effect, alpha, power } = given
    const rate = p + effect * Math.sqrt(p * (1 - p))
    const question = { law: { kind: 'bernoulli', p }, effect, alpha, power, minimumCounted: 1 } as const
    const { needed, law } = estimatePower(question)
    const n = needed!.counted
    expect(law).toBe('exact')
    expect(needed!.power).toBeCloseTo(binomialPower(n, { p, rate, alpha }), 10)
    expect(binomialPower(n - 1, { p, rate, alpha })).toBeLessThan(power)
    for (let more = n; more < n + 150; more++)
      expect(binomialPower(more, { p, rate, alpha })).toBeGreaterThanOrEqual(power)
  })

  test('the saw is real: a smaller number met the target by chance, and is not what is named', () => {
    const about = { p: 0.25, rate: 0.25 + 0.5 * Math.sqrt(3 / 16), alpha: 1e-6 }
    const { needed } = estimatePower({ law: quarter, effect: 0.5, minimumCounted: 1 })
    const lucky = leastInteger((n) => binomialPower(n, about) >= 0.8)
    expect(lucky).toBeLessThan(needed!.counted)
  })

  test.each([0.3, 0.5, 1])('of ten bits each, shifted by %d', (effect) => {
    const about = { p: 0.5, rate: 0.5 + (effect * 0.5) / Math.sqrt(10), alpha: 1e-6 }
    const n = estimatePower({ law: tournament, effect, minimumCounted: 1 }).needed!.counted
    expect(binomialPower(10 * (n - 1), about)).toBeLessThan(0.8)
    for (let more = n; more < n + 10; more++)
      expect(binomialPower(10 * more, about)).toBeGreaterThanOrEqual(0.8)
  })

  test.each([0.3, 1, 4])('of exponential scores with a mean larger by %d', (effect) => {
    const powerAt = (n: number): number => {
      let [low, high] = [n, 20 * n + 100]
      for (let step = 0; step < 60; step++) {
        const middle = (low + high) / 2
        if (gammaTail(middle, n) <= 1e-6) high = middle
        else low = middle
      }
      return gammaTail(high / (1 + effect), n)
    }
    const { needed } = estimatePower({ law: exponential, effect, minimumCounted: 1 })
    const n = needed!.counted
    expect(needed!.power).toBeCloseTo(powerAt(n), 8)
    expect(powerAt(n - 1)).toBeLessThan(0.8)
    for (let more = n; more < n + 30; more++) expect(powerAt(more)).toBeGreaterThanOrEqual(0.8)
  })

  test('watched: the e-value at that number is enough by itself, at one fewer it is not', () => {
    const effect = 0.5
    const rate = 0.25 + effect * Math.sqrt(3 / 16)
    const stopping = { rule: 'e-process', fresh: true } as const
    const { needed } = estimatePower({ law: quarter, effect, stopping })
    const powerAt = (n: number): number => {
      const critical = leastInteger((sum) => sum > n || lnEValue(quarter, { sum, n }) >= Math.log(1e6))
      return binomialTail(critical, n, rate)
    }
    const n = needed!.counted
    expect(powerAt(n)).toBeGreaterThanOrEqual(0.8)
    expect(powerAt(n)).toBeCloseTo(needed!.power, 10)
    expect(powerAt(n - 1)).toBeLessThan(0.8)
    expect(n).toBeGreaterThan(estimatePower({ law: quarter, effect }).needed!.counted)
  })

  test('watched, of exponential scores: one alone is never enough, and more are', () => {
    const stopping = { rule: 'e-process', fresh: true } as const
    const question = { law: exponential, stopping, minimumCounted: 1, observationsPerToken: 1 }
    const at = (tokens: number) => estimatePower({ ...question, budget: { tokens } }).affordable!
    expect(at(1)).not.toHaveProperty('effect')
    expect(at(10).effect).toBeGreaterThan(at(20).effect!)
    const { needed } = estimatePower({ ...question, effect: at(20).effect! })
    expect(needed!.counted).toBe(20)
  })

  test('of two exponential scores at a time', () => {
    const law = { kind: 'hypoexponential', alpha: 0.5 } as const
    // Half the sum of two: n of them are half a Gamma(2 n, 1), and one deviation is sqrt(1/2).
    const half = estimatePower({ law, effect: 0.3, minimumCounted: 1 }).needed!
    const whole = estimatePower({ law: exponential, effect: 0.3 * Math.SQRT1_2, minimumCounted: 1 }).needed!
    expect(half.counted).toBe(Math.ceil(whole.counted / 2))
  })

  test('looks: the first that is enough at its own level', () => {
    const stopping = { rule: 'looks', first: 50, looks: 6 } as const
    const { needed } = estimatePower({ law: quarter, effect: 0.4, stopping, minimumCounted: 1 })
    const rate = 0.25 + 0.4 * Math.sqrt(3 / 16)
    const chances = [0, 1, 2, 3, 4, 5].map((k) =>
      binomialPower(50 * 2 ** k, { p: 0.25, rate, alpha: 1e-6 / ((k + 1) * (k + 2)) }),
    )
    const look = chances.findIndex((chance) => chance >= 0.8)
    expect(look).toBeGreaterThan(0)
    expect(needed).toMatchObject({ look, counted: 50 * 2 ** look })
    expect(needed!.power).toBeCloseTo(chances[look]!, 10)
    const few = estimatePower({ law: quarter, effect: 0.4, stopping: { ...stopping, looks: look } })
    expect(few.needed).toBeUndefined()
  })

  test('never fewer than are judged at all', () => {
    const question = { law: quarter, effect: 1.7 } as const
    expect(estimatePower({ ...question, minimumCounted: 1 }).needed!.counted).toBeLessThan(64)
    expect(estimatePower(question).needed!.counted).toBe(64)
    expect(estimatePower({ ...question, budget: { tokens: 100 } }).affordable).toMatchObject({ power: 0 })
  })

  test('m keys are a level of alpha / m', () => {
    for (const stopping of [
      { rule: 'fixed' },
      { rule: 'looks', first: 250, looks: 4 },
      { rule: 'e-process', fresh: false },
    ] as const) {
      const question = { law: quarter, effect: 0.3, stopping }
      const m = estimatePower({ ...question, keys: 50 })
      const one = estimatePower({ ...question, alpha: 1e-6 / 50 })
      expect(m.needed).toEqual(one.needed)
      expect(m.needed!.power).not.toBe(estimatePower(question).needed!.power)
    }
  })

  test('an effect that no number shows is said to need none that exists', () => {
    expect(estimatePower({ law: quarter, effect: 1e-5 }).needed).toBeUndefined()
    expect(estimatePower({ law: exponential, effect: 1e-5 }).needed).toBeUndefined()
  })

  test('the contrast is an estimate: deviations of the bound and of the wanted chance over the effect', () => {
    const { needed, law } = estimatePower({ law: quarter, effect: 0.1, statistic: 'contrast' })
    expect(law).toBe('estimate')
    // 0.841621 is the upper 20 % point of the normal law.
    const n = ((Math.sqrt(2 * Math.log(1e6)) + 0.841621) / 0.1) ** 2
    expect(Math.abs(needed!.counted - n)).toBeLessThan(2)
  })
})

describe('the least effect that is found', () => {
  test('of bits: it has the wanted power, and a little less has not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 100, max: 400 }),
        fc.double({ min: 0.1, max: 0.6, noNaN: true }),
        fc.constantFrom(0.5, 0.8, 0.95),
        (tokens, p, power) => {
          const law = { kind: 'bernoulli', p } as const
          const question = { law, power, alpha: 1e-3, minimumCounted: 1, observationsPerToken: 1 }
          const { effect } = estimatePower({ ...question, budget: { tokens } }).affordable!
          const at = (d: number): number =>
            binomialPower(tokens, { p, rate: p + d * Math.sqrt(p * (1 - p)), alpha: 1e-3 })
          expect(at(effect! * (1 + 1e-9))).toBeGreaterThanOrEqual(power)
          expect(at(effect! * (1 - 1e-6))).toBeLessThan(power)
        },
      ),
      { seed: 2, numRuns: 40 },
    )
  })

  test('too few pairs for any effect find none', () => {
    const question = { law: quarter, minimumCounted: 1, observationsPerToken: 1 } as const
    // (1/4)^9 = 3.8e-6, (1/4)^10 = 9.5e-7.
    expect(estimatePower({ ...question, budget: { tokens: 9 } }).affordable).not.toHaveProperty('effect')
    const ten = estimatePower({ ...question, budget: { tokens: 10 } }).affordable!
    expect(ten.effect).toBeGreaterThan(1.6)
    expect(
      estimatePower({ ...question, budget: { tokens: 1 }, law: exponential }).affordable!.effect,
    ).toBeGreaterThan(10)
  })

  test('it falls as the budget grows, and the assumed effect is found just when it is not smaller', () => {
    let before = Infinity
    for (const tokens of [200, 400, 1000, 3000, 10_000, 100_000]) {
      const { affordable } = estimatePower({ law: quarter, effect: 0.2, budget: { tokens } })
      expect(affordable!.effect).toBeLessThan(before)
      before = affordable!.effect!
      expect(affordable!.power! >= 0.8).toBe(before <= 0.2)
    }
  })

  test('looks: of the last that is reached', () => {
    const looks = { law: quarter, stopping: { rule: 'looks', first: 250, looks: 3 } } as const
    const at = (tokens: number) =>
      estimatePower({ ...looks, observationsPerToken: 1, budget: { tokens } }).affordable!.effect
    expect(at(249)).toBeUndefined()
    expect(at(250)).toBe(at(499))
    expect(at(500)).toBeLessThan(at(499)!)
    expect(at(1e9)).toBe(at(1000))
  })
})

describe('what it costs', () => {
  const rates = { share: 0.5, pairsPerObservation: 0.8, observationsPerToken: 0.5 }
  const price = { amount: 10, currency: 'EUR', perMillionTokens: 2 }

  test('each amount follows from the one before it, rounded up', () => {
    const perAnswer = { tokens: 100, paid: 130.5 }
    const { needed } = estimatePower({ law: quarter, effect: 0.5, ...rates, perAnswer, budget: { price } })
    const { counted } = estimatePower({ law: quarter, effect: 0.5 }).needed!
    const observations = Math.ceil(counted / 0.4)
    const answers = Math.ceil((2 * observations) / 100)
    const paid = Math.ceil(answers * 130.5)
    expect(needed).toMatchObject({ counted, observations, tokens: 2 * observations, answers, paid })
    expect(needed!.price).toEqual({ amount: (2 * paid) / 1e6, currency: 'EUR' })
  })

  test('a budget is never exceeded, and what is needed for an effect finds it', () => {
    fc.assert(
      fc.property(
        fc.record({ answers: fc.integer({ min: 1, max: 1000 }), tokens: fc.integer({ min: 1, max: 1e6 }) }),
        fc.record({ tokens: fc.integer({ min: 1, max: 500 }), paid: fc.integer({ min: 1, max: 900 }) }),
        fc.double({ min: 0.01, max: 5, noNaN: true }),
        (budget, perAnswer, amount) => {
          const limit = { ...budget, price: { ...price, amount } }
          const { affordable } = estimatePower({ law: quarter, ...rates, perAnswer, budget: limit })
          const { answers, paid, tokens, observations, counted } = affordable!
          expect(answers).toBeLessThanOrEqual(budget.answers)
          expect(paid).toBeLessThanOrEqual(budget.tokens)
          expect(affordable!.price!.amount).toBeLessThanOrEqual(amount)
          expect(tokens).toBe(answers! * perAnswer.tokens)
          expect(observations).toBeLessThanOrEqual(tokens / 2)
          expect(counted).toBeLessThanOrEqual(observations * 0.4)
          // The next answer would be too much.
          const next = (answers! + 1) * perAnswer.paid
          expect(answers === budget.answers || next > Math.min(budget.tokens, (amount / 2) * 1e6 - 1)).toBe(
            true,
          )
        },
      ),
      { seed: 3, numRuns: 200 },
    )
    const { needed } = estimatePower({ law: quarter, effect: 0.3, ...rates })
    const { affordable } = estimatePower({
      law: quarter,
      effect: 0.3,
      ...rates,
      budget: { tokens: needed!.tokens },
    })
    expect(affordable!.power).toBeGreaterThanOrEqual(0.8)
  })

  test('the contrast pools pairs: repeating itself costs nothing there', () => {
    const question = { law: quarter, effect: 0.1, statistic: 'contrast', observationsPerToken: 1 } as const
    const { needed } = estimatePower({ ...question, pairsPerObservation: 0.1 })
    expect(needed!.observations).toBe(needed!.counted)
  })
})

describe('of a plan', () => {
  const options: PlanOptions = {
    suspect: 'model-x',
    access: 'text',
    contextWidth: 1,
    vocabularySize: 64,
    prompts: Array.from({ length: 200 }, (_, i) => [i % 64, Math.floor(i / 64), 3, 4]),
    origin: 'a test',
    completion: { maxTokens: 100 },
    power: { target: 0.9, effect: 0.1 },
    family: [{ keyId: '0123456789abcdef' }, { keyId: '0123456789abcdee' }],
  }

  test('level, family, effect, sizes and limits are its own', () => {
    const pilot = { pairsPerObservation: 0.5 }
    expect(estimatePlanPower(createPlan(options), quarter, pilot)).toEqual(
      estimatePower({
        law: quarter,
        keys: 2,
        effect: 0.1,
        power: 0.9,
        perAnswer: { tokens: 100, paid: 104 },
        budget: { answers: 200 },
        ...pilot,
      }),
    )
  })

  test('a budget beyond the prompts is no help unless prompts are chosen on the way', () => {
    const budget = { answers: 300 }
    const answersOf = (stopping: NonNullable<PlanOptions['stopping']>) =>
      estimatePlanPower(createPlan({ ...options, budget, stopping }), quarter).affordable!.answers
    expect(answersOf({ rule: 'fixed' })).toBe(200)
    expect(answersOf({ rule: 'e-process', fresh: false })).toBe(200)
    expect(answersOf({ rule: 'e-process', fresh: true })).toBe(300)
  })

  test('where probabilities are read, the positions are those of the prompts', () => {
    const { completion: _, ...rows } = options
    const { affordable } = estimatePlanPower(createPlan({ ...rows, access: 'rows' }), quarter)
    expect(affordable).toMatchObject({ answers: 200, tokens: 800, paid: 800 })
  })
})

describe('as text', () => {
  test('all of it', () => {
    const estimate = estimatePower({
      law: quarter,
      effect: 0.1,
      keys: 12,
      perAnswer: { tokens: 256, paid: 300 },
      budget: { price: { amount: 0.05, currency: 'EUR', perMillionTokens: 10 } },
    })
    expect(formatPower(estimate)).toMatchInlineSnapshot(`
      "To find an effect of 0.1 null standard deviations a pair at 1e-6 over 12 keys with 80 % (exact law): 3,882 counted pairs, 3,882 observations, 6,212 tokens, 25 answers, 7,500 tokens paid for, 0.08 EUR.
      With the budget: 2,560 counted pairs, 2,560 observations, 4,096 tokens, 16 answers, 4,800 tokens paid for, 0.05 EUR. They find an effect of 0.124 or more null standard deviations a pair at 1e-6 over 12 keys with 80 % (exact law). The assumed effect is found with 38.5 %."
    `)
  })

  test('what is missing is not made up', () => {
    expect(
      formatPower(estimatePower({ law: quarter, effect: 1e-5, budget: { tokens: 30 } })),
    ).toMatchInlineSnapshot(`
      "To find an effect of 0.00001 null standard deviations a pair at 1e-6 with 80 % (exact law): no planned number is enough.
      With the budget: 18 counted pairs, 18 observations, 30 tokens. They find no effect at 1e-6 with 80 % (exact law). The assumed effect is found with 0 %."
    `)
    expect(
      formatPower(
        estimatePower({
          law: quarter,
          effect: 0.2,
          statistic: 'contrast',
          stopping: { rule: 'looks', first: 250, looks: 4 },
        }),
      ),
    ).toMatchInlineSnapshot(
      `"To find an effect of 0.2 null standard deviations a position at 1e-6 with 80 % (an estimate): 2,000 counted positions, 2,000 observations, 3,200 tokens, at look 4."`,
    )
    expect(formatPower(estimatePower({ law: quarter }))).toBe('')
  })
})

test('frozen, and JSON', () => {
  const estimate = estimatePower({ law: exponential, effect: 0.3, budget: { tokens: 100 } })
  for (const part of [estimate, estimate.needed, estimate.affordable])
    expect(Object.isFrozen(part)).toBe(true)
  expect(JSON.parse(JSON.stringify(estimate))).toEqual(estimate)
})

describe('refused by name', () => {
  const accepted: Record<keyof PowerQuestion, readonly Kind[]> = {
    law: [],
    effect: ['undefined'],
    alpha: ['undefined'],
    power: ['undefined'],
    keys: ['undefined'],
    statistic: ['undefined'],
    stopping: ['undefined'],
    minimumCounted: ['undefined'],
    share: ['undefined'],
    pairsPerObservation: ['undefined'],
    observationsPerToken: ['undefined'],
    perAnswer: ['undefined'],
    budget: ['undefined'],
  }
  // Numbers that are in range for one or the other.
  const mayBe1 = ['effect', 'keys', 'minimumCounted', 'share', 'pairsPerObservation', 'observationsPerToken']
  describe.each(Object.entries(accepted))('%s', (name, except) => {
    const wrong = wrongValues({ except }).filter(
      ([, value]) => !(value === 1 && mayBe1.includes(name)) && !(value === 1.5 && name === 'effect'),
    )
    test.each(wrong)('%s', (_, value) => {
      const call = () => estimatePower({ law: quarter, [name]: value })
      expectRefusal(call, name === 'law' ? 'law' : `question.${name}`)
    })
  })

  test.each<[object, string]>([
    [{ effect: 1.8 }, 'question.effect'],
    [{ budget: { answers: 3 } }, 'question.perAnswer'],
    [{ perAnswer: { tokens: 0 } }, 'question.perAnswer.tokens'],
    [{ perAnswer: { tokens: 1, paid: -1 } }, 'question.perAnswer.paid'],
    [{ stopping: { rule: 'looks', looks: 3 } }, 'question.stopping.first'],
    [{ tokens: 3 }, 'question'],
  ])('%o', (question, name) => {
    expectRefusal(() => estimatePower({ law: quarter, ...question }), name)
  })
})

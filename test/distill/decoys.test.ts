/** The decoy exhibit: nobody picks the decoys, everything about them can be computed again, and they look as chance must. */
import { createHash } from 'node:crypto'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { hexToBytes } from '../../src/bytes.ts'
import { contrastPairs } from '../../src/distill/contrast.ts'
import { countPairs } from '../../src/distill/count.ts'
import { decoyExhibit, decoyMaterial } from '../../src/distill/decoys.ts'
import { textObservations } from '../../src/distill/observations.ts'
import { poolPairs } from '../../src/distill/pairs.ts'
import { ownPairs, weightedScoreSum } from '../../src/distill/score-pairs.ts'
import { decoyKeys, deriveMarkKeys } from '../../src/keys/mark-key.ts'
import { createPlan, planDigest } from '../../src/plan/plan.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { profileWithKey } from '../support/keys.ts'
import { kolmogorovBand } from '../support/tolerance.ts'
import { language, marked, rowsCase, textCase, textsOf } from '../support/toy-models.ts'

const V = 64
const provider = language('provider', { vocabularySize: V })
const sequences = textsOf(language('public', { vocabularySize: V }), {
  count: 6,
  length: 24,
  vocabularySize: V,
  random: seedrandom('sequences'),
})
const innocent = rowsCase(
  language('innocent', { vocabularySize: V }),
  { sequences, references: [provider] },
  { vocabularySize: V },
)
const pairs = contrastPairs(innocent.observations.list, 1)
const { profile, key } = profileWithKey('decoys', { vocabularySize: V })
const scheme = schemeOf(profile, { lanes: 1 })
const tested = { scheme, key, lane: 0 }
const material = decoyMaterial(innocent.plan, innocent.observations)

describe('material', () => {
  const answers = [{ prompt: [1, 2], completion: [3, 4] }]
  const plan = createPlan({
    suspect: 'x',
    access: 'text',
    contextWidth: 1,
    vocabularySize: V,
    prompts: [[1, 2]],
    origin: 'a test',
  })
  const observe = (list: typeof answers, vocabularySize = V) =>
    textObservations(list, { contextWidth: 1, vocabularySize })
  const hex = (of: Uint8Array) => Buffer.from(of).toString('hex')

  test('is the digest of the plan and of what was said', () => {
    const said = createHash('sha256').update('[[2],[3],[1]]\n[[3],[4],[1]]\n').digest('hex')
    expect(hex(decoyMaterial(plan, observe(answers)))).toBe(planDigest(plan).slice(7) + said)
  })

  test('is the same for the same, and changes with every field of the plan and every answer', () => {
    const of = (change: object, list = answers) => hex(decoyMaterial({ ...plan, ...change }, observe(list)))
    expect(of({})).toBe(of({}))
    const other = [
      of({ suspect: 'y' }),
      of({ alpha: 1e-5 }),
      of({ decoys: 10 }),
      of({ prompts: { ...plan.prompts, origin: 'another' } }),
      of({}, [{ prompt: [1, 2], completion: [3, 5] }]),
      of({}, [{ prompt: [1, 2], completion: [3] }]),
      of({}, [{ prompt: [1, 7], completion: [3, 4] }]),
      of({}, [...answers, ...answers]),
    ]
    expect(new Set([of({}), ...other]).size).toBe(other.length + 1)
  })

  test('the head of a chain of answers stands in for the observations', () => {
    const head = `sha256:${'ab'.repeat(32)}` as const
    const made = hex(decoyMaterial(plan, observe(answers), head))
    expect(made).toBe(planDigest(plan).slice(7) + 'ab'.repeat(32))
  })

  test('changes with a single probability', () => {
    const { plan, observations } = innocent
    const list = observations.list.map((observation, i) =>
      i === 7
        ? { ...observation, weights: Float64Array.from(observation.weights, (p) => p * 0.999) }
        : observation,
    )
    expect(hex(decoyMaterial(plan, { ...observations, list }))).not.toBe(hex(material))
  })
})

describe('exhibit', () => {
  const count = 400
  const exhibit = decoyExhibit(pairs, tested, { material, count })!
  const draws = Array.from(decoyKeys(key, { material, count }), (decoy) =>
    weightedScoreSum(pairs, { ...tested, key: decoy }),
  )

  test('is a function of its arguments', () => {
    expect(decoyExhibit(pairs, tested, { material, count })).toEqual(exhibit)
    const other = decoyExhibit(pairs, tested, { material: hexToBytes('00'.repeat(64)), count })!
    expect(other.mean).not.toBe(exhibit.mean)
  })

  test('frozen, and says only numbers', () => {
    expect(Object.isFrozen(exhibit)).toBe(true)
    const { uniformity, ...numbers } = exhibit
    expect(new Set(Object.values(numbers).map((value) => typeof value))).toEqual(new Set(['number']))
    for (const part of [uniformity, uniformity.points, ...uniformity.points])
      expect(Object.isFrozen(part)).toBe(true)
  })

  test('p counts the decoys that reach the tested sum, ties included', () => {
    const sum = weightedScoreSum(pairs, tested)
    const reached = draws.filter((draw) => draw >= sum).length
    expect(reached).toBeGreaterThan(0)
    expect(exhibit).toMatchObject({ count, p: (1 + reached) / (count + 1), floor: 1 / (count + 1) })
    // A single pair: half of the decoys tie with the key or more.
    const single = poolPairs([{ window: [1], token: 2, value: 1 }], 1)
    const ties = decoyExhibit(single, tested, { material, count })!
    const green = weightedScoreSum(single, tested)
    const tied = Array.from(decoyKeys(key, { material, count })).filter(
      (decoy) => weightedScoreSum(single, { ...tested, key: decoy }) >= green,
    )
    expect(ties.p).toBe((1 + tied.length) / (count + 1))
  })

  test('mean and standard deviation of the decoys are those of the null law', () => {
    // A mean of m standardised draws is off by 1 / sqrt(m), their standard deviation by about 1 / sqrt(2 m) (the law of a sum of
    // thousands of bits has no more kurtosis than a normal one); 4.9 of these are passed once in a million.
    expect(Math.abs(exhibit.mean)).toBeLessThan(4.9 / Math.sqrt(count))
    expect(Math.abs(exhibit.standardDeviation - 1)).toBeLessThan(4.9 / Math.sqrt(2 * count))
  })

  test('an instrument that is out of order shows: gamma misstated, or the same pair scored again and again', () => {
    const misstated = { ...scheme, nullLaw: { kind: 'bernoulli', p: 0.3 } as const }
    const { mean } = decoyExhibit(
      countPairs(innocent.observations.list, 1),
      { ...tested, scheme: misstated },
      { material, count },
    )!
    expect(Math.abs(mean)).toBeGreaterThan(4.9 / Math.sqrt(count))
    const { pairs: words, coefficients } = pairs
    const twice = {
      contextWidth: 1,
      pairs: Uint32Array.of(...words, ...words),
      coefficients: Float64Array.of(...coefficients, ...coefficients),
    }
    const { standardDeviation } = decoyExhibit(twice, tested, { material, count })!
    expect(Math.abs(standardDeviation - 1)).toBeGreaterThan(4.9 / Math.sqrt(2 * count))
  })

  describe('uniformity', () => {
    const many = 2000
    const counted = countPairs(innocent.observations.list, 1)

    test('shares of decoys beyond a row of points, beside the tails of the law: exact for equal coefficients', () => {
      const { uniformity } = decoyExhibit(counted, tested, { material, count: many })!
      const n = counted.coefficients.length
      const sums = Array.from(decoyKeys(key, { material, count: many }), (decoy) =>
        weightedScoreSum(counted, { ...tested, key: decoy }),
      )
      for (const { z, expected, share } of uniformity.points) {
        const sum = Math.ceil(n / 4 + z * Math.sqrt((n * 3) / 16))
        expect(expected).toBeCloseTo(Math.exp(lnBinomialUpperTail(sum, { n, p: 0.25 })), 12)
        expect(share).toBe(sums.filter((s) => s >= sum).length / many)
      }
      expect(uniformity.limit).toBeCloseTo(kolmogorovBand(many, 1e-6), 12)
      expect(uniformity.uniform).toBe(true)
    })

    test('of a contrast beside the estimate', () => {
      const { uniformity } = decoyExhibit(pairs, tested, { material, count: many })!
      expect(uniformity.uniform).toBe(true)
      expect(uniformity.distance).toBeLessThanOrEqual(uniformity.limit)
    })

    test('caught: a law misstated, and each pair twice', () => {
      const misstated = { ...scheme, nullLaw: { kind: 'bernoulli', p: 0.3 } as const }
      const lawOff = decoyExhibit(counted, { ...tested, scheme: misstated }, { material, count: many })!
      expect(lawOff.uniformity.uniform).toBe(false)
      const words = counted.pairs
      const twice = {
        contextWidth: 1,
        pairs: Uint32Array.of(...words, ...words),
        coefficients: new Float64Array(2 * counted.coefficients.length).fill(1),
      }
      expect(decoyExhibit(twice, tested, { material, count: many })!.uniformity.uniform).toBe(false)
    })
  })

  test('a thief beats them all: p is its floor', () => {
    const thief = textCase(
      marked(provider, { profile, key }),
      { prompts: sequences, tokens: 40, random: seedrandom('thief') },
      { vocabularySize: V },
    )
    const counted = countPairs(thief.observations.list, 1)
    const { p, floor } = decoyExhibit(counted, tested, { material, count: 99 })!
    expect(p).toBe(0.01)
    expect(floor).toBe(0.01)
  })

  test('decoys are read in the lane of the key', () => {
    const layers = [{ role: 'cohort', label: 'c', lanes: 2 }] as const
    const lanes = profileWithKey('lanes', { vocabularySize: V, layers })
    const scheme = schemeOf(lanes.profile, { lanes: 2 })
    const of = (lane: number) =>
      decoyExhibit(pairs, { scheme, key: lanes.key, lane }, { material, count: 20 })!
    expect(of(0).mean).not.toBe(of(1).mean)
  })

  test('decoys route contexts as the key does, so each scores the same pairs', () => {
    const layers = [
      { role: 'provider', label: 'p', share: 32768 },
      { role: 'cohort', label: 'c', share: 32768 },
    ] as const
    const routed = profileWithKey('routed', { vocabularySize: V, layers })
    for (const key of deriveMarkKeys(routed.master, routed.profile)) {
      const own = ownPairs(pairs, key)
      for (const decoy of decoyKeys(key, { material, count: 5 })) expect(ownPairs(pairs, decoy)).toEqual(own)
    }
  })

  test('none asked for, or nothing to score: no exhibit', () => {
    expect(decoyExhibit(pairs, tested, { material, count: 0 })).toBeUndefined()
    expect(decoyExhibit(poolPairs([], 1), tested, { material, count })).toBeUndefined()
  })

  test('of a single decoy', () => {
    const single = decoyExhibit(pairs, tested, { material, count: 1 })!
    expect([0.5, 1]).toContain(single.p)
    expect(single).toMatchObject({ count: 1, floor: 0.5 })
    expect(Number.isFinite(single.mean)).toBe(true)
  })
})

/**
 * False accusations under marks that other engines write: 20,000 texts of each of three kinds and each scheme, each under a fresh key. As for marks
 * of our own (test/support/null-suite.ts) only keys are drawn, so texts may overlap and repeat, and rejections have a known law; unlike there
 * some laws are bounds (fixed lists, 8,191 levels, a table), so from below a scheme is only held against half of what the law allows. Broken
 * detectors must be caught: one that counts pairs which share a score, and one that takes a table's places for endless.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countable, pairsOf } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { gatherEvidence } from '../../src/detect/evidence.ts'
import type { EngineProfile } from '../../src/keys/engine-profile.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import type { Scheme } from '../../src/schemes/scheme.ts'
import { isOfBits, type NullLaw } from '../../src/stats/law.ts'
import { lnUpperTail } from '../../src/stats/tail.ts'
import { ENGINE_SCHEMES, engineProfile, freshEngineKey } from '../support/engine-marks.ts'
import { excerpts, filledTemplates, repeatedPassages } from '../support/lab-texts.ts'
import { novelIds } from '../support/texts.ts'
import { binomialBand, poissonBinomialBand } from '../support/tolerance.ts'

const TEXTS = 20_000
const LENGTH = 150
const LEVELS = [0.01, 0.001]
const KINDS = ['human text', 'one passage said 3 times', 'templates with slots'] as const
/** Chance that a sound detector fails one check; all checks of all schemes together: 1e-6. */
const FALSE_ALARM = 1e-6 / (Object.keys(ENGINE_SCHEMES).length * KINDS.length * (2 * LEVELS.length + 1))

interface Result {
  readonly sum: number
  readonly n: number
  readonly lnP: number
}

let texts: Record<(typeof KINDS)[number], Uint32Array[]>
const figures: string[] = []

beforeAll(async () => {
  const novels = await novelIds()
  const batch = { count: TEXTS, length: LENGTH, seed: 'engines' }
  texts = {
    'human text': excerpts(novels, batch),
    'one passage said 3 times': repeatedPassages(novels, { ...batch, times: 3 }),
    'templates with slots': filledTemplates(novels, { ...batch, forms: 20, slots: 6, slot: 4 }),
  }
})
afterAll(() => console.log([`engines: rejected of ${TEXTS}`, ...figures].join('\n')))

function resultsOf(
  profile: EngineProfile,
  list: readonly Uint32Array[],
  { seed, change = (scheme) => scheme }: { seed: string; change?: (scheme: Scheme) => Scheme },
): Result[] {
  const scheme = change(schemeOf(profile, { lanes: 1 }))
  return list.map((ids, i) => {
    const key = freshEngineKey(profile, `${seed} ${i}`)
    const positions = countable([{ ids, promptLength: 0 }], profile)
    const { sum, n, law } = gatherEvidence(pairsOf(positions), { scheme, key, lane: 0 })
    const lnP = lnUpperTail(law, { sum, n })
    if (i % 500 === 0 && change(scheme) === scheme) {
      const verdict = detect(positions, key, { minimumCounted: 1 })
      expect([verdict.sum, verdict.counted, verdict.lnP]).toEqual([sum, n, lnP])
    }
    return { sum, n, lnP }
  })
}

/** Which checks results fail, and their figures in a line. */
function judge(results: readonly Result[], law: NullLaw): { failures: string[]; line: string } {
  const failures: string[] = []
  const parts: string[] = []
  for (const level of LEVELS) {
    const sizes = results.map(({ n }) => sizeOf(law, n, level))
    const hi = bandOf(sizes).hi
    const lo = bandOf(sizes.map((size) => size / 2)).lo
    const rejected = results.filter(({ lnP }) => lnP <= Math.log(level)).length
    parts.push(`${level}: ${rejected}, by the law ${total(sizes).toFixed(1)} (at most ${hi})`)
    if (rejected > hi) failures.push(`${rejected} at ${level}, more than ${hi}`)
    if (rejected < lo) failures.push(`${rejected} at ${level}, fewer than ${lo}`)
  }
  const [sum, n] = [total(results.map(({ sum }) => sum)), total(results.map(({ n }) => n))]
  parts.push(`mean score ${(sum / n).toFixed(5)} of ${n}`)
  if (lnUpperTail(law, { sum, n }) <= Math.log(FALSE_ALARM)) failures.push(`mean score ${sum / n} of ${n}`)
  return { failures, line: parts.join(' | ') }
}

function bandOf(sizes: readonly number[]): { lo: number; hi: number } {
  return sizes.every((size) => size === sizes[0])
    ? binomialBand(sizes.length, sizes[0]!, FALSE_ALARM)
    : poissonBinomialBand(sizes, FALSE_ALARM)
}

const known = new Map<string, number>()

/** How often an exact test of this level rejects: for counts, the largest tail that is not above it. */
function sizeOf(law: NullLaw, n: number, level: number): number {
  if (!isOfBits(law)) return level
  const name = `${JSON.stringify(law)} ${n} ${level}`
  const size = known.get(name) ?? attainable(law, n, level)
  known.set(name, size)
  return size
}

function attainable(law: NullLaw, n: number, level: number): number {
  let [lo, hi] = [0, n * (law.kind === 'binomial' ? law.trials : 1) + 1]
  while (lo < hi) {
    const middle = Math.floor((lo + hi) / 2)
    if (lnUpperTail(law, { sum: middle, n }) <= Math.log(level)) hi = middle
    else lo = middle + 1
  }
  return Math.exp(lnUpperTail(law, { sum: lo, n }))
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

describe.each(Object.keys(ENGINE_SCHEMES))('%s', (name) => {
  test.each(KINDS)('%s: rejections are no more than the law says', (kind) => {
    const profile = engineProfile(name)
    const { nullLaw } = schemeOf(profile, { lanes: 1 })
    const { failures, line } = judge(resultsOf(profile, texts[kind], { seed: `${name} ${kind}` }), nullLaw)
    figures.push(`${name}, ${kind}: ${line}`)
    expect(failures, line).toEqual([])
  })
})

describe('detectors broken on purpose are caught', () => {
  test.each(['HF selfhash', 'vLLM SBW, selfhash'])('%s, counting what shares a seed', (name) => {
    const profile = engineProfile(name)
    const { nullLaw } = schemeOf(profile, { lanes: 1 })
    // Of eight different ids: windows of four differ, tokens with their least neighbour seldom do.
    const few = texts['human text'].slice(0, 4000).map((ids) => ids.map((id) => id % 8))
    const found = resultsOf(profile, few, {
      seed: `${name} broken`,
      change: ({ identity: _identity, ...scheme }) => scheme,
    })
    const { failures, line } = judge(found, nullLaw)
    figures.push(`broken, ${name}: ${line}`)
    expect(failures.join(), line).toContain('more than')
  })

  test('HF SynthID: one text three times, the ids moved by 65,536, is one text', () => {
    const profile = engineProfile('HF SynthID', { vocabularySize: 200_000 })
    const scheme = schemeOf(profile, { lanes: 1 })
    const documents = [0, 1, 2].map((copy) => ({
      ids: texts['human text'].slice(0, 20).flatMap((ids) => Array.from(ids, (id) => id + 65_536 * copy)),
    }))
    const pairs = pairsOf(countable(documents, profile))
    const { identity: _identity, ...broken } = scheme
    const rejectedOf = (one: Scheme): number => {
      let rejected = 0
      for (let i = 0; i < 1000; i++) {
        const key = freshEngineKey(profile, `corpus ${i}`)
        const { sum, n, law } = gatherEvidence(pairs, { scheme: one, key, lane: 0 })
        if (lnUpperTail(law, { sum, n }) <= Math.log(0.01)) rejected++
      }
      return rejected
    }
    const { hi } = binomialBand(1000, 0.01, FALSE_ALARM)
    const [sound, wrong] = [rejectedOf(scheme), rejectedOf(broken)]
    figures.push(
      `HF SynthID, 1,000 keys on one corpus at 0.01: ${sound}, counted by themselves ${wrong} (at most ${hi})`,
    )
    expect(sound).toBeLessThanOrEqual(hi)
    expect(wrong).toBeGreaterThan(hi)
  })
})

/**
 * Marks of other engines that dyetrace writes: the engine's own detector, rebuilt from its recipe with slow hashes (test/support), finds them, and so do
 * `detect` and `identify`, through the same calls as marks of our own.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { countable } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { identify } from '../../src/detect/identify.ts'
import { localise } from '../../src/detect/localise.ts'
import { evidenceOf, judge } from '../../src/detect/merge-evidence.ts'
import { parseVerdict } from '../../src/detect/parse-verdict.ts'
import { engineCandidates } from '../../src/integrations/engine-candidates.ts'
import type { EngineMark } from '../../src/integrations/engine-config.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { integersOfKey } from '../../src/keys/engine-profile.ts'
import { decoyKeys } from '../../src/keys/mark-key.ts'
import { profileDigest } from '../../src/keys/profile.ts'
import { sampleFromLogits } from '../../src/logits.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { ENGINE_SCHEMES, engineMark, engineProfile, freshEngineKey } from '../support/engine-marks.ts'
import { kgwDetect, sbwDetect, sglangDetect, vllmDetect } from '../support/engine-recipes.ts'

const V = 128
const LENGTH = 200

/** Some distinct integers for a scheme. */
function integersFor(name: string, seed = 1n): bigint[] {
  const count = integersOfKey(engineProfile(name))
  return Array.from({ length: count }, (_, i) => 0x9e3779b97f4a7c15n % (2n ** 40n + seed + BigInt(17 * i)))
}

function markOf(name: string, seed = 1n): EngineMark {
  return engineMark(name, integersFor(name, seed), { vocabularySize: V })
}

/** A prompt, then what a random model writes, marked where the marker does. */
function written(
  { profile, key }: EngineMark,
  seed: string,
  length = LENGTH,
): { prompt: number[]; ids: number[] } {
  const random = seedrandom(seed)
  const marker = createMarker(profile, [key])
  const prompt = Array.from({ length: 8 }, () => 1 + Math.floor(random() * (V - 1)))
  const ids = [...prompt]
  for (let i = 0; i < length; i++) {
    const row = Float64Array.from({ length: V }, () => 3 * random())
    // Id 0 says nothing under lefthash.
    row[0] = Number.NEGATIVE_INFINITY
    marker.mark(row, ids)
    ids.push(sampleFromLogits(row, { temperature: 1, random }))
  }
  return { prompt, ids: ids.slice(prompt.length) }
}

const WRITTEN = [
  'vLLM gumbel',
  'SGLang gumbel',
  'SGLang dual',
  'HF lefthash',
  'HF selfhash',
  'vLLM SBW, lefthash',
  'vLLM SBW, selfhash',
]

/** The engine's own verdict in standard deviations or as ln p, whichever it states; lower is surer. */
const RECIPES: Record<string, (text: { prompt: number[]; ids: number[] }, key: readonly bigint[]) => number> =
  {
    'vLLM gumbel': ({ ids }, [key]) => vllmDetect(ids, { key: key!, width: 2 }).lnP,
    'SGLang gumbel': ({ ids, prompt }, [a]) => sglangDetect(ids, { a: a!, prompt, width: 2 }).lnP,
    'SGLang dual': ({ ids, prompt }, [a, b]) => sglangDetect(ids, { a: a!, b, prompt, width: 2 }).lnP,
    'HF lefthash': ({ ids, prompt }, [key]) =>
      -kgwDetect([...prompt, ...ids], { key: key!, vocab: V, ratio: 0.25, seeding: 'lefthash', width: 1 }).z,
    'HF selfhash': ({ ids, prompt }, [key]) =>
      -kgwDetect([...prompt, ...ids], { key: key!, vocab: V, ratio: 0.25, seeding: 'selfhash', width: 4 }).z,
    'vLLM SBW, lefthash': ({ ids }, [key]) =>
      -zOf(sbwDetect(ids, { key: key!, width: 1, gamma: 0.5, seeding: 'lefthash' })),
    'vLLM SBW, selfhash': ({ ids }, [key]) =>
      -zOf(sbwDetect(ids, { key: key!, width: 4, gamma: 0.5, seeding: 'selfhash' })),
  }

function zOf({ n, green }: { n: number; green: number }): number {
  return (green - n / 2) / Math.sqrt(n / 4)
}

describe.each(WRITTEN)('%s', (name) => {
  const mark = markOf(name)
  const text = written(mark, name)

  test("the engine's own recipe finds it, and not under another key", () => {
    const isNormal = name.startsWith('HF') || name.includes('SBW')
    const of = (key: readonly bigint[]): number => RECIPES[name]!(text, key)
    // Five deviations, or p < 10^-6.
    expect(of(integersFor(name))).toBeLessThan(isNormal ? -5 : Math.log(1e-6))
    expect(of(integersFor(name, 5n))).toBeGreaterThan(isNormal ? -5 : Math.log(1e-6))
  })

  test('so does detect, from the start or from the middle', () => {
    const { profile, key } = mark
    const document = { ids: [...text.prompt, ...text.ids], promptLength: text.prompt.length }
    const whole = detect(countable([document], profile), key, { alpha: 1e-4, minimumCounted: 16 })
    expect(whole.decision).toBe('evidence')
    expect(whole.scheme).toBe(profile.scheme)
    const piece = detect(countable([{ ids: text.ids.slice(20) }], profile), key, {
      alpha: 1e-3,
      minimumCounted: 16,
    })
    expect(piece.decision).toBe('evidence')
    expect(parseVerdict(JSON.stringify(whole))).toEqual(whole)
    const other = freshEngineKey(profile, 'another')
    expect(detect(countable([document], profile), other).decision).not.toBe('evidence')
  })

  test('localise finds where it begins', () => {
    const random = seedrandom(`${name} before`)
    const before = Array.from({ length: 200 }, () => 1 + Math.floor(random() * (V - 1)))
    const { passages } = localise(
      { ids: [...before, ...written(mark, `${name} long`, 500).ids] },
      mark.profile,
      mark.key,
      { alpha: 1e-3 },
    )
    expect(passages.length).toBeGreaterThan(0)
    expect(passages[0]!.from).toBeGreaterThan(100)
  })
})

test('identify names the scheme and the key among all of them', () => {
  const names = Object.keys(ENGINE_SCHEMES)
  const candidates = names.map((name, i) =>
    engineMark(name, integersFor(name), { vocabularySize: V, label: `mark-${i}` }),
  )
  for (const name of WRITTEN) {
    const { ids } = written(candidates[names.indexOf(name)]!, `identify ${name}`, 400)
    const { best, family } = identify([{ ids }], candidates, { alpha: 1e-4, minimumCounted: 16 })
    expect(names[best?.candidate ?? -1]).toBe(name)
    expect(family.size).toBe(names.length)
  }
})

test('ids and a key without a configuration: the candidates hold the right one, and identify names it', () => {
  const about = { tokenizer: `sha256:${'0'.repeat(64)}` as const, vocabularySize: V, created: '2026-11-25' }
  for (const name of WRITTEN) {
    const candidates = engineCandidates(integersFor(name), about)
    const { ids } = written(markOf(name), `candidates ${name}`, 400)
    const { best } = identify([{ ids }], candidates, { alpha: 1e-4, minimumCounted: 16 })
    expect([best?.profile.scheme, best?.profile.contextWidth]).toEqual([
      markOf(name).profile.scheme,
      markOf(name).profile.contextWidth,
    ])
    const others = engineCandidates(integersFor(name, 5n), about)
    expect(identify([{ ids }], others, { alpha: 1e-4, minimumCounted: 16 }).best).toBeUndefined()
  }
  // Of two keys: SGLang's, TextSeal's and SynthID's of two layers, at three widths each. A key of zero seeds neither green lists nor SBW.
  expect(engineCandidates([1n, 2n], about)).toHaveLength(12)
  expect(engineCandidates([1n], about)).toHaveLength(19)
  expect(engineCandidates([0n], about)).toHaveLength(15)
  expect(() => engineCandidates([1] as never, about)).toThrow(TypeError)
})

test('schemes that flip a coin of their own are not written, and say so', () => {
  for (const name of ['vLLM dual', 'TextSeal']) {
    const { profile, key } = markOf(name)
    const marker = createMarker(profile, [key])
    expect(() => marker.mark(new Float64Array(V), [1, 2, 3, 4, 5])).toThrow(
      /"mark" expected a scheme that dyetrace writes/,
    )
  }
})

describe.each(Object.keys(ENGINE_SCHEMES))('%s: what all schemes keep', (name) => {
  const { profile, key } = markOf(name)
  const scheme = schemeOf(profile, { lanes: 1 })

  test('decoys score by the law: their mean is within its reach', () => {
    const context = Array.from({ length: profile.contextWidth }, (_, i) => i + 3)
    let [sum, n] = [0, 0]
    for (const decoy of decoyKeys(key, { material: new Uint8Array([1]), count: 400 })) {
      for (let token = 1; token < 9; token++) {
        sum += scheme.score(scheme.field(decoy, context, token, 0))
        n++
      }
    }
    const { nullLaw } = scheme
    const [mean, variance] =
      nullLaw.kind === 'bernoulli'
        ? [nullLaw.p, nullLaw.p * (1 - nullLaw.p)]
        : nullLaw.kind === 'binomial'
          ? [nullLaw.trials * nullLaw.p, nullLaw.trials * nullLaw.p * (1 - nullLaw.p)]
          : [1, 1]
    // Chebyshev's inequality with the scores of a key taken as one: 8 of them in a row.
    expect(Math.abs(sum / n - mean)).toBeLessThan(10 * Math.sqrt((8 * variance) / n))
  })

  test('a repeated document changes nothing', () => {
    const random = seedrandom(name)
    const ids = Array.from({ length: 100 }, () => 1 + Math.floor(random() * (V - 1)))
    const [once, twice] = [[{ ids }], [{ ids }, { ids }]].map((documents) =>
      detect(countable(documents, profile), key),
    )
    expect([twice!.sum, twice!.counted]).toEqual([once!.sum, once!.counted])
    expect(once!.counted).toBeGreaterThan(10)
  })

  test('the profile has a digest, and evidence merges unless pairs share scores', () => {
    expect(profileDigest(profile)).toMatch(/^sha256:/)
    const positions = countable([{ ids: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }], profile)
    if (scheme.identity)
      expect(() => evidenceOf(positions, key)).toThrow(/whose pairs all have scores of their own/)
    else expect(judge(evidenceOf(positions, key)).sum).toBe(detect(positions, key).sum)
  })
})

test('what follows id 0 says nothing of a lefthash key: it is the same under every key, and not scored', () => {
  const { profile } = markOf('HF lefthash')
  const scheme = schemeOf(profile, { lanes: 1 })
  const [a, b] = [freshEngineKey(profile, 'a'), freshEngineKey(profile, 'b')]
  for (let token = 0; token < V; token++)
    expect(scheme.field(a, [0], token, 0)).toBe(scheme.field(b, [0], token, 0))
  expect(detect(countable([{ ids: [0, 5, 0, 6, 0, 7] }], profile), a).counted).toBe(2)
})

test('selfhash: windows with one token and one least neighbour count once', () => {
  const { profile, key } = markOf('HF selfhash')
  const random = seedrandom('selfhash')
  const ids = Array.from({ length: 600 }, () => 1 + Math.floor(random() * 20))
  const positions = countable([{ ids }], profile)
  // 20 tokens with 20 neighbours: no more than 400 scores, though nearly all windows of four differ.
  expect(positions.count).toBeGreaterThan(500)
  expect(detect(positions, key).counted).toBeLessThanOrEqual(400)
})

describe('where generation began', () => {
  test('vLLM pads from there; where it is not known, only full windows count', () => {
    const { profile } = markOf('vLLM gumbel')
    const ids = [9, 8, 7, 1, 2, 3]
    expect([...countable([{ ids, promptLength: 3 }], profile).pairs]).toEqual([
      ...[0xffffffff, 0xffffffff, 1],
      ...[0xffffffff, 1, 2],
      ...[1, 2, 3],
    ])
    expect(countable([{ ids, promptLength: 0 }], profile).count).toBe(6)
    expect([...countable([{ ids: [1, 2, 3] }], profile).pairs]).toEqual([1, 2, 3])
  })

  test('SGLang reads the prompt, and a short one makes short windows', () => {
    const { profile } = markOf('SGLang gumbel')
    expect([...countable([{ ids: [9, 1, 2], promptLength: 1 }], profile).pairs]).toEqual([
      ...[0xffffffff, 9, 1],
      ...[9, 1, 2],
    ])
    expect(countable([{ ids: [9, 1, 2] }], profile).count).toBe(1)
  })

  test('SynthID of Hugging Face begins with zeros', () => {
    const { profile } = markOf('HF SynthID')
    expect([...countable([{ ids: [9, 1], promptLength: 1 }], profile).pairs]).toEqual([0, 0, 0, 0, 1])
  })
})

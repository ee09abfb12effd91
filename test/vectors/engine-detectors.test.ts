/**
 * What engines write and what their detectors say of it, against the values in the vector files: by the recipes of the tests, which compute
 * what the engine computes, and by `detect`, which scores the same tokens and never claims more than the law allows.
 */
import { describe, expect, test } from 'vitest'
import { countable, type TokenDocument } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import type { Verdict } from '../../src/detect/verdict.ts'
import type { EngineMark } from '../../src/integrations/engine-config.ts'
import { lnBinomialUpperTail } from '../../src/stats/binomial.ts'
import { lnHypoexponentialUpperTail } from '../../src/stats/hypoexponential.ts'
import { lnNormalTail } from '../stats/normal-tail.ts'
import { engineMark } from '../support/engine-marks.ts'
import { kgwDetect, sbwDetect, sglangDetect, vllmDetect } from '../support/engine-recipes.ts'
import * as hash from '../support/engine-reference.ts'
import { readVectors } from './read-vectors.ts'

// biome-ignore lint/suspicious/noExplicitAny: each file has a shape of its own
type Row = any

function files(start: string): Row[] {
  return readVectors().filter(({ kind }) => kind.startsWith(start))
}

/** A score of ours is at most this much below the engine's: a step, and the rounding of a float32 uniform number. */
const SLACK = 2 ** -20 + 3e-7

function judged({ profile, key }: EngineMark, document: TokenDocument): Verdict {
  return detect(countable([document], profile), key, { minimumCounted: 1, alpha: 1e-6 })
}

function expectNear(value: number, expected: number, relative = 1e-12): void {
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(relative * Math.abs(expected))
}

describe('vLLM gumbel and dual_key_gumbel, end to end', () => {
  for (const { path, content } of files('vLLM gumbel and dual_key')) {
    describe.each(content.cases as Row[])(`${path}: $id`, ({ gen, det, tokens, expected, derived_keys }) => {
      test('the engine writes these tokens', () => {
        const { written, skips } = vllmWrites(gen)
        expect(written).toEqual(tokens)
        expect(skips).toBe(expected.dedup_skips)
      })

      test("the engine's detector says this", () => {
        const found = vllmDetect(tokens, {
          key: BigInt(det.key),
          width: det.cw ?? 4,
          deduplicate: det.dedup ?? true,
          alpha: gen.alg === 'd' ? det.alpha : undefined,
        })
        expectNear(found.score, expected.score)
        expect(found.n).toBe(expected.num_scored_tokens)
        expectNear(Math.exp(found.lnP), expected.p_value, 1e-9)
        if (derived_keys !== null)
          for (const domain of ['key_a', 'key_b'] as const)
            expect(String(hash.vllmDerivedKey(BigInt(gen.key), domain))).toBe(derived_keys[domain])
      })

      // `detect` always counts a context once.
      test.skipIf(det.dedup === false)('and `detect` this, never more', () => {
        const changes = { contextWidth: det.cw ?? 4, vocabularySize: 128 }
        const mark =
          gen.alg === 'd'
            ? engineMark('vLLM dual', [BigInt(det.key)], { ...changes, engine: { alpha: det.alpha } })
            : engineMark('vLLM gumbel', [BigInt(det.key)], changes)
        const verdict = judged(mark, { ids: tokens, promptLength: 0 })
        const n = expected.num_scored_tokens
        expect(verdict.counted).toBe(n)
        expect(verdict.sum).toBeLessThanOrEqual(expected.score + n * 1e-7)
        expect(verdict.sum).toBeGreaterThan(expected.score - n * SLACK)
        // The exact tail of the engine's own sum: ours is that, or more.
        const alpha = gen.alg === 'd' ? det.alpha : 0
        const exact = lnHypoexponentialUpperTail(expected.score, { n, alpha })
        expect(verdict.lnP).toBeGreaterThan(exact - n * 1e-7)
        expect(verdict.lnP).toBeLessThan(exact + 2 * n * SLACK)
        // A gamma law with two moments claims more than the truth wherever both keys have weight.
        if (alpha > 0 && alpha < 1 && alpha !== 0.5) expect(Math.log(expected.p_value)).toBeLessThan(exact)
      })
    })
  }
})

/** vLLM's generator on the fixture that the vector file describes. */
function vllmWrites(gen: Row): { written: number[]; skips: number } {
  const width = gen.cw ?? 4
  const { V = 128, dom, bias = 0 } = gen.fix ?? {}
  const { n = 64, scope = 'single_turn', alpha = 0.1, prompt = [] } = gen
  const most = gen.maxh === null ? Infinity : (gen.maxh ?? 8192)
  const key = BigInt(gen.key)
  const [a, b] = [hash.vllmDerivedKey(key, 'key_a'), hash.vllmDerivedKey(key, 'key_b')]
  const written: number[] = []
  const padding: number[] = new Array(width).fill(-1)
  let skips = 0
  for (let position = 0; position < n; position++) {
    const logits = Array.from({ length: V }, (_, token) =>
      Math.fround((((37 * token + 17 * position) % 131) - 56 + (token === dom ? bias : 0)) / 16),
    )
    const context = [...padding, ...written].slice(-width)
    const all = scope === 'all' ? [...padding, ...prompt, ...written] : [...padding, ...written]
    const earlier = Array.from({ length: all.length - width }, (_, i) => all.slice(i, i + width).join())
    const isRepeated =
      scope !== 'none' &&
      ((scope === 'all' && position < width) ||
        earlier.slice(Math.max(0, earlier.length - most)).includes(context.join()))
    if (isRepeated) {
      skips++
      written.push(largest(logits))
      continue
    }
    // The fixture's stand-in for a coin.
    const coin = Number(((((position + 1) * (Math.sqrt(5) - 1)) / 2) % 1).toFixed(4))
    const own = gen.alg !== 'd' ? key : 1 - alpha <= coin ? b : a
    written.push(
      largest(
        logits.map((logit, token) => {
          const u = hash.vllmUniform(hash.vllmWord(own, context, token))
          return logit - Math.log(-Math.log(u))
        }),
      ),
    )
  }
  return { written, skips }
}

function largest(values: readonly number[]): number {
  return values.indexOf(values.reduce((a, b) => Math.max(a, b)))
}

describe('SGLang', () => {
  for (const { path, content } of files('SGLang')) {
    test.each(content.detect as Row[])(`${path}: $name`, (row) => {
      const a = BigInt(`0x${row.key}`)
      const b = row.key_b === undefined ? undefined : BigInt(`0x${row.key_b}`)
      const parts = row.result.combined
        ? Object.entries<Row>(row.result)
        : [['combined', row.result] as const]
      for (const [part, expected] of parts) {
        const found = sglangDetect(row.tokens, {
          a,
          b,
          mixing: row.mixing,
          prompt: row.prompt,
          part: part as 'combined',
        })
        expect(found.n).toBe(expected.n)
        expectNear(found.score, expected.score)
        expectNear(found.z, expected.z)
        expectNear(found.lnP, expected.logp)
        expectNear(Math.exp(found.lnP), expected.p, 1e-9)
      }
      const mark =
        b === undefined
          ? engineMark('SGLang gumbel', [a], { contextWidth: 4 })
          : engineMark('SGLang dual', [a, b], { contextWidth: 4, engine: { probabilityA: row.mixing } })
      const verdict = judged(mark, {
        ids: [...row.prompt, ...row.tokens],
        ...(row.prompt.length > 0 ? { promptLength: row.prompt.length } : {}),
      })
      const { n, score, logp } = row.result.combined ?? row.result
      expect(verdict.counted).toBe(n)
      // Ours takes the lower end of a hash's cell in place of its middle, which shows in the highest scores.
      const { belowMiddle } = sglangDetect(row.tokens, { a, b, mixing: row.mixing, prompt: row.prompt })
      expect(verdict.sum).toBeLessThanOrEqual(score - belowMiddle + 1e-9)
      expect(verdict.sum).toBeGreaterThan(score - belowMiddle - n * SLACK)
      expect(verdict.lnP).toBeGreaterThanOrEqual(logp)
      expect(verdict.lnP).toBeLessThan(logp + 2 * (belowMiddle + n * SLACK))
    })
    test(`${path}: two contexts that share a hash both count`, () => {
      const [one, other] = content.collision.contexts
      const { profile } = engineMark('SGLang gumbel', [1n], { vocabularySize: 200000 })
      expect(countable([{ ids: [...one, 7] }, { ids: [...other, 7] }], profile).count).toBe(2)
    })
  }
})

describe('Hugging Face green lists', () => {
  for (const { path, content } of files('HF transformers KGW')) {
    test.each(content.detector as Row[])(
      `${path}: $config.seeding_scheme, ratio $config.greenlist_ratio`,
      (row) => {
        const { greenlist_ratio: ratio, seeding_scheme: seeding, context_width: width } = row.config
        const key = BigInt(row.config.hashing_key)
        const own = { key, vocab: row.vocab, ratio, seeding, width }
        const found = kgwDetect(row.tokens, own)
        expect([found.n, found.green]).toEqual([row.num_tokens_scored, row.num_green])
        expectNear(found.z, row.z)
        expectNear(found.p, row.hf_p_value)
        expectNear(lnNormalTail(found.z), Math.log(row.true_normal_p), 1e-9)
        // Six tokens over and over, and all of them are scored.
        const loop = kgwDetect(row.repeat_test_tokens, own)
        expect(loop.n).toBe(row.repeat_test_scored_with_ignore_repeated_ngrams)

        const mark = engineMark(seeding === 'lefthash' ? 'HF lefthash' : 'HF selfhash', [key], {
          vocabularySize: row.vocab,
          contextWidth: seeding === 'lefthash' ? 1 : width - 1,
          engine: { ratio, seeding },
        })
        const verdict = judged(mark, { ids: row.tokens })
        if (seeding === 'lefthash') {
          expect([verdict.counted, verdict.sum]).toEqual([row.num_tokens_scored, row.num_green])
          const [n, p] = [row.num_tokens_scored, Math.floor(row.vocab * ratio) / row.vocab]
          // Below the mean plus 1 the binomial is no bound of a list of fixed size.
          const isBound = row.num_green >= n * p + 1
          expect(verdict.lnP).toBe(isBound ? lnBinomialUpperTail(row.num_green, { n, p }) : 0)
          expect(verdict.tail).toBe('bound')
        } else expect(verdict.counted).toBeLessThanOrEqual(row.num_tokens_scored)
        expect(judged(mark, { ids: row.repeat_test_tokens }).counted).toBe(6)
      },
    )
  }
})

describe('vLLM SBW', () => {
  for (const { path, content } of files('vLLM SBW')) {
    test(`${path}: what its source says of a few texts`, () => {
      // The tokens are not given, only counts and p-values.
      for (const [, green, n, p] of (content.source as string).matchAll(/(\d+)\/(\d+) p ([\d.e-]+)/g)) {
        const deviations = (Number(green) - Number(n) / 2) / Math.sqrt(Number(n) / 4)
        expectNear(lnNormalTail(deviations), Math.log(Number(p)), 1e-9)
      }
    })
  }
})

describe("vLLM's own SynthID", () => {
  for (const { path, content } of files('vLLM native SynthID')) {
    test.each(content.cases as Row[])(
      `${path}: key $key, width $context_width, depth $depth`,
      ({ key, context_width, depth, tokens, words, hits, trials, score, p_value_exact }) => {
        const padded = [...new Array(context_width).fill(-1), ...tokens]
        const all = tokens.map((token: number, i: number) =>
          hash.vllmWord(BigInt(key), padded.slice(i, i + context_width), token),
        )
        expect(all).toEqual(words)
        const mark = engineMark('vLLM SynthID', [BigInt(key)], { contextWidth: context_width, param: depth })
        const verdict = judged(mark, { ids: tokens, promptLength: 0 })
        expect([verdict.sum, verdict.counted * depth]).toEqual([hits, trials])
        expect(verdict.sum / trials).toBe(score)
        expectNear(Math.exp(verdict.lnP), p_value_exact)
      },
    )
  }
})

test('sbw recipe and scheme agree where all contexts are new', () => {
  const ids = Array.from({ length: 60 }, (_, i) => (i * 7919) % 2000)
  const found = sbwDetect(ids, { key: 42n, width: 1, gamma: 0.5, seeding: 'lefthash' })
  const verdict = judged(engineMark('vLLM SBW, lefthash', [42n]), { ids })
  // The padded first position and the context of id 0 are left out by ours.
  expect(found.n - verdict.counted).toBeLessThanOrEqual(2)
  expect(Math.abs(found.green - verdict.sum)).toBeLessThanOrEqual(2)
})

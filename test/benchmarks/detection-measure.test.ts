import { expect, test } from 'vitest'
import { substituted, tokensToDetect, verdictOn } from '../../benchmarks/power/detection/measure.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { deriveMarkKeys } from '../../src/keys/mark-key.ts'
import { masterKeyFromBytes } from '../../src/keys/master.ts'
import { createProfile } from '../../src/keys/profile.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'

const VOCABULARY = 512
const tokens = Array.from({ length: VOCABULARY }, (_, id) => `token ${id}`)
const [own, other] = [1, 2].map((byte) => {
  const master = masterKeyFromBytes(new Uint8Array(32).fill(byte))
  const profile = createProfile(master, {
    scheme: 'gumbel',
    contextWidth: 2,
    tokenizer: tokenizerDigest(tokens),
    vocabularySize: VOCABULARY,
    layers: [{ role: 'provider', label: 'toy' }],
    created: '2026-11-25',
  })
  return { profile, key: deriveMarkKeys(master, profile)[0]! }
})

/** Two marked texts of a model that finds every token as likely: a prompt of 3, then 40 tokens. */
const corpus = [0, 1].map((t) => {
  const marker = createMarker(own!.profile, [own!.key])
  const ids = [5, 7, t]
  while (ids.length < 43) {
    const logits = new Float32Array(VOCABULARY)
    marker.mark(logits, ids)
    ids.push(logits.indexOf(Math.max(...logits)))
  }
  return { ids, promptLength: 3 }
})

test('tokens read are generated ones, text after text', () => {
  for (const read of [1, 39, 40, 41, 80]) {
    const { counted, seen } = verdictOn(corpus, read, own!)
    expect(seen).toBe(read + (read > 40 ? 6 : 3))
    expect(counted).toBeLessThanOrEqual(read)
    expect(counted).toBeGreaterThanOrEqual(read - 3)
  }
})

test('the first look that finds p small enough is the answer', () => {
  const alpha = 1e-6
  const read = tokensToDetect(corpus, own!, { alpha, tokens: 80 })
  expect(verdictOn(corpus, read, own!).lnP).toBeLessThanOrEqual(Math.log(alpha))
  expect(verdictOn(corpus, read - 1, own!).lnP).toBeGreaterThan(Math.log(alpha))
  // A text that ends before, and a key that has nothing to do with it.
  expect(tokensToDetect(corpus, own!, { alpha, tokens: read - 1 })).toBe(Number.POSITIVE_INFINITY)
  expect(tokensToDetect(corpus, other!, { alpha, tokens: 80 })).toBe(Number.POSITIVE_INFINITY)
})

test('an exact number of generated tokens is replaced, the same ones for a seed', () => {
  const attack = (seed: string) => substituted(corpus, { rate: 0.3, vocabularySize: VOCABULARY, seed })
  const attacked = attack('a')
  for (const [t, { ids, promptLength }] of attacked.entries()) {
    const before = corpus[t]!.ids
    expect(promptLength).toBe(3)
    expect(Array.from(ids).slice(0, 3)).toEqual(before.slice(0, 3))
    expect(Array.from(ids).filter((id, i) => id !== before[i])).toHaveLength(12)
  }
  expect(attack('a')).toEqual(attacked)
  expect(attack('b')).not.toEqual(attacked)
  // Not the same places in both texts.
  const places = attacked.map(({ ids }, t) => Array.from(ids, (id, i) => id !== corpus[t]!.ids[i]))
  expect(places[0]).not.toEqual(places[1])
})

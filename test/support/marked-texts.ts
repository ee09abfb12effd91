/**
 * Texts for tests of detection, of every scheme: marked as strongly as one likes, and marks of any shape. No model is involved: each token
 * is the best of some that were drawn, as the keys score it.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import type { TokenDocument } from '../../src/detect/countable.ts'
import { deriveMarkKeys, type MarkKey } from '../../src/keys/mark-key.ts'
import type { MasterKey } from '../../src/keys/master.ts'
import { createProfile, type LayerOptions, type Profile } from '../../src/keys/profile.ts'
import { inLayer } from '../../src/prf/fields.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { masterFromSeed } from './keys.ts'
import { SCHEMES } from './schemes.ts'

/** A profile with its keys, and the master key that made them. */
export interface Mark {
  readonly master: MasterKey
  readonly profile: Profile
  readonly keys: readonly MarkKey[]
}

export const ONE_LAYER: readonly LayerOptions[] = [{ role: 'provider', label: 'acme' }]
export const TWO_LAYERS: readonly LayerOptions[] = [
  { role: 'cohort', label: 'blue', share: 30000, lanes: 2 },
  { role: 'provider', label: 'acme', share: 35536 },
]

/** Makes a mark. */
export function markOf({
  seed = 0,
  scheme = 'green list',
  contextWidth = 1,
  vocabularySize = 40,
  layers = ONE_LAYER,
}: {
  seed?: string | number
  scheme?: keyof typeof SCHEMES
  contextWidth?: number
  vocabularySize?: number
  layers?: readonly LayerOptions[]
} = {}): Mark {
  const master = masterFromSeed(seed)
  const profile = createProfile(master, {
    tokenizer: tokenizerDigest(['a', 'b']),
    created: '2026-11-24',
    vocabularySize,
    contextWidth,
    // Width 0 has one context, which roles cannot share.
    layers: contextWidth === 0 ? ONE_LAYER : layers,
    ...SCHEMES[scheme],
  })
  return { master, profile, keys: deriveMarkKeys(master, profile) }
}

/** Marks of every scheme, every width, one layer or two. */
export const marks: fc.Arbitrary<Mark> = fc
  .constantFrom(...(Object.keys(SCHEMES) as (keyof typeof SCHEMES)[]))
  .chain((scheme) =>
    fc.record({
      seed: fc.nat(1e6),
      scheme: fc.constant(scheme),
      // Of width 0 there is one context, and only green lists mark it more than once.
      contextWidth: fc.integer({ min: scheme === 'green list' ? 0 : 1, max: 4 }),
      layers: fc.constantFrom(ONE_LAYER, TWO_LAYERS),
    }),
  )
  .map(markOf)

/** Ids that score high: each the best of `choices` that are drawn from those `offered`, under the key that owns its context. */
export function markedIds(
  { profile, keys }: Mark,
  {
    length,
    choices,
    seed = 0,
    start = [],
    lane = 0,
    isOffered = () => true,
  }: {
    length: number
    choices: number
    seed?: string | number
    start?: readonly number[]
    lane?: number
    isOffered?: (id: number, ids: readonly number[]) => boolean
  },
): number[] {
  const random = seedrandom(`marked ids ${seed}`)
  const layers = keys.map((key) => ({ key, scheme: schemeOf(profile, { lanes: key.format.lanes }) }))
  const ids = [...start]
  while (ids.length < length) {
    const context = layers[0]!.scheme.contextAt(ids, ids.length)
    const own = context && layers.find(({ key }) => inLayer(key, context))
    let best = { id: -1, score: -1 }
    for (let tries = 0; tries < choices || best.id < 0; tries++) {
      const id = Math.floor(random() * profile.vocabularySize)
      if (!isOffered(id, ids)) continue
      const score = own
        ? own.scheme.score(own.scheme.field(own.key, context, id, own.key.format.lanes > 1 ? lane : 0))
        : 0
      if (score > best.score) best = { id, score }
    }
    ids.push(best.id)
  }
  return ids
}

/** Documents of any ids, marked or not, with prompts; few different ids in some, so that much repeats. */
export function documentsOf(
  mark: Mark,
  { most = 4, length = 60 }: { most?: number; length?: number } = {},
): fc.Arbitrary<TokenDocument[]> {
  const { vocabularySize } = mark.profile
  return fc.array(
    fc
      .record({
        length: fc.nat(length),
        choices: fc.constantFrom(1, 3, 20),
        kinds: fc.constantFrom(2, 5, vocabularySize),
        seed: fc.nat(1e6),
        prompt: fc.nat(6),
      })
      .map(({ prompt, kinds, ...options }) => {
        const ids = markedIds(mark, { ...options, isOffered: (id) => id < kinds })
        return { ids, promptLength: Math.min(prompt, ids.length) }
      }),
    { maxLength: most },
  )
}

/**
 * The three schemes through the marker and the detector, on toy models: what is marked is what is counted; contexts that occur again are
 * neither; sampling rules come first; averaged over keys nothing is distorted; the right key sees it and no other.
 */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { countable } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import { createMarker, type Marker, type MarkerOptions } from '../../src/integrations/marker.ts'
import type { MarkKey } from '../../src/keys/mark-key.ts'
import type { Profile } from '../../src/keys/profile.ts'
import { type LogitsRow, sampleFromLogits } from '../../src/logits.ts'
import { inLayer } from '../../src/prf/fields.ts'
import { applySampling } from '../../src/sampling.ts'
import { schemeOf } from '../../src/schemes/from-profile.ts'
import type { TokenIds } from '../../src/tokens.ts'
import { ON_DISTRIBUTION, SCHEMES, schemeWithKeys } from '../support/schemes.ts'
import { binomialBand } from '../support/tolerance.ts'
import { language } from '../support/toy-models.ts'

const FALSE_ALARM = 1e-6
const vocabularySize = 64
const every = Object.entries(SCHEMES)
const onDistribution = Object.entries(ON_DISTRIBUTION)

function rowOf(seed: string): Float32Array {
  const random = seedrandom(seed)
  return Float32Array.from({ length: vocabularySize }, () => 6 * random())
}

/** Whether a row was marked at all, and whether the marker says so. */
function markAt(marker: Marker, ids: TokenIds, row: LogitsRow = rowOf('row')): boolean {
  const before = Array.from(row)
  const said = marker.mark(row, ids)
  expect(Array.from(row).some((value, token) => value !== before[token])).toBe(said)
  return said
}

describe.each(every)('%s: what is marked is what is counted', (_, scheme) => {
  const ids = fc.array(fc.nat(3), { minLength: 1, maxLength: 40 })

  test.each([1, 2, 3, 4])('contextWidth %i', (contextWidth) => {
    const { profile, key } = schemeWithKeys('agree', scheme, { contextWidth, vocabularySize })
    fc.assert(
      fc.property(ids, fc.nat(40), fc.option(fc.nat(3), { nil: undefined }), (ids, prompt, padding) => {
        const promptLength = Math.min(prompt, ids.length)
        const options = padding === undefined ? {} : { padding }
        const marker = createMarker(profile, [key], options)
        const marked = ids
          .map((_, i) => i)
          .filter((i) => i >= promptLength && markAt(marker, ids.slice(0, i)))
          .map((i) => ids.slice(i - contextWidth, i + 1))
        const { pairs } = countable([{ ids, promptLength }], profile, options)
        const stride = contextWidth + 1
        const counted = Array.from({ length: pairs.length / stride }, (_, i) => [
          ...pairs.subarray(i * stride, (i + 1) * stride),
        ])
        // Green lists mark every time; of each pair the first time counts.
        const first = [...new Map(marked.map((pair) => [String(pair), pair])).values()]
        expect(counted).toEqual(scheme.scheme === 'green-list' ? first : marked)
      }),
      { seed: 1, numRuns: 40 },
    )
  })
})

describe.each(onDistribution)('%s: contexts that occur again', (_, scheme) => {
  const { profile, key } = schemeWithKeys('again', scheme, { contextWidth: 2, vocabularySize })
  const marker = createMarker(profile, [key])

  test('are not marked, whether in the prompt or after it; another order of the same ids is another context', () => {
    expect(markAt(marker, [1, 2])).toBe(true)
    expect(markAt(marker, [1, 2, 3, 1, 2])).toBe(false)
    expect(markAt(marker, [1, 2, 3, 2, 1])).toBe(true)
    expect(markAt(marker, [7, 7, 7])).toBe(false)
    expect(markAt(marker, [7, 7])).toBe(true)
  })

  test('are told apart far back, and the whole sequence is looked at', () => {
    const ids = Array.from({ length: 3000 }, (_, i) => (i * i + Math.floor(i / 64)) % 61)
    const context = [62, 63]
    expect(markAt(marker, [...ids, ...context])).toBe(true)
    expect(markAt(marker, [...context, ...ids, ...context])).toBe(false)
  })

  test('count for a position that was left out by `when`, since the context is used', () => {
    const quiet = createMarker(profile, [key], { when: (ids) => ids.length !== 2 })
    expect(markAt(quiet, [1, 2])).toBe(false)
    expect(markAt(quiet, [1, 2, 3, 1, 2])).toBe(false)
    expect(markAt(quiet, [5, 1, 2])).toBe(true)
  })

  test('give the sampled row back untouched', () => {
    const sampling = { temperature: 0.5, topK: 10, topP: 0.9 }
    const sampled = createMarker(profile, [key], { sampling })
    const [row, expected] = [rowOf('row'), rowOf('row')]
    expect(sampled.mark(row, [1, 2, 3, 1, 2])).toBe(false)
    applySampling(expected, sampling)
    expect(row).toEqual(expected)
  })
})

describe.each(every)('%s: `when`', (name, scheme) => {
  const { profile, key } = schemeWithKeys('when', scheme, { vocabularySize })

  test('is asked with all ids so far, before each mark, and decides', () => {
    const asked: number[][] = []
    const marker = createMarker(profile, [key], {
      when: (ids) => {
        asked.push(Array.from(ids))
        return ids.at(-1) !== 9
      },
    })
    expect(markAt(marker, [4, 8])).toBe(true)
    expect(markAt(marker, [4, 9])).toBe(false)
    expect(asked).toEqual([
      [4, 8],
      [4, 9],
    ])
  })

  test('is not asked where nothing would be marked anyway', () => {
    const marker = createMarker(profile, [key], {
      padding: 0,
      when: () => {
        throw new Error('asked')
      },
    })
    expect(markAt(marker, [])).toBe(false)
    expect(markAt(marker, [5, 0])).toBe(false)
    if (name !== 'green list') expect(markAt(marker, [5, 3, 5])).toBe(false)
  })

  test.each([undefined, 0, 'no', Promise.resolve(false)])(
    'answers true or false: %o is refused',
    (answer) => {
      const marker = createMarker(profile, [key], { when: () => answer as unknown as boolean })
      const row = Float32Array.from({ length: vocabularySize }, (_, token) => token / vocabularySize)
      expect(() => marker.mark(row, [1, 2, 3, 4])).toThrow(
        /^"options.when" expected to return true or false, got/,
      )
    },
  )

  test.each([true, 'yes', {}, null])('is a function: %o is refused', (when) => {
    const options = { when } as unknown as MarkerOptions
    expect(() => createMarker(profile, [key], options)).toThrow(
      /^"options.when" expected a function of the ids, got/,
    )
  })
})

describe('sampling rules', () => {
  test('are refused for a green list, which comes before those of the host', () => {
    const { profile, key } = schemeWithKeys('sampling', SCHEMES['green list'], { vocabularySize })
    expect(() => createMarker(profile, [key], { sampling: { topK: 5 } })).toThrow(
      /^"options.sampling" expected nothing for a green-list mark.*, got some$/,
    )
    expect(createMarker(profile, [key]).actsOn).toBe('logits')
  })

  describe.each(onDistribution)('%s', (_, scheme) => {
    const { profile, key } = schemeWithKeys('sampling', scheme, { vocabularySize })

    test('are applied first: what they rule out cannot come, and the mark is that of the rest', () => {
      const sampling = { temperature: 0.7, topK: 12, topP: 0.95 }
      const marker = createMarker(profile, [key], { sampling })
      expect(marker.actsOn).toBe('distribution')
      for (let context = 0; context < vocabularySize; context++) {
        const [row, expected] = [rowOf(`${context}`), rowOf(`${context}`)]
        expect(marker.mark(row, [context])).toBe(true)
        applySampling(expected, sampling)
        schemeOf(profile, { lanes: 1 }).mark(expected, { key, context: [context], lane: 0 })
        expect(row).toEqual(expected)
      }
    })

    test.each([
      [{ temperature: 0 }, 'options.sampling.temperature'],
      [{ topK: -1 }, 'options.sampling.topK'],
      [{ topP: 0 }, 'options.sampling.topP'],
      [{ top_p: 0.9 }, 'options.sampling'],
      [5, 'options.sampling'],
    ])('%o is refused', (sampling, name) => {
      const options = { sampling } as MarkerOptions
      expect(() => createMarker(profile, [key], options)).toThrow(new RegExp(`^"${name}" expected .*, got `))
    })
  })
})

describe.each(onDistribution)('%s: rows', (name, scheme) => {
  const { profile, key } = schemeWithKeys('rows', scheme, { vocabularySize })
  const marker = createMarker(profile, [key])

  test('of every kind get the same mark', () => {
    const rows = [rowOf('kinds'), Float64Array.from(rowOf('kinds')), Array.from(rowOf('kinds'))]
    for (const row of rows) expect(marker.mark(row, [3])).toBe(true)
    for (let token = 0; token < vocabularySize; token++) {
      expect(rows[2]![token]).toBe(rows[1]![token])
      const [narrow, wide] = [rows[0]![token]!, rows[1]![token]!]
      // Computed in float32: a weight is good to 2^-21, and so is what each of 30 rounds moves a logit by; then the sums are rounded.
      if (name === 'gumbel') expect(narrow).toBe(Math.fround(wide))
      else expect(Math.abs(narrow - wide)).toBeLessThan(31 * 2 ** -21 + Math.abs(wide) * 2 ** -22)
    }
  })

  test('may be wider than the vocabulary: no column beyond it is forced, none is given more', () => {
    const wide = Float64Array.from([...rowOf('wide'), 3, 3, 3])
    expect(marker.mark(wide, [3])).toBe(true)
    const expected = name === 'gumbel' ? Number.NEGATIVE_INFINITY : 3
    expect([...wide.subarray(vocabularySize)]).toEqual([expected, expected, expected])
  })

  // The host is about to draw an id that is no token: forcing token 0 or writing NaN would be worse.
  test('in which no token of the vocabulary can come are left alone', () => {
    const row = new Float32Array(vocabularySize + 1).fill(Number.NEGATIVE_INFINITY)
    row[vocabularySize] = 2
    expect(markAt(marker, [3], row)).toBe(false)
  })

  test('with extreme values stay rows that can be sampled from', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constant(-Infinity)), {
          minLength: vocabularySize,
          maxLength: vocabularySize,
        }),
        fc.nat(vocabularySize - 1),
        (values, context) => {
          fc.pre(values.some((value) => value > -Infinity))
          const row = Float32Array.from(values)
          marker.mark(row, [context])
          expect(row.some((value) => value > -Infinity)).toBe(true)
          expect(row.every((value) => value < Infinity)).toBe(true)
        },
      ),
      { seed: 1, numRuns: 200 },
    )
  })
})

describe.each(onDistribution)('%s: averaged over keys', (_, scheme) => {
  const sampling = { temperature: 0.8, topK: 4, topP: 0.97 }
  const logits = [1.5, 1.1, -2, 0.4, 0.9, 0.2]

  /** How often each token comes under 3,000 fresh keys. */
  function countsOf(spoil: (row: Float64Array) => void = () => {}): { counts: number[]; draws: number } {
    const random = seedrandom('draws')
    const counts = logits.map(() => 0)
    const draws = 3000
    for (let i = 0; i < draws; i++) {
      const { profile, key } = schemeWithKeys(`fresh ${i}`, scheme, { vocabularySize: logits.length })
      const row = Float64Array.from(logits)
      spoil(row)
      expect(createMarker(profile, [key], { sampling }).mark(row, [2])).toBe(true)
      counts[sampleFromLogits(row, { temperature: 1, random })]!++
    }
    return { counts, draws }
  }

  /** What the host would have drawn from without a mark. */
  function unmarked(): number[] {
    const row = Float64Array.from(logits)
    applySampling(row, sampling)
    const weights = Array.from(row, Math.exp)
    return weights.map((weight) => weight / weights.reduce((a, b) => a + b, 0))
  }

  const outside = ({ counts, draws }: ReturnType<typeof countsOf>): number =>
    unmarked().filter((p, token) => {
      if (p === 0) return counts[token] !== 0
      const { lo, hi } = binomialBand(draws, p, FALSE_ALARM / logits.length)
      return counts[token]! < lo || counts[token]! > hi
    }).length

  test('tokens come as often as without a mark', () => {
    expect(outside(countsOf())).toBe(0)
  })

  test('positive control: half a nat more for one of them is seen', () => {
    expect(
      outside(
        countsOf((row) => {
          row[3]! += 0.5
        }),
      ),
    ).toBeGreaterThan(0)
  })
})

describe.each(every)('%s: layers and lanes', (name, scheme) => {
  const lanes = 4
  const { profile, keys } = schemeWithKeys('layers', scheme, {
    contextWidth: 2,
    vocabularySize,
    layers: [
      { role: 'provider', label: 'acme', share: 40000 },
      { role: 'epoch', label: '2026-q4', share: 20000 },
      { role: 'cohort', label: 'blue', share: 5536, lanes },
      { role: 'cohort', label: 'red', share: 5536, lanes },
    ],
  })
  const [acme, epoch, blue, red] = keys as [MarkKey, MarkKey, MarkKey, MarkKey]

  function text(seed: string, length: number, options: MarkerOptions = {}): number[] {
    const marker = createMarker(profile, [acme, epoch, blue], options)
    const law = language('layers', { vocabularySize, width: 2 })
    const random = seedrandom(seed)
    const ids = [Math.floor(vocabularySize * random()), Math.floor(vocabularySize * random())]
    while (ids.length < length) {
      const row = law(ids).map(Math.log)
      marker.mark(row, ids)
      ids.push(sampleFromLogits(row, { temperature: 1, random }))
    }
    return ids
  }

  test('every context is marked under the key of its one layer, in the account’s lane', () => {
    const marker = createMarker(profile, [acme, epoch, blue], { lanes: { cohort: 3 } })
    const own = [0, 0, 0]
    for (let context = 0; context < vocabularySize; context++) {
      const layer = [acme, epoch, blue].findIndex((key) => inLayer(key, [7, context]))
      own[layer]!++
      const key = [acme, epoch, blue][layer]!
      const [row, expected] = [rowOf('r'), rowOf('r')]
      expect(marker.mark(row, [7, context])).toBe(true)
      const lane = layer === 2 ? 3 : 0
      schemeOf(profile, { lanes: key.format.lanes }).mark(expected, { key, context: [7, context], lane })
      expect(row).toEqual(expected)
    }
    expect(own.every((count) => count > 0)).toBe(true)
  })

  // 150 texts, so that there are pairs enough of the smallest layer too.
  test('each layer is detected under its own key and lane, not under another label or lane', () => {
    const documents = Array.from({ length: 150 }, (_, i) => ({
      ids: text(`${name} ${i}`, 60, { lanes: { cohort: 2 } }),
    }))
    const positions = countable(documents, profile)
    expect(detect(positions, acme).decision).toBe('evidence')
    expect(detect(positions, epoch).decision).toBe('evidence')
    expect(detect(positions, blue, { lane: 2 }).decision).toBe('evidence')
    for (const lane of [0, 1, 3]) expect(detect(positions, blue, { lane }).decision).toBe('no-evidence')
    expect(detect(positions, red, { lane: 2 }).decision).toBe('no-evidence')
    const counts = [acme, epoch, blue].map((key) => detect(positions, key).counted)
    expect(counts.reduce((a, b) => a + b, 0)).toBe(positions.count)
  })
})

describe.each(every)('%s: from profile to verdict', (_, scheme) => {
  const { profile, key } = schemeWithKeys('verdict', scheme, { contextWidth: 2, vocabularySize })
  const other = schemeWithKeys('another', scheme, { contextWidth: 2, vocabularySize })
  const law = language('verdict', { vocabularySize, width: 2 })

  function generate(seed: string, marker?: Marker): number[] {
    const random = seedrandom(seed)
    const ids = [1, 2, 3]
    while (ids.length < 700) {
      const row = law(ids).map(Math.log)
      marker?.mark(row, ids)
      ids.push(sampleFromLogits(row, { temperature: 1, random }))
    }
    return ids
  }
  const ids = generate('text', createMarker(profile, [key]))
  const read = (documents: number[][], of: Profile = profile) =>
    countable(
      documents.map((ids) => ({ ids, promptLength: 3 })),
      of,
    )

  test('the right key sees the mark, another does not, and unmarked text shows nothing', () => {
    const verdict = detect(read([ids]), key)
    expect(verdict.decision).toBe('evidence')
    expect(verdict.lnP).toBeLessThan(Math.log(1e-9))
    expect(verdict.lnE).toBeGreaterThan(Math.log(1e6))
    expect(verdict.interval!.lower).toBeLessThanOrEqual(verdict.mean)
    expect(verdict.interval!.upper).toBeGreaterThanOrEqual(verdict.mean)
    expect(detect(read([ids], other.profile), other.key).decision).toBe('no-evidence')
    expect(detect(read([generate('text')]), key).decision).toBe('no-evidence')
  })

  test('a verdict survives JSON as it is', () => {
    const verdict = detect(read([ids]), key)
    expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict)
  })

  test('a document twice, or in another order with others, changes nothing', () => {
    const [a, b] = [generate('a', createMarker(profile, [key])), generate('b')]
    const once = detect(read([ids, a, b]), key)
    for (const documents of [
      [ids, ids, a, b, b],
      [b, a, ids],
      [a, ids, b, ids],
    ]) {
      const again = detect(read(documents), key)
      expect({ ...again, seen: 0 }).toEqual({ ...once, seen: 0 })
    }
  })

  test('a key of another scheme is refused by name', () => {
    const [, wrong] = every.find(([, { scheme: id }]) => id !== scheme.scheme)!
    const { key: foreign } = schemeWithKeys('verdict', wrong, { contextWidth: 2, vocabularySize })
    expect(() => detect(read([ids]), foreign)).toThrow(/^"key" expected a key made for scheme/)
    expect(() => createMarker(profile, [foreign])).toThrow(/^"keys" expected keys of this profile/)
  })
})

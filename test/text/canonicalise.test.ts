/** Look-alikes and characters of no width are undone, and nothing else is: real Greek and Russian, emoji, Persian, Hindi. */
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { homoglyphs } from '../../src/attacks/homoglyphs.ts'
import { zeroWidth } from '../../src/attacks/zero-width.ts'
import { canonicalise } from '../../src/text/canonicalise.ts'
import { LOOK_ALIKES } from '../../src/text/look-alikes.ts'
import { anyText } from '../attacks/texts.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const rate = fc.oneof(fc.constantFrom(0.1, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true }))
const seeds = fc.nat(1e6).map(String)
const GREEK_OR_CYRILLIC = /[\p{Script=Greek}\p{Script=Cyrillic}]/u
// Latin and whatever else, but no letter of the scripts that look-alikes come from.
const latinText = anyText.filter((text) => !GREEK_OR_CYRILLIC.test(text.normalize('NFD')))

type Canonicaliser = (text: string) => string

const LAWS: Record<string, (canonical: Canonicaliser) => fc.IPropertyWithHooks<unknown>> = {
  'undoes look-alikes in Latin text': (canonical) =>
    fc.property(
      latinText,
      rate,
      fc.constantFrom('both', 'cyrillic', 'greek'),
      seeds,
      (text, share, script, seed) => {
        const attacked = homoglyphs(text, { rate: share, script, random: seedrandom(seed) }).text
        expect(canonical(attacked)).toBe(canonical(text))
      },
    ),
  'undoes characters of no width in any text': (canonical) =>
    fc.property(anyText, rate, seeds, (text, share, seed) => {
      const attacked = zeroWidth(text, { rate: share, random: seedrandom(seed) }).text
      expect(canonical(attacked)).toBe(canonical(text))
    }),
  'undoes both, in either order, in Latin text': (canonical) =>
    fc.property(latinText, rate, seeds, fc.boolean(), (text, share, seed, first) => {
      const random = seedrandom(seed)
      const one = (x: string): string => homoglyphs(x, { rate: share, random }).text
      const other = (x: string): string => zeroWidth(x, { rate: share, random }).text
      expect(canonical(first ? one(other(text)) : other(one(text)))).toBe(canonical(text))
    }),
  'is idempotent': (canonical) =>
    fc.property(anyText, (text) => {
      expect(canonical(canonical(text))).toBe(canonical(text))
    }),
}

function holds(law: string, canonical: Canonicaliser): boolean {
  return !fc.check(LAWS[law]!(canonical), { seed: 7, numRuns: 2000 }).failed
}

describe('canonicalise', () => {
  test.each(Object.keys(LAWS))('%s', (law) => {
    fc.assert(LAWS[law]!(canonicalise), { seed: 7, numRuns: 2000 })
  })

  const latinOf = new Map(LOOK_ALIKES.map(({ letter, latin }) => [letter, latin]))
  const fold = (text: string): string => Array.from(text, (letter) => latinOf.get(letter) ?? letter).join('')
  const strip = (text: string): string => text.replace(/[\u200b-\u200d\u2060\ufeff]/g, '')
  const careless: [law: string, what: string, canonical: Canonicaliser][] = [
    ['undoes look-alikes in Latin text', 'composition alone', (text) => text.normalize('NFC')],
    [
      'undoes look-alikes in Latin text',
      'only words that mix scripts',
      (text) =>
        text
          .normalize('NFD')
          .replace(/[\p{L}\p{M}]+/gu, (word) => (/\p{Script=Latin}/u.test(word) ? fold(word) : word))
          .normalize('NFC'),
    ],
    [
      'undoes look-alikes in Latin text',
      'composition first',
      (text) => fold(text.normalize('NFC')).normalize('NFC'),
    ],
    [
      'undoes characters of no width in any text',
      'spaces only',
      (text) => text.replace(/[\u200b\u2060\ufeff]/g, ''),
    ],
    [
      'undoes both, in either order, in Latin text',
      'joiners within words left',
      (text) => fold(text.replace(/[\u200b\u2060\ufeff]/g, '')),
    ],
    ['is idempotent', 'composition first', (text) => strip(text.normalize('NFC'))],
  ]
  test.each(careless)('the law "%s" catches %s', (law, _, canonical) => {
    expect(holds(law, canonical)).toBe(false)
  })

  test('a version that strips everything passes the laws, and is caught by what must stay', () => {
    expect(canonicalise('👩\u200d💻')).not.toBe(strip('👩\u200d💻'))
  })

  test('is composed, canonically', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(canonicalise(text)).toBe(canonicalise(text).normalize('NFC'))
      }),
      { seed: 8, numRuns: 500 },
    )
    expect(canonicalise('e\u0301 \u212b')).toBe('\u00e9 \u00c5')
  })

  test('returns ASCII as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
        expect(canonicalise(text)).toBe(text)
      }),
      { seed: 9 },
    )
  })

  test.each([
    ['p\u0430\u0443p\u0430l', 'paypal'],
    ['\u0410\u0420I', 'API'],
    ['na\u0457ve caf\u00e9', 'na\u00efve caf\u00e9'],
    ['r\u0435\u0301sum\u0435\u0301', 'r\u00e9sum\u00e9'],
    // A word of nothing but look-alikes, where nothing says that it is Russian.
    ['\u0430 \u0441\u0430r', 'a car'],
    ['\u0410\u0391', 'AA'],
    ['in\u00advis\u2060ib\u200dle\ufeff', 'invisible'],
    ['\ufeffstart', 'start'],
    ['Auf\u200clage', 'Auflage'],
    // No word is both.
    ['\u0410\u0391 \u043e\u043d', 'AA \u043e\u043d'],
    // A joiner makes one picture of two, a non-joiner none.
    ['👩\u200c💻', '👩💻'],
    // A symbol does not make a line Greek.
    ['\u03b1 \u0435quals on\u0435, \u0430 lot', '\u03b1 equals one, a lot'],
    // One line's Russian is not the next one's.
    ['\u043e\u043d \u0438 \u0430\nis \u0430', '\u043e\u043d \u0438 \u0430\nis a'],
  ])('%j is %j', (text, expected) => {
    expect(canonicalise(text)).toBe(expected)
  })

  test.each([
    'Съешь же ещё этих мягких французских булок, а потом и СССР.',
    'Я купил iPhone с iPad, а она — MacBook.',
    'Він сказав: «її тут нема», а я о сьомій.',
    'Ο καιρός είναι καλός, και ΤΟ ΝΕΟ βιβλίο είναι εδώ.',
    'The word сон means dream, and он is he; α, ν, ρ and σ are symbols, ΔT a difference.',
    'x² + ½ = ﬁ ™ … Ⅷ ①',
    '𝐛𝐨𝐥𝐝 ｆｕｌｌ',
    '👨‍👩‍👧‍👦 👩🏽‍💻 🏳️‍🌈 ❤️‍🔥 🏴󠁧󠁢󠁥󠁮󠁧󠁿 1️⃣',
    'می‌خواهم ه‍',
    'क्‍ष ക്‍ র‍্য श्री‌मान',
    'שָׁלוֹם \u200fabc',
    '\ud800 \udc00x',
  ])('%s stays', (text) => {
    expect(canonicalise(text)).toBe(text.normalize('NFC'))
  })

  test('characters of no width within broken pairs are undone', () => {
    const text = '👩\u200d\ud83d\u200b\ude00'
    for (let seed = 0; seed < 100; seed++) {
      const attacked = zeroWidth(text, { rate: 0.5, random: seedrandom(`broken ${seed}`) }).text
      expect(canonicalise(attacked)).toBe(canonicalise(text))
    }
  })

  // Marks of the script that joins, which composition puts behind another.
  test('a joiner before marks alone is judged alike before and after composition', () => {
    const text = canonicalise('\u200d\u0657\u0316')
    expect(canonicalise(text)).toBe(text)
  })

  test('takes long texts in one pass', () => {
    for (const unit of [
      '\u0430',
      '\u0430 ',
      'a\u0301\u200d',
      '\u0627\u200d\u0301',
      '👩\u200d',
      '\u200d',
      '\u0434\u0434 \u0430 ',
      // Two marks that composition sorts, one before all of the other kind.
      '\u0301\u0323',
      `a${'\u0301\u0323'.repeat(15)}`,
    ])
      expect(canonicalise(unit.repeat(100_000)).length).toBeGreaterThanOrEqual(0)
  })

  test('is idempotent around runs of marks at which composition stops, and leaves no longer ones in another order', () => {
    const marks = ['\u0301', '\u0323', '\u0344', '\u093c', '\u05b0']
    for (const before of ['', 'a', '\u1e69', '\u0958', '\u0439', '\u0430', '\uac00'])
      for (let length = 26; length <= 34; length++)
        for (const shift of marks.keys()) {
          const run = Array.from({ length }, (_, i) => marks[(i * (shift + 1)) % marks.length]).join('')
          const text = `x ${before}${run}\u0430b`
          const once = canonicalise(text)
          expect(canonicalise(once)).toBe(once)
          if (length > 30) expect(once).toContain(run)
        }
    expect(canonicalise(`a${'\u0301\u0323'.repeat(15)}`)).toBe(
      `\u1ea1${'\u0323'.repeat(14)}${'\u0301'.repeat(15)}`,
    )
  })

  test.each(wrongValues({ except: ['string'] }))('refuses %s', (_, value) => {
    expect(expectRefusal(() => canonicalise(value as string), 'text')).toBeInstanceOf(TypeError)
  })
})

describe('look-alikes', () => {
  test('are of the script that they say, of the case of their Latin letter, and stand for one letter', () => {
    expect(new Set(LOOK_ALIKES.map(({ letter }) => letter)).size).toBe(LOOK_ALIKES.length)
    for (const { letter, latin, script } of LOOK_ALIKES) {
      expect([letter, /^[A-Za-z]$/.test(latin)]).toEqual([letter, true])
      const own = script === 'greek' ? /^\p{Script=Greek}$/u : /^\p{Script=Cyrillic}$/u
      expect([letter, own.test(letter)]).toEqual([letter, true])
      expect([letter, /^\p{Lu}$/u.test(letter)]).toEqual([letter, /^[A-Z]$/.test(latin)])
      // Canonical decomposition must not take them apart before they are folded.
      expect(letter.normalize('NFD')).toBe(letter)
    }
  })

  test('both cases of a letter stand for both cases of one', () => {
    const latinOf = new Map(LOOK_ALIKES.map(({ letter, latin }) => [letter, latin]))
    for (const { letter, latin } of LOOK_ALIKES) {
      for (const change of ['toLowerCase', 'toUpperCase'] as const) {
        const other = latinOf.get(letter[change]())
        if (other !== undefined) expect(other).toBe(latin[change]())
      }
    }
  })
})

/** Profiles: what createProfile and parseProfile take and refuse, and that a profile means the same however it arrives. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesToHex } from '../../src/bytes.ts'
import {
  commitmentOf,
  deriveCommitmentSalt,
  deriveLayerKey,
  deriveMarkKeyBytes,
  deriveRouteKey,
  keyIdOf,
  type MarkFormat,
  markInfo,
} from '../../src/keys/derive.ts'
import { type MasterKey, masterKeyBytes } from '../../src/keys/master.ts'
import {
  createProfile,
  type Layer,
  type Profile,
  type ProfileOptions,
  parseProfile,
  profileDigest,
} from '../../src/keys/profile.ts'
import { formsShown, masterFromSeed } from '../support/keys.ts'
import { expectRefusal, type Kind, wrongValues } from '../support/wrong-values.ts'

const MASTER = masterFromSeed('profile')
const OPTIONS: ProfileOptions = {
  scheme: 'green-list',
  contextWidth: 1,
  gamma: 0.25,
  delta: 2,
  tokenizer: `sha256:${'0f'.repeat(32)}`,
  vocabularySize: 1000,
  layers: [
    { role: 'provider', label: 'acme', share: 49152 },
    { role: 'cohort', label: 'c-17', share: 16384, lanes: 64 },
    { role: 'cohort', label: 'c-18', share: 16384, lanes: 16 },
  ],
  created: '2026-11-24T09:30:00Z',
}
const PROFILE = createProfile(MASTER, OPTIONS)

const options: fc.Arbitrary<ProfileOptions> = fc
  .record({
    contextWidth: fc.nat(4),
    gamma: fc.integer({ min: 1, max: 255 }).map((k) => k / 256),
    delta: fc.double({ min: 1e-6, max: 20, noNaN: true }),
    vocabularySize: fc.integer({ min: 2, max: 2 ** 24 }),
    created: fc.constantFrom('2026-11-24', '2026-02-28T23:59:59.123Z', '2024-02-29T00:00+05:30'),
    labels: fc.uniqueArray(fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,63}$/), { minLength: 1, maxLength: 6 }),
    cut: fc.integer({ min: 1, max: 65535 }),
    lanes: fc.constantFrom(1, 2, 16, 64),
  })
  .map(({ labels, cut, lanes, ...rest }) => ({
    ...rest,
    scheme: 'green-list',
    tokenizer: OPTIONS.tokenizer,
    layers: labels.map((label, i) => {
      // Width 0 has one context, so one role.
      const single = labels.length === 1 || rest.contextWidth === 0
      return {
        role: i === 0 || single ? ('provider' as const) : ('epoch' as const),
        label,
        lanes,
        share: single ? 65536 : i === 0 ? cut : 65536 - cut,
      }
    }),
  }))

describe('createProfile', () => {
  test('is the same for the same inputs, and another for another master key', () => {
    expect(createProfile(MASTER, OPTIONS)).toEqual(PROFILE)
    const other = createProfile(masterFromSeed('another'), OPTIONS)
    for (const [i, layer] of other.layers.entries()) {
      expect(layer.keyId).not.toBe(PROFILE.layers[i]!.keyId)
      expect(layer.commitment).not.toBe(PROFILE.layers[i]!.commitment)
    }
  })

  test('writes gamma 1/2 as bits 1, param 1, and every other gamma as bits 8, param k', () => {
    for (let k = 1; k < 256; k++) {
      const { bits, param } = createProfile(MASTER, {
        ...OPTIONS,
        gamma: k / 256,
        layers: [{ role: 'provider', label: 'acme' }],
      })
      expect([bits, param]).toEqual(k === 128 ? [1, 1] : [8, k])
    }
  })

  test('gives one role everything and one lane where nothing is said', () => {
    const profile = createProfile(MASTER, { ...OPTIONS, layers: [{ role: 'canary', label: 'x' }] })
    expect(profile.layers[0]).toMatchObject({ share: 65536, lanes: 1 })
  })

  test('commits to each layer: mark key, route key, salt and name, as the wire format says', () => {
    const master = masterKeyBytes(MASTER)
    for (const { label, lanes, keyId, commitment } of PROFILE.layers) {
      const format: MarkFormat = {
        scheme: 'green-list',
        contextWidth: 1,
        bits: 8,
        lanes,
        param: 64,
        tokenizer: OPTIONS.tokenizer,
      }
      const layerKey = deriveLayerKey(master, label)
      const markKey = deriveMarkKeyBytes(layerKey, format)
      const salt = deriveCommitmentSalt(layerKey, format)
      const routeKey = deriveRouteKey(master, format)
      expect(keyId).toBe(keyIdOf(markKey))
      expect(commitment).toBe(commitmentOf({ markKey, routeKey, salt, info: markInfo(format) }))
    }
  })

  test('commits to no route key where one role needs no routing', () => {
    const layers = ['q3', 'q4'].map((label) => ({ role: 'epoch' as const, label }))
    const profile = createProfile(MASTER, { ...OPTIONS, layers })
    const format: MarkFormat = { ...profile, lanes: 1 }
    const layerKey = deriveLayerKey(masterKeyBytes(MASTER), 'q4')
    expect(profile.layers[1]!.commitment).toBe(
      commitmentOf({
        markKey: deriveMarkKeyBytes(layerKey, format),
        routeKey: undefined,
        salt: deriveCommitmentSalt(layerKey, format),
        info: markInfo(format),
      }),
    )
  })

  test('shows nothing of any key', () => {
    const master = masterKeyBytes(MASTER)
    const text = JSON.stringify(PROFILE)
    const secrets = [master, deriveRouteKey(master, { ...PROFILE, lanes: 1 })]
    for (const { label, lanes } of PROFILE.layers) {
      const layerKey = deriveLayerKey(master, label)
      secrets.push(layerKey, deriveMarkKeyBytes(layerKey, { ...PROFILE, lanes }))
      secrets.push(deriveCommitmentSalt(layerKey, { ...PROFILE, lanes }))
    }
    expect(secrets.map((secret) => formsShown(text, secret))).toEqual(secrets.map(() => []))
    expect(formsShown(`${text}${bytesToHex(secrets[3]!)}`, secrets[3]!)).toEqual(['hex'])
  })

  test('is frozen, layers included', () => {
    expect([PROFILE, PROFILE.layers, ...PROFILE.layers].every(Object.isFrozen)).toBe(true)
  })

  test.each(wrongValues({ except: [] }))('refuses %s as master', (_, value) => {
    expectRefusal(() => createProfile(value as MasterKey, OPTIONS), 'master')
  })

  test.each(wrongValues({ except: ['record', 'object'] }))('refuses %s as options', (_, value) => {
    expectRefusal(() => createProfile(MASTER, value as ProfileOptions), 'options')
  })
})

/** What `typeof` says of a right value: only another type makes a TypeError. */
function typeOf(accepts: readonly Kind[]): string {
  if (accepts.length === 0) return 'string'
  return accepts.includes('integer') ? 'number' : 'object'
}

/** What each field of createProfile's options accepts by type, and values of the right type that are out of range. */
const OPTION_FIELDS: readonly [field: string, accepts: readonly Kind[], wrong: readonly unknown[]][] = [
  ['scheme', [], ['', 'Green-List', 'Gumbel', 'synthid', 'green-list ']],
  ['contextWidth', ['integer'], [5, -1, 1.5, 2 ** 53, Number.NaN]],
  ['gamma', ['integer', 'number'], [0, 1, -0.25, 0.3, 1 / 512, 255.5 / 256, 2, Number.NaN, 1e21, 5e-324]],
  [
    'delta',
    ['integer', 'number'],
    [0, -0, -2, Number.NaN, 20.001, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ],
  [
    'tokenizer',
    [],
    [
      'sha256:',
      'sha256:0F'.padEnd(71, '0'),
      '0f'.repeat(32),
      `sha256:${'0'.repeat(63)}`,
      `sha256:${'0'.repeat(64)}\n`,
    ],
  ],
  ['vocabularySize', ['integer'], [0, 1, -1, 1.5, 2 ** 32 + 1, Number.NaN]],
  [
    'created',
    [],
    [
      '',
      'today',
      '24.11.2026',
      '2026-11',
      '2026-13-01',
      '2026-00-10',
      '2026-11-32',
      '2026-11-24T25:00',
      '2026-11-24T09:61Z',
      '2026-11-24 <script>',
      '2026-11-24T<img src=x>',
      '2026-11-24\n',
      ' 2026-11-24',
      '2026-11-24T09:30:00Z\ud800',
      '12026-11-24',
    ],
  ],
  [
    'layers',
    ['array', 'bytes', 'view'],
    [[], [null], [1], ['provider'], [[]], new Array(1), new Uint8Array(2)],
  ],
]

describe.each(OPTION_FIELDS)('createProfile, option "%s"', (field, accepts, wrong) => {
  const withField = (value: unknown): ProfileOptions => ({ ...OPTIONS, [field]: value })

  test.each(wrongValues({ except: accepts }))('refuses %s', (_, value) => {
    const error = expectRefusal(() => createProfile(MASTER, withField(value)), field)
    if (typeof value !== typeOf(accepts)) expect(error).toBeInstanceOf(TypeError)
  })

  test.each(wrong.map((value) => [value]))('refuses %o', (value) => {
    expectRefusal(() => createProfile(MASTER, withField(value)), field)
  })
})

describe('createProfile refuses', () => {
  test('options it does not know, such as a misspelt one', () => {
    const options = { ...OPTIONS, Delta: 3 } as ProfileOptions
    expect(() => createProfile(MASTER, options)).toThrow(/"options" expected only the keys .*, got "Delta"/)
    const layer = { role: 'provider', label: 'acme', shares: 1 } as unknown as Layer
    expect(() => createProfile(MASTER, { ...OPTIONS, layers: [layer] })).toThrow(/"options\.layers\[0\]"/)
  })

  test('several roles at width 0, whose single context only one could own', () => {
    expectRefusal(() => createProfile(MASTER, { ...OPTIONS, contextWidth: 0 }), 'layers')
    expectRefusal(() => parseProfile({ ...PROFILE, contextWidth: 0 }), 'layers')
  })

  test('a vocabulary too large for four ids in one nonce, at width 4 only', () => {
    const sized = (contextWidth: number, vocabularySize: number): Profile =>
      createProfile(MASTER, { ...OPTIONS, contextWidth, vocabularySize })
    expect(sized(4, 2 ** 24).vocabularySize).toBe(2 ** 24)
    expect(sized(3, 2 ** 32).vocabularySize).toBe(2 ** 32)
    expectRefusal(() => sized(4, 2 ** 24 + 1), 'vocabularySize')
    expectRefusal(() => sized(3, 2 ** 32 + 1), 'vocabularySize')
  })
})

describe('gumbel and tournament', () => {
  const { gamma: _, delta: __, ...common } = OPTIONS as ProfileOptions & { gamma: number; delta: number }
  const layers = [
    { role: 'provider' as const, label: 'acme', share: 49152 },
    { role: 'cohort' as const, label: 'c-17', share: 16384, lanes: 16 },
  ]
  const gumbel: ProfileOptions = { ...common, layers, scheme: 'gumbel' }
  const tournament: ProfileOptions = { ...common, layers, scheme: 'tournament' }

  test('are written bits 32, delta 0, and param 0 or the number of rounds, 30 where nothing is said', () => {
    const written = (options: ProfileOptions): unknown[] => {
      const { scheme, bits, param, delta } = createProfile(MASTER, options)
      return [scheme, bits, param, delta]
    }
    expect(written(gumbel)).toEqual(['gumbel', 32, 0, 0])
    expect(written(tournament)).toEqual(['tournament', 32, 30, 0])
    for (let rounds = 1; rounds <= 30; rounds++)
      expect(written({ ...tournament, rounds })).toEqual(['tournament', 32, rounds, 0])
  })

  test('come back from JSON, with the same digest; their keys are their own', () => {
    const profiles = [gumbel, tournament, { ...tournament, rounds: 29 }].map((options) =>
      createProfile(MASTER, options),
    )
    for (const profile of profiles) {
      const parsed = parseProfile(JSON.stringify(profile))
      expect(parsed).toEqual(profile)
      expect(profileDigest(parsed)).toBe(profileDigest(profile))
    }
    expect(new Set(profiles.map(({ layers }) => layers[0]!.keyId)).size).toBe(3)
  })

  test('read minus zero as zero', () => {
    const text = JSON.stringify(createProfile(MASTER, gumbel))
    const minus = text.replace('"param":0', '"param":-0').replace('"delta":0', '"delta":-0')
    const { param, delta } = parseProfile(minus)
    expect([param, delta].map((value) => Object.is(value, 0))).toEqual([true, true])
    expect(parseProfile(minus)).toEqual(parseProfile(text))
  })

  test.each([
    ['gumbel with a gamma', { ...gumbel, gamma: 0.25 }, 'options'],
    ['gumbel with a delta', { ...gumbel, delta: 2 }, 'options'],
    ['gumbel with rounds', { ...gumbel, rounds: 30 }, 'options'],
    ['a tournament with a delta', { ...tournament, delta: 2 }, 'options'],
    ['a green list with rounds', { ...OPTIONS, rounds: 30 }, 'options'],
    ['no rounds', { ...tournament, rounds: 0 }, 'options.rounds'],
    ['31 rounds', { ...tournament, rounds: 31 }, 'options.rounds'],
    ['half a round', { ...tournament, rounds: 0.5 }, 'options.rounds'],
    [
      '32 lanes of 32 bits',
      { ...gumbel, layers: [{ role: 'provider', label: 'a', lanes: 32 }] },
      'layers[0].lanes',
    ],
    // Of one context there is one first use: a mark that marks nothing would pass for a mark.
    ['gumbel of width 0', { ...gumbel, contextWidth: 0, layers: [layers[0]!] }, 'contextWidth'],
    ['a tournament of width 0', { ...tournament, contextWidth: 0, layers: [layers[0]!] }, 'contextWidth'],
  ])('createProfile refuses %s', (_, options, name) => {
    expectRefusal(() => createProfile(MASTER, options as ProfileOptions), name)
  })

  test.each(['gumbel', 'tournament'] as const)(
    'parseProfile refuses a %s profile whose numbers do not fit',
    (scheme) => {
      const profile = createProfile(MASTER, scheme === 'gumbel' ? gumbel : tournament)
      const wrong: [keyof Profile, readonly unknown[]][] = [
        ['bits', [1, 8, 31, 33, '32']],
        ['param', scheme === 'gumbel' ? [1, -1, 30, null] : [0, 31, 1.5, null]],
        ['delta', [1e-9, -1, 2, null]],
        ['contextWidth', [0, 5]],
      ]
      for (const [field, values] of wrong)
        for (const value of values) expectRefusal(() => parseProfile({ ...profile, [field]: value }), field)
    },
  )

  test('16 lanes are the most', () => {
    const accepted = [1, 2, 4, 8, 16].map(
      (lanes) =>
        createProfile(MASTER, { ...gumbel, layers: [{ role: 'provider', label: 'a', lanes }] }).layers[0]!
          .lanes,
    )
    expect(accepted).toEqual([1, 2, 4, 8, 16])
  })
})

type LayerList = readonly Record<string, unknown>[]

/** Layers as options and as they stand in a profile: both ways must refuse the same. */
const refusedLayers = (layers: LayerList, name: string): void => {
  expectRefusal(() => createProfile(MASTER, { ...OPTIONS, layers: layers as never }), name)
  const written = layers.map((layer, i) => ({
    ...PROFILE.layers[0],
    keyId: `${i}`.padStart(16, '0'),
    ...{ share: 65536, lanes: 1 },
    ...layer,
  }))
  expectRefusal(() => parseProfile({ ...PROFILE, layers: written }), name)
}

const LAYER_FIELDS: readonly [field: string, accepts: readonly Kind[], wrong: readonly unknown[]][] = [
  ['role', [], ['', 'Provider', 'owner', '__proto__', 'constructor']],
  [
    'label',
    ['string'],
    [
      '',
      'A',
      '-a',
      '.a',
      '_a',
      'a b',
      'a|b',
      'ä',
      'a\n',
      'a'.repeat(65),
      'a\u0000',
      '__proto__',
      'a/../b',
      'a\ud800',
    ],
  ],
  // undefined is "left out" in options, and missing in a profile: tested on its own below.
  ['share', ['integer', 'undefined'], [0, -1, 65537, 1.5, Number.NaN, 65535]],
  ['lanes', ['integer', 'undefined'], [0, -1, 3, 5, 48, 65, 128, 512, 1.5, Number.NaN]],
]

describe.each(LAYER_FIELDS)('layers, field "%s"', (field, accepts, wrong) => {
  const layerWith = (value: unknown): LayerList => [{ role: 'provider', label: 'acme', [field]: value }]
  // A share of the right form and the wrong sum is a fault of all layers together.
  const nameFor = (value: unknown): string => (value === 65535 ? 'layers' : `layers[0].${field}`)

  test.each(wrongValues({ except: accepts }))('refuses %s', (_, value) => {
    refusedLayers(layerWith(value), nameFor(value))
  })

  test.each(wrong.map((value) => [value]))('refuses %o', (value) => {
    refusedLayers(layerWith(value), nameFor(value))
  })
})

describe('layers', () => {
  test('lanes are divisors of 512 / bits, and all of them are taken', () => {
    const accepted = (gamma: number): number[] =>
      Array.from({ length: 600 }, (_, lanes) => lanes).filter((lanes) => {
        try {
          createProfile(MASTER, { ...OPTIONS, gamma, layers: [{ role: 'provider', label: 'a', lanes }] })
          return true
        } catch {
          return false
        }
      })
    expect(accepted(0.5)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
    expect(accepted(0.25)).toEqual([1, 2, 4, 8, 16, 32, 64])
  })

  test('labels are used once, also across roles', () => {
    const label = 'acme'
    refusedLayers(
      [
        { role: 'provider', label },
        { role: 'provider', label },
      ],
      'layers[1].label',
    )
    refusedLayers(
      [
        { role: 'provider', label, share: 32768 },
        { role: 'cohort', label, share: 32768 },
      ],
      'layers[1].label',
    )
  })

  test('shares of the roles sum to 65536; labels of one role have one share', () => {
    const of = (...shares: [string, number][]): LayerList =>
      shares.map(([role, share], i) => ({ role, share, label: `l${i}` }))
    refusedLayers(of(['provider', 65536], ['cohort', 1]), 'layers')
    refusedLayers(of(['provider', 32768], ['cohort', 32767]), 'layers')
    refusedLayers(of(['provider', 65535]), 'layers')
    refusedLayers(of(['provider', 32768], ['provider', 32768]), 'layers')
    refusedLayers(of(['provider', 32768], ['cohort', 32768], ['cohort', 32767]), 'layers[2].share')
  })
})

describe('parseProfile', () => {
  test('gives back any profile from its JSON, text or object, with the same digest', () => {
    fc.assert(
      fc.property(options, (given) => {
        const profile = createProfile(MASTER, given)
        const text = JSON.stringify(profile)
        for (const parsed of [parseProfile(text), parseProfile(JSON.parse(text)), parseProfile(profile)]) {
          expect(parsed).toEqual(profile)
          expect([parsed, parsed.layers, ...parsed.layers].every(Object.isFrozen)).toBe(true)
          expect(profileDigest(parsed)).toBe(profileDigest(profile))
        }
      }),
      { seed: 1, numRuns: 100 },
    )
  })

  test('reads minus zero, which JSON can say, as zero', () => {
    const options: ProfileOptions = {
      ...OPTIONS,
      contextWidth: 0,
      layers: [{ role: 'provider', label: 'acme' }],
    }
    const text = JSON.stringify(createProfile(MASTER, options)).replace(
      '"contextWidth":0',
      '"contextWidth":-0',
    )
    expect(Object.is(JSON.parse(text).contextWidth, -0)).toBe(true)
    expect(Object.is(parseProfile(text).contextWidth, 0)).toBe(true)
    const created = createProfile(MASTER, { ...options, contextWidth: -0 })
    expect(created).toEqual(parseProfile(JSON.stringify(created)))
    expect(profileDigest(created)).toBe(profileDigest(createProfile(MASTER, options)))
  })

  test.each(wrongValues({ except: [] }))('refuses %s', (_, value) => {
    expectRefusal(() => parseProfile(value), 'profile')
  })

  test.each(['', '{', 'null', '[]', '"x"', '5', '{"format":"dyetrace/profile-1"', 'undefined'])(
    'refuses the text %o',
    (text) => {
      expectRefusal(() => parseProfile(text), 'profile')
    },
  )

  test('refuses two layers with one key id: a key would be two customers’ at once', () => {
    const [layer] = PROFILE.layers as [Layer]
    const layers = ['a', 'b'].map((label) => ({ ...layer, label, share: 65536 }))
    expectRefusal(() => parseProfile({ ...PROFILE, layers }), 'layers[1].keyId')
    expectRefusal(() => parseProfile(JSON.stringify({ ...PROFILE, layers })), 'layers[1].keyId')
  })

  test('refuses text in which two readers could read two profiles', () => {
    const text = JSON.stringify(PROFILE)
    expect(parseProfile(text)).toEqual(PROFILE)
    for (const twice of [
      text.replace('"delta":', '"delta":19,"delta":'),
      text.replace('"lanes":', '"lanes":64,"lanes":'),
      text.replace('"delta":', '"d\\u0065lta" : 19 , "delta":'),
    ]) {
      expect(JSON.parse(twice)).toEqual(PROFILE)
      expect(expectRefusal(() => parseProfile(twice), 'profile').message).toContain('without a member twice')
    }
  })

  test.each(['2026-02-30', '2027-02-29', '1900-02-29T00:00Z', '2026-04-31', '2026-11-31T23:59:59+05:30'])(
    'refuses %s as created: there is no such day',
    (created) => {
      expectRefusal(() => parseProfile({ ...PROFILE, created }), 'created')
      expectRefusal(() => createProfile(MASTER, { ...OPTIONS, created }), 'created')
    },
  )

  test.each(['2024-02-29', '2000-02-29T12:00', '0000-01-01', '9999-12-31T23:59:59.999999999-23:59'])(
    'takes %s as created',
    (created) => {
      expect(parseProfile({ ...PROFILE, created }).created).toBe(created)
    },
  )

  test('refuses text that does not parse without repeating it: it could be a key, passed by mistake', () => {
    const secret = masterKeyBytes(MASTER)
    for (const text of [bytesToHex(secret), Buffer.from(secret).toString('base64url')]) {
      const { message, stack, cause } = expectRefusal(() => parseProfile(text), 'profile')
      expect(formsShown(`${message}${stack}${cause}`, secret)).toEqual([])
    }
  })

  test('refuses unknown keys, at the top and in layers', () => {
    expect(() => parseProfile({ ...PROFILE, secret: 1 })).toThrow(/"profile" expected only .*, got "secret"/)
    const layers = [{ ...PROFILE.layers[0], secret: 1 }]
    expect(() => parseProfile({ ...PROFILE, layers })).toThrow(/"profile\.layers\[0\]" expected only/)
    const long = { ...PROFILE, ['x'.repeat(5000)]: 1 }
    expect(expectRefusal(() => parseProfile(long), 'profile').message).toMatch(
      /got a string of 5000 characters$/,
    )
  })
})

/** Fields as they stand in a profile. */
const PROFILE_FIELDS: readonly [field: keyof Profile, accepts: readonly Kind[], wrong: readonly unknown[]][] =
  [
    ['format', [], ['', 'dyetrace/profile-2', 'dyetrace/profile-1 ']],
    ['bits', ['integer'], [0, 2, 4, 16, 32, -1, Number.NaN]],
    ['param', ['integer'], [0, 128, 256, -1, 1.5, Number.NaN]],
    ...OPTION_FIELDS.filter(([field]) => field !== 'gamma').map(
      ([field, accepts, wrong]) => [field as keyof Profile, accepts, wrong] as const,
    ),
  ] as const as readonly [keyof Profile, readonly Kind[], readonly unknown[]][]

describe.each(PROFILE_FIELDS)('parseProfile, field "%s"', (field, accepts, wrong) => {
  const withField = (value: unknown): unknown => ({ ...PROFILE, [field]: value })

  test.each(wrongValues({ except: accepts }))('refuses %s', (_, value) => {
    const error = expectRefusal(() => parseProfile(withField(value)), field)
    if (typeof value !== typeOf(accepts)) expect(error).toBeInstanceOf(TypeError)
  })

  test.each(wrong.map((value) => [value]))('refuses %o', (value) => {
    expectRefusal(() => parseProfile(withField(value)), field)
  })

  test('refuses a profile without it', () => {
    const { [field]: _, ...rest } = PROFILE
    expectRefusal(() => parseProfile(rest), field)
  })
})

describe.each(['role', 'label', 'share', 'lanes', 'keyId', 'commitment'] as const)(
  'parseProfile, layer field "%s"',
  (field) => {
    test('refuses a layer without it', () => {
      const { [field]: _, ...rest } = PROFILE.layers[0]!
      const layers = [rest, ...PROFILE.layers.slice(1)]
      expectRefusal(() => parseProfile({ ...PROFILE, layers }), `layers[0].${field}`)
    })
  },
)

describe.each([
  ['keyId', ['', '0'.repeat(15), '0'.repeat(17), 'G'.repeat(16), 'ABCDEF0123456789', `${'0'.repeat(16)}\n`]],
  ['commitment', ['', '0'.repeat(63), '0'.repeat(65), `sha256:${'0'.repeat(64)}`, 'A'.repeat(64)]],
] as const)('parseProfile, layer field "%s"', (field, wrong) => {
  const withField = (value: unknown): unknown => ({
    ...PROFILE,
    layers: [PROFILE.layers[0], { ...PROFILE.layers[1], [field]: value }, PROFILE.layers[2]],
  })

  test.each([...wrongValues({ except: [] }).map(([, value]) => value), ...wrong].map((value) => [value]))(
    'refuses %o',
    (value) => {
      expectRefusal(() => parseProfile(withField(value)), `layers[1].${field}`)
    },
  )
})

describe('a profile from somebody who wishes us ill', () => {
  test('keys that reach for a prototype are refused, and reach none', () => {
    const text = JSON.stringify(PROFILE)
    for (const key of ['__proto__', 'constructor', 'prototype', 'toString', 'toJSON']) {
      const poisoned = text.replace('{', `{"${key}":{"polluted":true},`)
      expectRefusal(() => parseProfile(poisoned), 'profile')
      const inLayer = text.replace('[{', `[{"${key}":{"share":1},`)
      expectRefusal(() => parseProfile(inLayer), 'profile.layers[0]')
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  test('inherited fields do not count as fields', () => {
    expectRefusal(() => parseProfile(Object.create(PROFILE)), 'profile.format')
    const layers = [Object.create(PROFILE.layers[0]!), ...PROFILE.layers.slice(1)]
    expectRefusal(() => parseProfile({ ...PROFILE, layers }), 'profile.layers[0].keyId')
  })

  test('a field that answers differently each time is read once: what was checked is what is kept', () => {
    for (const field of ['contextWidth', 'bits', 'param', 'delta', 'vocabularySize', 'created'] as const) {
      let reads = 0
      const shifty = Object.defineProperty({ ...PROFILE }, field, {
        enumerable: true,
        get: () => (reads++ === 0 ? PROFILE[field] : 'evil'),
      })
      expect(parseProfile(shifty)).toEqual(PROFILE)
      expect(reads).toBe(1)
    }
    for (const field of ['role', 'label', 'share', 'lanes', 'keyId', 'commitment'] as const) {
      let reads = 0
      const layer = Object.defineProperty({ ...PROFILE.layers[1]! }, field, {
        enumerable: true,
        get: () => (reads++ === 0 ? PROFILE.layers[1]![field] : 'evil'),
      })
      const layers = [PROFILE.layers[0], layer, PROFILE.layers[2]]
      expect(parseProfile({ ...PROFILE, layers })).toEqual(PROFILE)
      expect(reads).toBe(1)
    }
  })

  test('an array of layers of any length that is not filled is refused at its first hole', () => {
    expectRefusal(() => parseProfile({ ...PROFILE, layers: new Array(2 ** 32 - 1) }), 'profile.layers[0]')
    const layers = [PROFILE.layers[0]!]
    layers[4_000_000] = PROFILE.layers[1]!
    expectRefusal(() => parseProfile({ ...PROFILE, layers }), 'profile.layers[1]')
    expectRefusal(
      () => createProfile(MASTER, { ...OPTIONS, layers: new Array(2 ** 32 - 1) }),
      'options.layers[0]',
    )
  })

  test('many layers of one role are read, not refused', () => {
    const layers = Array.from({ length: 5000 }, (_, i) => ({
      ...PROFILE.layers[0]!,
      label: `account-${i}`,
      share: 65536,
      keyId: i.toString(16).padStart(16, '0'),
    }))
    expect(parseProfile({ ...PROFILE, layers }).layers).toHaveLength(5000)
  })
})

describe('profileDigest', () => {
  test('does not depend on the order of keys, and does on every value', () => {
    const reversed = (record: object): object => Object.fromEntries(Object.entries(record).reverse())
    const shuffled = reversed({ ...PROFILE, layers: PROFILE.layers.map(reversed) }) as Profile
    expect(Object.keys(shuffled)).not.toEqual(Object.keys(PROFILE))
    expect(profileDigest(shuffled)).toBe(profileDigest(PROFILE))
    const changes: Partial<Profile>[] = [
      { contextWidth: 2 },
      { param: 65 },
      { delta: 2.5 },
      { tokenizer: `sha256:${'1f'.repeat(32)}` },
      { vocabularySize: 1001 },
      { created: '2026-11-25' },
      { layers: [PROFILE.layers[0]!, PROFILE.layers[2]!, PROFILE.layers[1]!] },
      { layers: PROFILE.layers.slice(0, 2) },
      { layers: PROFILE.layers.map((layer) => ({ ...layer, commitment: '0'.repeat(64) })) },
    ]
    const digests = changes.map((change) => profileDigest({ ...PROFILE, ...change }))
    expect(new Set([profileDigest(PROFILE), ...digests]).size).toBe(changes.length + 1)
  })

  // Python: sha256(json.dumps(profile, sort_keys=True, separators=(',', ':'), ensure_ascii=False).encode())
  test('is pinned: other programs compute the same from the same JSON', () => {
    expect(profileDigest(PROFILE)).toBe(
      'sha256:e3949f2276ea2da32b2ae47c8d764bbe95af829ee4ae402ed9b6b49040f5d665',
    )
  })

  test.each(wrongValues({ except: [] }))('refuses %s', (_, value) => {
    expectRefusal(() => profileDigest(value as Profile), 'profile')
  })
})

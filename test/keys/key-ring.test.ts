/** Key rings: one profile after another, each with its own keys; what a ring refuses; that nothing of a key shows. */
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deriveLayerKey, deriveMarkKeyBytes, deriveRouteKey } from '../../src/keys/derive.ts'
import {
  type AddProfileOptions,
  addProfile,
  allKeys,
  createKeyRing,
  type KeyRing,
  keysAt,
  type ProfileChanges,
  type RotateOptions,
  rotate,
} from '../../src/keys/key-ring.ts'
import {
  decoyKeys,
  deriveMarkKeys,
  type MarkKey,
  markKeyWords,
  routeKeyWords,
} from '../../src/keys/mark-key.ts'
import { type MasterKey, masterKeyBytes } from '../../src/keys/master.ts'
import { openingOf } from '../../src/keys/opening.ts'
import {
  createProfile,
  type Layer,
  type LayerOptions,
  type Profile,
  type ProfileOptions,
  profileDigest,
} from '../../src/keys/profile.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { formsShown, masterFromSeed } from '../support/keys.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const MASTER = masterFromSeed('key ring')
const OTHER = masterFromSeed('another key ring')
const OPTIONS: ProfileOptions = {
  scheme: 'green-list',
  contextWidth: 2,
  gamma: 0.25,
  delta: 2,
  tokenizer: tokenizerDigest(['a', 'b']),
  vocabularySize: 1000,
  layers: [
    { role: 'provider', label: 'acme', share: 49152 },
    { role: 'epoch', label: 'e1', share: 8192 },
    { role: 'cohort', label: 'c-17', share: 8192, lanes: 64 },
  ],
  created: '2026-11-24',
}
const PROFILE = createProfile(MASTER, OPTIONS)
const EMPTY = createKeyRing()
const RING = addProfile(EMPTY, { profile: PROFILE, master: MASTER, from: '2026-12-01' })
const ROTATED = rotate(RING, { from: '2027-01-01' })

function profileWith(changes: ProfileChanges, master: MasterKey = MASTER): Profile {
  return createProfile(master, { ...OPTIONS, ...changes } as ProfileOptions)
}

function labelsOf(profile: Profile | undefined): string[] {
  return profile?.layers.map(({ label }) => label) ?? []
}

/** Keys of the ring, as a holder of mark keys alone has them. */
function keysOf(ring: KeyRing): readonly MarkKey[] {
  return ring.epochs.flatMap(({ keys }) => keys)
}

describe('createKeyRing', () => {
  test('is empty and frozen', () => {
    expect(EMPTY).toEqual({ kind: 'key-ring', tokenizers: [], epochs: [] })
    for (const part of [EMPTY, EMPTY.tokenizers, EMPTY.epochs]) expect(Object.isFrozen(part)).toBe(true)
    expect(allKeys(EMPTY)).toEqual([])
    expect(keysAt(EMPTY, '2026-12-01')).toBeUndefined()
  })
})

describe('addProfile', () => {
  test('holds the profile, its digest, the time in UTC and the keys that deriveMarkKeys gives', () => {
    const ring = addProfile(EMPTY, {
      profile: PROFILE,
      master: MASTER,
      from: '2026-12-01T00:00:00+01:00',
      to: '2026-12-24T18:00:00.500Z',
    })
    const keys = deriveMarkKeys(MASTER, PROFILE)
    expect(ring).toEqual({
      kind: 'key-ring',
      tokenizers: [PROFILE.tokenizer],
      epochs: [
        {
          profile: PROFILE,
          digest: profileDigest(PROFILE),
          from: '2026-11-30T23:00:00Z',
          to: '2026-12-24T18:00:00.5Z',
          master: { kind: 'master-key' },
          keys: keys.map((key) => ({ ...key })),
        },
      ],
    })
    expect(ring.epochs[0]!.keys.map(markKeyWords)).toEqual(keys.map(markKeyWords))
    expect(ring.epochs[0]!.keys.map(routeKeyWords)).toEqual(keys.map(routeKeyWords))
    for (const part of [ring, ring.tokenizers, ring.epochs, ring.epochs[0], ring.epochs[0]!.keys])
      expect(Object.isFrozen(part)).toBe(true)
  })

  test('leaves the ring that it is given as it was', () => {
    const before = JSON.stringify(RING)
    addProfile(RING, { profile: profileWith({ delta: 3 }), master: MASTER, from: '2027-01-01' })
    rotate(RING, { from: '2027-01-01' })
    expect(JSON.stringify(RING)).toBe(before)
    expect(RING.epochs[0]!.to).toBeUndefined()
  })

  test('ends a profile without an end where the next begins, and leaves a gap after one with', () => {
    const next = { profile: profileWith({ delta: 3 }), master: MASTER, from: '2027-01-01' }
    expect(addProfile(RING, next).epochs.map(({ from, to }) => [from, to])).toEqual([
      ['2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
      ['2027-01-01T00:00:00Z', undefined],
    ])
    const ended = addProfile(EMPTY, {
      profile: PROFILE,
      master: MASTER,
      from: '2026-12-01',
      to: '2026-12-24',
    })
    const gap = addProfile(ended, next)
    expect(gap.epochs[0]!.to).toBe('2026-12-24T00:00:00Z')
    expect(keysAt(gap, '2026-12-25')).toBeUndefined()
    // The end belongs to the next one: a profile may begin there.
    expect(addProfile(ended, { ...next, from: '2026-12-24' }).epochs.length).toBe(2)
  })

  test('takes mark keys in place of the master key, some or all, in profile order', () => {
    const [provider, epoch, cohort] = keysOf(RING) as [MarkKey, MarkKey, MarkKey]
    const ring = addProfile(EMPTY, { profile: PROFILE, keys: [cohort, provider], from: '2026-12-01' })
    expect(ring.epochs[0]!.keys).toEqual([provider, cohort])
    expect(ring.epochs[0]).not.toHaveProperty('master')
    expect(Object.isFrozen(ring.epochs[0]!.keys)).toBe(true)
    expect(
      addProfile(EMPTY, { profile: PROFILE, keys: [epoch], from: '2026-12-01' }).epochs[0]!.keys,
    ).toEqual([epoch])
  })

  test('takes a profile as it came from JSON', () => {
    const profile = JSON.parse(JSON.stringify(PROFILE)) as Profile
    expect(addProfile(EMPTY, { profile, master: MASTER, from: '2026-12-01' })).toEqual(RING)
  })

  const next = profileWith({ delta: 3 })
  const whole = addProfile(EMPTY, {
    profile: PROFILE,
    master: MASTER,
    from: '2026-12-01',
    to: '2027-01-01',
  })
  test.each([
    ['a profile that is in the ring already', RING, { profile: PROFILE, from: '2027-01-01' }, 'profile'],
    ['an end before the beginning', EMPTY, { from: '2027-01-01', to: '2026-12-31' }, 'to'],
    ['an end at the beginning', EMPTY, { from: '2027-01-01', to: '2027-01-01T01:00+01:00' }, 'to'],
    ['a beginning within the last profile’s time', whole, { from: '2026-12-31T23:59:59.999Z' }, 'from'],
    ['a beginning before the last profile’s time', whole, { from: '2026-11-01', to: '2026-12-01' }, 'from'],
    ['a beginning with that of a profile without end', RING, { from: '2026-12-01' }, 'from'],
    [
      'a beginning before that of a profile without end',
      RING,
      { from: '2026-11-30', to: '2026-12-01' },
      'from',
    ],
    ['the master key of another owner', EMPTY, { master: OTHER, from: '2027-01-01' }, 'master'],
    ['a time without a zone', EMPTY, { from: '2027-01-01T12:00' }, 'from'],
    ['an end without a zone', EMPTY, { from: '2027-01-01', to: '2027-01-02T12:00' }, 'to'],
    [
      'another tokenizer',
      RING,
      { profile: profileWith({ tokenizer: tokenizerDigest(['a', 'c']) }), from: '2027-01-01' },
      'profile.tokenizer',
    ],
    ['an unknown option', EMPTY, { from: '2027-01-01', until: '2027-02-01' }, 'options'],
    ['no key', EMPTY, { from: '2027-01-01', master: undefined }, 'master'],
    ['mark keys beside a master key', EMPTY, { from: '2027-01-01', keys: keysOf(RING) }, 'keys'],
  ] as [string, KeyRing, Partial<AddProfileOptions>, string][])('refuses %s', (_, ring, options, name) => {
    const all = { profile: next, master: MASTER, ...options } as AddProfileOptions
    const { message } = expectRefusal(() => addProfile(ring, all), name)
    for (const master of [MASTER, OTHER]) expect(formsShown(message, masterKeyBytes(master))).toEqual([])
  })

  test('takes another tokenizer where the owner says so, and then knows it', () => {
    const [second, third] = [tokenizerDigest(['a', 'c']), tokenizerDigest(['a', 'd'])]
    const add = (ring: KeyRing, change: ProfileChanges, from: string, allowNewTokenizer?: boolean): KeyRing =>
      addProfile(ring, {
        profile: profileWith(change),
        master: MASTER,
        from,
        ...(allowNewTokenizer === undefined ? {} : { allowNewTokenizer }),
      })
    const ring = add(RING, { tokenizer: second }, '2027-01-01', true)
    expect(ring.tokenizers).toEqual([PROFILE.tokenizer, second])
    const back = add(ring, { delta: 3 }, '2027-02-01')
    expect(add(back, { tokenizer: second, delta: 3 }, '2027-03-01').tokenizers).toEqual(ring.tokenizers)
    // Saying so once says nothing of the next one.
    expectRefusal(() => add(ring, { tokenizer: third }, '2027-02-01'), 'profile.tokenizer')
    expectRefusal(() => add(ring, { tokenizer: third }, '2027-02-01', false), 'profile.tokenizer')
  })

  test('refuses a profile whose commitment is another: its key ids alone would pass', () => {
    const layers = PROFILE.layers.map((layer, i) =>
      i === 1 ? { ...layer, commitment: PROFILE.layers[0]!.commitment } : layer,
    )
    const forged = { ...PROFILE, layers }
    expect(deriveMarkKeys(MASTER, forged).length).toBe(3)
    expectRefusal(
      () => addProfile(EMPTY, { profile: forged, master: MASTER, from: '2026-12-01' }),
      'profile.layers[1].commitment',
    )
    expectRefusal(
      () => addProfile(EMPTY, { profile: forged, keys: keysOf(RING), from: '2026-12-01' }),
      'options.keys[1]',
    )
  })

  test('many mark keys of one role are added in a time that grows with them', () => {
    const layers = Array.from({ length: 3000 }, (_, i) => ({ role: 'cohort' as const, label: `c-${i}` }))
    const profile = profileWith({ layers })
    const keys = deriveMarkKeys(MASTER, profile)
    expect(addProfile(EMPTY, { profile, keys, from: '2026-12-01' }).epochs[0]!.keys).toEqual(keys)
  })

  describe('of mark keys', () => {
    const [provider] = keysOf(RING) as [MarkKey]
    const shares = [32768, 24576, 8192]
    const layersWith = (change: (layer: Layer, i: number) => LayerOptions): LayerOptions[] =>
      PROFILE.layers.map(({ keyId: _, commitment: __, ...layer }, i) => change(layer as Layer, i))
    test.each([
      ['none', [], PROFILE],
      ['one twice', [provider, provider], PROFILE],
      ['another owner’s', keysOf(addProfile(EMPTY, ofOther())), PROFILE],
      ['one of another format', [provider], profileWith({ gamma: 0.5 })],
      [
        // The same key and key id, but it would read other contexts.
        'one for other shares',
        [provider],
        profileWith({ layers: layersWith((layer, i) => ({ ...layer, share: shares[i]! })) }),
      ],
      [
        'one of another role',
        [provider],
        profileWith({
          layers: layersWith((layer, i) => ({
            ...layer,
            role: (['canary', 'epoch', 'cohort'] as const)[i]!,
          })),
        }),
      ],
      ['a decoy', [...decoyKeys(provider, { material: new Uint8Array(64), count: 1 })], PROFILE],
      ['a copy', [{ ...provider }], PROFILE],
      ['a master key', [MASTER as unknown as MarkKey], PROFILE],
    ] as [string, readonly MarkKey[], Profile][])('refuses %s', (_, keys, profile) => {
      expectRefusal(() => addProfile(EMPTY, { profile, keys, from: '2026-12-01' }), 'key')
    })

    function ofOther(): AddProfileOptions {
      return { profile: profileWith({}, OTHER), master: OTHER, from: '2026-12-01' }
    }
  })

  test.each(wrongValues({ except: [] }))('refuses %s as ring', (_, value) => {
    const options = { profile: PROFILE, master: MASTER, from: '2026-12-01' }
    expectRefusal(() => addProfile(value as KeyRing, options), 'ring')
    expectRefusal(() => rotate(value as KeyRing, { from: '2027-01-01' }), 'ring')
    expectRefusal(() => keysAt(value as KeyRing, '2027-01-01'), 'ring')
    expectRefusal(() => allKeys(value as KeyRing), 'ring')
  })

  test.each(wrongValues({ except: ['record', 'object'] }))('refuses %s as options', (_, value) => {
    expectRefusal(() => addProfile(RING, value as AddProfileOptions), 'options')
    expectRefusal(() => rotate(RING, value as RotateOptions), 'options')
  })

  test.each([
    ['profile', wrongValues({ except: [] })],
    ['master', wrongValues({ except: [] })],
    ['from', wrongValues({ except: [] })],
    ['to', wrongValues({ except: ['undefined'] })],
    ['allowNewTokenizer', wrongValues({ except: ['undefined', 'boolean'] })],
  ] as const)('refuses wrong values as %s', (name, values) => {
    for (const [, value] of values) {
      const options = { profile: next, master: MASTER, from: '2027-01-01', [name]: value }
      expectRefusal(() => addProfile(RING, options as AddProfileOptions), name)
    }
  })

  test.each(wrongValues({ except: ['undefined'] }))('refuses %s as keys', (_, value) => {
    const options = { profile: next, keys: value as MarkKey[], from: '2027-01-01' }
    expectRefusal(() => addProfile(RING, options), 'key')
  })
})

describe('rotate', () => {
  test('adds a profile with the next epoch label; the other labels keep their keys', () => {
    const [first, second] = ROTATED.epochs
    expect(first!.to).toBe('2027-01-01T00:00:00Z')
    expect(second).toMatchObject({ from: '2027-01-01T00:00:00Z' })
    expect(second).not.toHaveProperty('to')
    expect(second!.profile).toEqual(
      profileWith({
        layers: (OPTIONS.layers as LayerOptions[]).map((layer) =>
          layer.role === 'epoch' ? { ...layer, label: 'e2' } : layer,
        ),
        created: '2027-01-01T00:00:00Z',
      }),
    )
    const same = second!.keys.map(({ keyId }, i) => keyId === first!.keys[i]!.keyId)
    expect(same).toEqual([true, false, true])
  })

  test('again and again, each profile from the one before', () => {
    let ring = RING
    for (let month = 1; month <= 12; month++)
      ring = rotate(ring, { from: `2027-${String(month).padStart(2, '0')}-01` })
    expect(ring.epochs.map(({ profile }) => profile.layers[1]!.label)).toEqual(
      Array.from({ length: 13 }, (_, i) => `e${i + 1}`),
    )
    expect(new Set(ring.epochs.map(({ digest }) => digest)).size).toBe(13)
    // Provider and cohort once, thirteen epochs.
    expect(allKeys(ring).length).toBe(15)
  })

  test.each([
    ['e1', 'e2'],
    ['e9', 'e10'],
    ['e08', 'e09'],
    ['e09', 'e10'],
    ['e099', 'e100'],
    ['9', '10'],
    ['2026-11', '2026-12'],
    ['winter', 'winter-2'],
    ['v1.2.3', 'v1.2.4'],
    [`a${'9'.repeat(40)}`, `a1${'0'.repeat(40)}`],
  ])('counts the label %s up to %s', (label, expected) => {
    const profile = profileWith({ layers: [{ role: 'epoch', label }] })
    const ring = addProfile(EMPTY, { profile, master: MASTER, from: '2026-12-01' })
    expect(labelsOf(rotate(ring, { from: '2027-01-01' }).epochs[1]!.profile)).toEqual([expected])
  })

  test('takes a label, a new master key, an end and changes to the profile', () => {
    const ring = rotate(RING, {
      from: '2027-01-01',
      to: '2027-02-01',
      label: '2027-01',
      master: OTHER,
      profile: { delta: 3, created: '2026-12-24' },
    })
    const { profile, keys, to } = ring.epochs[1]!
    expect(to).toBe('2027-02-01T00:00:00Z')
    expect(profile).toMatchObject({ delta: 3, created: '2026-12-24', param: 64 })
    expect(labelsOf(profile)).toEqual(['acme', '2027-01', 'c-17'])
    expect(keys.map(markKeyWords)).toEqual(deriveMarkKeys(OTHER, profile).map(markKeyWords))
    // And goes on under the new master key.
    const [, , third] = rotate(ring, { from: '2027-02-01' }).epochs
    expect(third!.keys.map(markKeyWords)).toEqual(deriveMarkKeys(OTHER, third!.profile).map(markKeyWords))
  })

  test('keeps the options of each scheme, and changes to another', () => {
    const options: Record<string, object> = {
      'green-list': { gamma: 0.5, delta: 1.5 },
      gumbel: {},
      tournament: { rounds: 17 },
    }
    const {
      scheme: _,
      gamma: __,
      delta: ___,
      ...common
    } = OPTIONS as Extract<ProfileOptions, { scheme: 'green-list' }>
    const layers = [{ role: 'epoch', label: 'e1' }]
    for (const [scheme, own] of Object.entries(options)) {
      const profile = createProfile(MASTER, { ...common, ...own, scheme, layers } as ProfileOptions)
      const ring = addProfile(EMPTY, { profile, master: MASTER, from: '2026-12-01' })
      const { profile: next } = rotate(ring, { from: '2027-01-01' }).epochs[1]!
      const { layers: __, created: ___, ...about } = profile
      expect(next).toMatchObject(about)
      for (const [other, itsOwn] of Object.entries(options)) {
        if (other === scheme) continue
        const changes = { scheme: other, ...itsOwn } as ProfileChanges
        expect(rotate(ring, { from: '2027-01-01', profile: changes }).epochs[1]!.profile.scheme).toBe(other)
      }
    }
  })

  test('ends a profile before its planned end, and leaves a gap after one that has ended', () => {
    const ring = addProfile(EMPTY, { profile: PROFILE, master: MASTER, from: '2026-12-01', to: '2027-01-01' })
    const ends = (from: string): (string | undefined)[] => rotate(ring, { from }).epochs.map(({ to }) => to)
    expect(ends('2026-12-13T08:00Z')).toEqual(['2026-12-13T08:00:00Z', undefined])
    expect(ends('2027-01-01')).toEqual(['2027-01-01T00:00:00Z', undefined])
    expect(ends('2027-01-02')).toEqual(['2027-01-01T00:00:00Z', undefined])
  })

  test('a profile without an epoch layer rotates by a new master key or new layers', () => {
    const profile = profileWith({ layers: [{ role: 'provider', label: 'acme' }] })
    const ring = addProfile(EMPTY, { profile, master: MASTER, from: '2026-12-01' })
    expect(labelsOf(rotate(ring, { from: '2027-01-01', master: OTHER }).epochs[1]!.profile)).toEqual(['acme'])
    const layers: LayerOptions[] = [{ role: 'provider', label: 'acme-2' }]
    expect(labelsOf(rotate(ring, { from: '2027-01-01', profile: { layers } }).epochs[1]!.profile)).toEqual([
      'acme-2',
    ])
    // Strength and shares are no part of a key.
    for (const change of [{}, { delta: 3 }, { vocabularySize: 999 }]) {
      const { message } = expectRefusal(
        () => rotate(ring, { from: '2027-01-01', profile: change }),
        'options',
      )
      expect(message).toContain('keys are all in the ring already')
    }
  })

  const several = addProfile(EMPTY, {
    profile: profileWith({
      layers: [
        { role: 'epoch', label: 'e1' },
        { role: 'epoch', label: 'e2' },
      ],
    }),
    master: MASTER,
    from: '2026-12-01',
  })
  const without = addProfile(EMPTY, { profile: PROFILE, keys: keysOf(RING), from: '2026-12-01' })
  const plain = addProfile(EMPTY, {
    profile: profileWith({ layers: [{ role: 'provider', label: 'acme' }] }),
    master: MASTER,
    from: '2026-12-01',
  })
  test.each([
    ['an empty ring', EMPTY, {}, 'ring'],
    ['a beginning with the last profile’s', RING, { from: '2026-12-01' }, 'from'],
    ['a beginning before the last profile’s', RING, { from: '2026-11-30' }, 'from'],
    ['an end before the beginning', RING, { to: '2026-12-31' }, 'to'],
    ['the label of an earlier epoch', ROTATED, { from: '2027-02-01', label: 'e1' }, 'options'],
    ['the label that serves', ROTATED, { from: '2027-02-01', label: 'e2' }, 'options'],
    [
      'the label of an earlier epoch beside a new cohort',
      ROTATED,
      {
        from: '2027-02-01',
        profile: {
          layers: [
            { role: 'epoch', label: 'e1', share: 65535 },
            { role: 'cohort', label: 'c-18', share: 1 },
          ],
        },
      },
      'options.label',
    ],
    ['the label of another layer', RING, { label: 'acme' }, 'layers[1].label'],
    ['a label that is none', RING, { label: 'E 2' }, 'layers[1].label'],
    ['a label beside layers', RING, { label: 'e2', profile: { layers: OPTIONS.layers } }, 'label'],
    ['a label without an epoch layer', plain, { label: 'e2' }, 'label'],
    ['several epoch layers without new ones', several, {}, 'options.profile.layers'],
    ['no master key, where the last profile has none', without, {}, 'master'],
    ['another tokenizer', RING, { profile: { tokenizer: tokenizerDigest(['a', 'c']) } }, 'profile.tokenizer'],
    ['options of another scheme', RING, { profile: { rounds: 3 } }, 'options'],
    ['another scheme without its options', RING, { profile: { scheme: 'tournament', delta: 2 } }, 'options'],
    ['an unknown option', RING, { epoch: 'e2' }, 'options'],
    ['an unknown option of the profile', RING, { profile: { width: 2 } }, 'options'],
  ] as [string, KeyRing, Partial<RotateOptions>, string][])('refuses %s', (_, ring, options, name) => {
    expectRefusal(() => rotate(ring, { from: '2027-01-01', ...options }), name)
  })

  test('takes another tokenizer where the owner says so', () => {
    const tokenizer = tokenizerDigest(['a', 'c'])
    const options = { from: '2027-01-01', profile: { tokenizer }, allowNewTokenizer: true }
    expect(rotate(RING, options).tokenizers).toEqual([PROFILE.tokenizer, tokenizer])
  })

  test('a ring of mark keys alone goes on with a master key', () => {
    const ring = rotate(without, { from: '2027-01-01', master: MASTER })
    expect(ring.epochs.map(({ master }) => master !== undefined)).toEqual([false, true])
  })

  test.each([
    ['from', wrongValues({ except: [] })],
    ['to', wrongValues({ except: ['undefined'] })],
    ['master', wrongValues({ except: ['undefined'] })],
    ['label', wrongValues({ except: ['undefined', 'string'] })],
    ['profile', wrongValues({ except: ['undefined', 'record', 'object'] })],
    ['allowNewTokenizer', wrongValues({ except: ['undefined', 'boolean'] })],
  ] as const)('refuses wrong values as %s', (name, values) => {
    for (const [, value] of values) {
      const options = { from: '2027-01-01', [name]: value } as unknown as RotateOptions
      expectRefusal(() => rotate(RING, options), name)
    }
  })
})

describe('keysAt', () => {
  test('answers with what serves at each moment, and with nothing where nothing does', () => {
    const days = fc.integer({ min: 0, max: 400 })
    const day = (n: number): string =>
      new Date(Date.UTC(2026, 11, 1) + n * 86_400_000).toISOString().slice(0, 10)
    const profiles = Array.from({ length: 4 }, (_, i) => profileWith({ delta: 1 + i }))
    fc.assert(
      fc.property(
        fc.uniqueArray(days, { minLength: 2, maxLength: 8 }),
        days,
        fc.boolean(),
        (cuts, at, open) => {
          cuts.sort((a, b) => a - b)
          let ring = EMPTY
          const spans: { from: number; to: number; profile: Profile }[] = []
          for (let i = 0; i + 1 < cuts.length; i += 2) {
            const [from, to] = [cuts[i]!, cuts[i + 1]!]
            const isLast = i + 3 >= cuts.length
            const profile = profiles[i / 2]!
            spans.push({ from, to: open && isLast ? Number.POSITIVE_INFINITY : to, profile })
            ring = addProfile(ring, {
              profile,
              master: MASTER,
              from: day(from),
              ...(open && isLast ? {} : { to: day(to) }),
            })
          }
          const expected = spans.find(({ from, to }) => from <= at && at < to)
          expect(keysAt(ring, day(at))?.digest).toBe(expected && profileDigest(expected.profile))
        },
      ),
      { seed: 20261124, numRuns: 300 },
    )
  })

  test('reads zones', () => {
    expect(labelsOf(keysAt(ROTATED, '2027-01-01T00:59:59+01:00')?.profile)).toContain('e1')
    expect(labelsOf(keysAt(ROTATED, '2027-01-01T01:00:00+01:00')?.profile)).toContain('e2')
    expect(labelsOf(keysAt(ROTATED, '2026-12-31T18:59:59.999-05:00')?.profile)).toContain('e1')
  })

  test.each(wrongValues({ except: [] }))('refuses %s as time', (_, value) => {
    expectRefusal(() => keysAt(RING, value as string), 'time')
  })
})

describe('allKeys', () => {
  test('names each test once: keys of all epochs, those that go on with their first profile', () => {
    const all = allKeys(ROTATED)
    expect(
      all.map(({ key, profile }) => [key.label, ROTATED.epochs.findIndex((e) => e.profile === profile)]),
    ).toEqual([
      ['acme', 0],
      ['e1', 0],
      ['c-17', 0],
      ['e2', 1],
    ])
    for (const part of [all, ...all]) expect(Object.isFrozen(part)).toBe(true)
  })

  test('a key that reads other contexts, or another vocabulary, is another test', () => {
    const shared = [32768, 24576, 8192]
    const layers = (OPTIONS.layers as LayerOptions[]).map((layer, i) => ({ ...layer, share: shared[i]! }))
    const reshared = rotate(RING, {
      from: '2027-01-01',
      profile: {
        layers: layers.map((layer) => (layer.role === 'epoch' ? { ...layer, label: 'e2' } : layer)),
      },
    })
    // The cohort's share is the last and the same: 57344..65535 in both.
    expect(allKeys(reshared).map(({ key }) => `${key.label} ${key.range.from}`)).toEqual([
      'acme 0',
      'e1 49152',
      'c-17 57344',
      'acme 0',
      'e2 32768',
    ])
    const wider = rotate(RING, { from: '2027-01-01', profile: { vocabularySize: 1001 } })
    expect(allKeys(wider).length).toBe(6)
  })

  test('leaves out no key of the ring', () => {
    const ring = rotate(rotate(ROTATED, { from: '2027-02-01', master: OTHER }), {
      from: '2027-03-01',
      profile: { gamma: 0.5 },
    })
    const ids = new Set(allKeys(ring).map(({ key }) => key.keyId))
    expect(ids).toEqual(new Set(keysOf(ring).map(({ keyId }) => keyId)))
    expect(ids.size).toBe(10)
  })
})

describe('nothing of a key shows', () => {
  const secrets = [MASTER, OTHER].flatMap((owner) => {
    const master = masterKeyBytes(owner)
    const [key] = deriveMarkKeys(owner, profileWith({}, owner)) as [MarkKey]
    const layerKey = deriveLayerKey(master, key.label)
    return [master, layerKey, deriveMarkKeyBytes(layerKey, key.format), deriveRouteKey(master, key.format)]
  })
  const ring = rotate(ROTATED, { from: '2027-02-01', master: OTHER })
  const salts = keysOf(ring).map((key) => openingOf(key).salt)

  test.each([
    ['JSON.stringify', JSON.stringify(ring)],
    ['util.inspect, hidden things included', inspect(ring, { showHidden: true, depth: null, getters: true })],
    ['structuredClone', inspect(structuredClone(ring), { showHidden: true, depth: null })],
    ['a string', `${ring} ${ring.epochs} ${keysAt(ring, '2027-01-01')}`],
    ['allKeys', JSON.stringify(allKeys(ring))],
  ])('in %s', (_, text) => {
    for (const secret of [...secrets, ...salts]) expect(formsShown(text, secret)).toEqual([])
  })

  test('a copy, a clone and parsed JSON are no rings', () => {
    for (const copy of [
      { ...ring },
      structuredClone(ring),
      JSON.parse(JSON.stringify(ring)),
      Object.create(ring),
    ]) {
      const { message } = expectRefusal(() => keysAt(copy, '2027-01-01'), 'ring')
      expect(message).toContain('a copy of a ring does not carry the keys')
    }
  })

  test('a key in place of a ring is not shown', () => {
    const hex = Buffer.from(secrets[0]!).toString('hex')
    for (const value of [hex, hex.slice(0, 32), secrets[0]!, BigInt(`0x${hex}`)]) {
      const { message } = expectRefusal(() => keysAt(value as unknown as KeyRing, '2027-01-01'), 'ring')
      expect(formsShown(message, secrets[0]!)).toEqual([])
    }
  })
})

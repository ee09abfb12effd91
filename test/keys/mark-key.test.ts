/** Mark keys: whose they are, that nothing of them shows, and decoys. */
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { bytesToHex } from '../../src/bytes.ts'
import {
  deriveDecoyKeyBytes,
  deriveLayerKey,
  deriveMarkKeyBytes,
  deriveRouteKey,
} from '../../src/keys/derive.ts'
import { assertKeyFits } from '../../src/keys/key-fits.ts'
import {
  assertMarkKeys,
  decoyKeys,
  deriveMarkKeys,
  type MarkKey,
  markKeyWords,
  routeKeyWords,
} from '../../src/keys/mark-key.ts'
import { type MasterKey, masterKeyBytes } from '../../src/keys/master.ts'
import { createProfile, type Profile, type ProfileOptions } from '../../src/keys/profile.ts'
import { formsShown, masterFromSeed, profileWithKey } from '../support/keys.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const MASTER = masterFromSeed('mark keys')
const OPTIONS: ProfileOptions = {
  scheme: 'green-list',
  contextWidth: 2,
  gamma: 0.25,
  delta: 2,
  tokenizer: `sha256:${'0f'.repeat(32)}`,
  vocabularySize: 1000,
  layers: [
    { role: 'provider', label: 'acme', share: 49152 },
    { role: 'cohort', label: 'c-17', share: 16384, lanes: 64 },
  ],
  created: '2026-11-24',
}
const PROFILE = createProfile(MASTER, OPTIONS)
const KEYS = deriveMarkKeys(MASTER, PROFILE)

function hexOf(words: Uint32Array | undefined): string {
  return bytesToHex(new Uint8Array(Uint32Array.from(words ?? []).buffer))
}

describe('deriveMarkKeys', () => {
  test('gives one key a layer, in profile order, with what is public about it', () => {
    expect(KEYS.map((key) => ({ ...key }))).toEqual(
      PROFILE.layers.map(({ role, label, lanes, keyId }, i) => ({
        kind: 'mark-key',
        keyId,
        role,
        label,
        format: {
          scheme: 'green-list',
          contextWidth: 2,
          bits: 8,
          lanes,
          param: 64,
          tokenizer: OPTIONS.tokenizer,
        },
        range: [
          { from: 0, to: 49152 },
          { from: 49152, to: 65536 },
        ][i],
      })),
    )
    expect(Object.isFrozen(KEYS)).toBe(true)
    for (const key of KEYS) expect([key, key.format, key.range].every(Object.isFrozen)).toBe(true)
  })

  test('holds the derived bytes, as little-endian words', () => {
    const master = masterKeyBytes(MASTER)
    for (const key of KEYS) {
      expect(hexOf(markKeyWords(key))).toBe(
        bytesToHex(deriveMarkKeyBytes(deriveLayerKey(master, key.label), key.format)),
      )
      expect(hexOf(routeKeyWords(key))).toBe(bytesToHex(deriveRouteKey(master, key.format)))
    }
  })

  test('holds no route key where one role needs no routing', () => {
    const { key } = profileWithKey('one role')
    expect(routeKeyWords(key)).toBeUndefined()
  })

  test('takes a profile as it came from JSON', () => {
    const parsed = JSON.parse(JSON.stringify(PROFILE)) as Profile
    expect(deriveMarkKeys(MASTER, parsed)).toEqual(KEYS)
  })

  test('refuses a master key that did not make the profile, and says whose keys they are', () => {
    const other = masterFromSeed('another')
    expect(() => deriveMarkKeys(other, PROFILE)).toThrow(RangeError)
    const { message } = expectRefusal(() => deriveMarkKeys(other, PROFILE), 'master')
    expect(message).toContain(`layer acme: key id ${PROFILE.layers[0]!.keyId}`)
    expect(formsShown(message, masterKeyBytes(other))).toEqual([])
  })

  test('refuses a profile of which one layer is another owner’s', () => {
    const theirs = createProfile(masterFromSeed('another'), OPTIONS)
    const mixed = { ...PROFILE, layers: [PROFILE.layers[0]!, theirs.layers[1]!] }
    expectRefusal(() => deriveMarkKeys(MASTER, mixed), 'master')
  })

  // The key id pins everything that shapes field numbers: a profile changed there no longer fits its keys.
  test.each([
    ['param', { param: 65 }],
    ['contextWidth', { contextWidth: 1 }],
    ['tokenizer', { tokenizer: `sha256:${'1f'.repeat(32)}` }],
    ['lanes', { layers: [{ ...PROFILE.layers[0]!, lanes: 2 }, PROFILE.layers[1]!] }],
    ['label', { layers: [{ ...PROFILE.layers[0]!, label: 'acme-2' }, PROFILE.layers[1]!] }],
  ] as [string, Partial<Profile>][])('refuses a profile whose %s was changed', (_, change) => {
    expectRefusal(() => deriveMarkKeys(MASTER, { ...PROFILE, ...change }), 'master')
  })

  test.each(wrongValues({ except: [] }))('refuses %s as master', (_, value) => {
    expectRefusal(() => deriveMarkKeys(value as MasterKey, PROFILE), 'master')
  })

  test.each(wrongValues({ except: [] }))('refuses %s as profile', (_, value) => {
    expectRefusal(() => deriveMarkKeys(MASTER, value as Profile), 'profile')
  })

  test.each([
    ['hexadecimal', bytesToHex(masterKeyBytes(MASTER))],
    ['half of it', bytesToHex(masterKeyBytes(MASTER)).slice(0, 32)],
    ['bytes', masterKeyBytes(MASTER)],
    ['a bigint', BigInt(`0x${bytesToHex(masterKeyBytes(MASTER))}`)],
  ])('refuses the master key as %s and shows nothing of it', (_, value) => {
    const { message } = expectRefusal(() => deriveMarkKeys(value as unknown as MasterKey, PROFILE), 'master')
    expect(formsShown(message, masterKeyBytes(MASTER))).toEqual([])
    expect(message).not.toContain(String(value).slice(0, 12))
  })
})

describe('nothing of a mark key shows', () => {
  const [key] = KEYS as [MarkKey]
  const master = masterKeyBytes(MASTER)
  const secrets = [
    deriveMarkKeyBytes(deriveLayerKey(master, key.label), key.format),
    deriveRouteKey(master, key.format),
    deriveLayerKey(master, key.label),
    master,
  ]
  // After use, when words were decoded and remembered.
  markKeyWords(key)
  routeKeyWords(key)

  test.each([
    ['JSON.stringify', JSON.stringify(KEYS)],
    ['util.inspect, hidden things included', inspect(KEYS, { showHidden: true, depth: null, getters: true })],
    ['own property names', inspect(Reflect.ownKeys(key).map((name) => [name, Reflect.get(key, name)]))],
    ['structuredClone', inspect(structuredClone(KEYS), { showHidden: true, depth: null })],
    ['spreading', inspect({ ...key }, { showHidden: true, depth: null })],
  ])('in %s', (_, text) => {
    expect(text).toContain(key.keyId)
    expect(secrets.map((secret) => formsShown(text, secret))).toEqual([[], [], [], []])
  })

  test('a copy, a clone and parsed JSON carry no key', () => {
    for (const copy of [
      { ...key },
      structuredClone(key),
      JSON.parse(JSON.stringify(key)),
      Object.create(key),
    ]) {
      const { message } = expectRefusal(() => markKeyWords(copy), 'key')
      expect(message).toContain('a copy of a key record does not carry the key')
    }
  })

  test.each(wrongValues({ except: ['array', 'bytes', 'view'] }))('assertMarkKeys refuses %s', (_, value) => {
    expectRefusal(() => assertMarkKeys(value, { name: 'keys' }), 'keys')
  })

  test('assertMarkKeys refuses a master key among them', () => {
    expectRefusal(() => assertMarkKeys([key, MASTER], { name: 'keys' }), 'key')
    assertMarkKeys(KEYS, { name: 'keys' })
  })
})

describe('assertKeyFits', () => {
  const [key] = KEYS as [MarkKey]

  test('takes the keys of the profile, and another owner’s of the same format', () => {
    for (const own of KEYS) assertKeyFits(own, PROFILE)
    const other = masterFromSeed('another')
    const [theirs] = deriveMarkKeys(other, createProfile(other, OPTIONS))
    assertKeyFits(theirs!, PROFILE)
  })

  test.each([
    ['contextWidth', { contextWidth: 1 }],
    ['param', { gamma: 65 / 256 }],
    ['bits', { gamma: 0.5 }],
    ['tokenizer', { tokenizer: `sha256:${'1f'.repeat(32)}` }],
  ] as [string, Partial<ProfileOptions>][])('refuses a key made for another %s', (field, change) => {
    const other = createProfile(MASTER, { ...OPTIONS, ...change })
    const { message } = expectRefusal(() => assertKeyFits(key, other), 'key')
    expect(message).toContain(`expected a key made for ${field} `)
  })
})

describe('decoyKeys', () => {
  const [provider, cohort] = KEYS as [MarkKey, MarkKey]
  const material = Uint8Array.from({ length: 64 }, (_, i) => 5 * i)

  test('are the same for the same material, and others for other material', () => {
    const ids = (bytes: Uint8Array): string[] =>
      [...decoyKeys(cohort, { material: bytes, count: 20 })].map(({ keyId }) => keyId)
    expect(ids(material)).toEqual(ids(material.slice()))
    const changed = material.slice()
    changed[63]! ^= 1
    expect(ids(changed).filter((id) => ids(material).includes(id))).toEqual([])
  })

  test('are distinct, and none is the key', () => {
    const ids = [...decoyKeys(provider, { material, count: 1000 })].map(({ keyId }) => keyId)
    expect(new Set([...ids, provider.keyId]).size).toBe(1001)
  })

  test('have the format, the contexts and the layer of the key', () => {
    for (const decoy of decoyKeys(cohort, { material, count: 5 })) {
      const { keyId: _, ...about } = decoy
      const { keyId: __, ...expected } = cohort
      expect(about).toEqual(expected)
      expect(hexOf(routeKeyWords(decoy))).toBe(hexOf(routeKeyWords(cohort)))
      expect(Object.isFrozen(decoy)).toBe(true)
    }
  })

  test('come from the public material alone: decoy i is the same whatever the key', () => {
    const words = (key: MarkKey): string[] =>
      [...decoyKeys(key, { material, count: 3 })].map((decoy) => hexOf(markKeyWords(decoy)))
    expect(words(provider)).toEqual([0, 1, 2].map((i) => bytesToHex(deriveDecoyKeyBytes(material, i))))
    expect(words(provider)).toEqual(words(cohort))
  })

  test('can be none', () => {
    expect([...decoyKeys(provider, { material, count: 0 })]).toEqual([])
  })

  test.each(wrongValues({ except: ['bytes'] }))('refuse %s as material', (_, value) => {
    expectRefusal(() => [...decoyKeys(provider, { material: value as Uint8Array, count: 1 })], 'material')
  })

  test.each([Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY, '3'])('refuse %o as count', (count) => {
    expectRefusal(() => [...decoyKeys(provider, { material, count: count as number })], 'count')
  })

  test('refuse what is not a key', () => {
    expectRefusal(() => [...decoyKeys({ ...provider }, { material, count: 1 })], 'key')
  })
})

/** Commitments to engines' keys: opened by the very key, profile and salt, by the recipe of the documentation, and showing nothing. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../src/digest.ts'
import { commitEngineKey, opensEngineCommitment } from '../../src/keys/engine-commitment.ts'
import { engineKeyIntegers } from '../../src/keys/engine-key.ts'
import { ENGINE_SCHEMES, engineMark, engineProfile, freshEngineKey } from '../support/engine-marks.ts'
import { formsShown } from '../support/keys.ts'
import { wrongValues } from '../support/wrong-values.ts'

const salt = Uint8Array.from({ length: 32 }, (_, i) => i)

describe.each(Object.keys(ENGINE_SCHEMES))('%s', (name) => {
  const profile = engineProfile(name)
  const key = freshEngineKey(profile, 'committed')
  const commitment = commitEngineKey(profile, key, salt)

  test('by the recipe', () => {
    const { scheme, contextWidth, param, tokenizer, vocabularySize, engine, layers } = profile
    const text = canonicalJson({
      key: engineKeyIntegers(key).map(String),
      ...{ label: layers[0].label, scheme, contextWidth, param, tokenizer, vocabularySize, engine },
    })
    const slow = createHash('sha256').update(salt).update(`dyetrace/1|engine-commitment|${text}`)
    expect(commitment).toBe(slow.digest('hex'))
  })

  test('opens with the same key, profile and salt, and with no other', () => {
    const opened = (change: object) => opensEngineCommitment(commitment, { profile, key, salt, ...change })
    expect(opened({})).toBe(true)
    expect(opened({ salt: new Uint8Array(32) })).toBe(false)
    expect(opened({ key: freshEngineKey(profile, 'another') })).toBe(false)
    for (const change of [{ label: 'other' }, { vocabularySize: 2049 }]) {
      const other = engineProfile(name, change)
      expect(opened({ profile: other, key: freshEngineKey(other, 'committed') })).toBe(false)
    }
  })
})

test('settings are bound: another weight under the same integers does not open it', () => {
  const [a, b] = [0.1, 0.3].map((alpha) => engineMark('vLLM dual', [8127n], { engine: { alpha } }))
  const commitment = commitEngineKey(a!.profile, a!.key, salt)
  expect(opensEngineCommitment(commitment, { ...b!, salt })).toBe(false)
  expect(() => commitEngineKey(a!.profile, b!.key, salt)).toThrow(/"key" expected/)
})

test('what is refused shows neither key nor salt', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 40 }), (bytes) => {
      fc.pre(bytes.length !== 32)
      const { profile, key } = engineMark('vLLM gumbel', [0x1122334455667788n])
      let message = ''
      try {
        commitEngineKey(profile, key, bytes)
      } catch (error) {
        message = (error as Error).message
      }
      expect(message).toContain('"salt" expected a Uint8Array of 32 bytes')
      expect(formsShown(message, bytes)).toEqual([])
    }),
    { seed: 5, numRuns: 100 },
  )
  const { profile, key } = engineMark('vLLM gumbel', [8127n])
  for (const [, value] of wrongValues({ except: ['string'] }))
    expect(() => opensEngineCommitment(value as string, { profile, key, salt })).toThrow(
      /"commitment" expected/,
    )
  expect(() => commitEngineKey(profile, { ...key }, salt)).toThrow(/a copy of a key record/)
})

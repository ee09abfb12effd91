/** Master keys: what may become one, and that nothing of it shows. */
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { bytesToHex } from '../../src/bytes.ts'
import {
  generateMasterKey,
  type MasterKey,
  masterKeyBytes,
  masterKeyFromBytes,
} from '../../src/keys/master.ts'
import { formsShown, masterFromSeed, profileWithKey } from '../support/keys.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const BYTES = Uint8Array.from({ length: 32 }, (_, i) => (37 * i + 129) % 256)

describe('masterKeyFromBytes', () => {
  test('keeps a copy of 32 bytes', () => {
    const larger = new Uint8Array(100)
    larger.set(BYTES, 13)
    // The slice of a Buffer shares its memory, unlike that of a Uint8Array.
    for (const mine of [new Uint8Array(BYTES), Buffer.from(BYTES), larger.subarray(13, 45)]) {
      const master = masterKeyFromBytes(mine)
      mine.fill(0)
      expect(masterKeyBytes(master)).toEqual(BYTES)
      masterKeyBytes(master).fill(0)
      expect(masterKeyBytes(master)).toEqual(BYTES)
    }
  })

  test.each([0, 16, 31, 33, 64])('refuses %i bytes', (length) => {
    expect(() => masterKeyFromBytes(new Uint8Array(length).fill(1))).toThrow(
      new RangeError(`"bytes" expected a Uint8Array of 32 bytes, got Uint8Array of ${length} bytes`),
    )
  })

  test('refuses a buffer that was never filled', () => {
    expect(expectRefusal(() => masterKeyFromBytes(new Uint8Array(32)), 'bytes')).toBeInstanceOf(RangeError)
    const oneBit = new Uint8Array(32)
    oneBit[31] = 1
    expect(masterKeyBytes(masterKeyFromBytes(oneBit))).toEqual(oneBit)
  })

  test.each(wrongValues({ except: [] }))('refuses %s', (_, value) => {
    expectRefusal(() => masterKeyFromBytes(value as Uint8Array), 'bytes')
  })

  test.each([
    ['hexadecimal', bytesToHex(BYTES)],
    ['part of it, short enough to be printed elsewhere', bytesToHex(BYTES).slice(0, 40)],
    ['base64', Buffer.from(BYTES).toString('base64')],
    ['base64url, cut', Buffer.from(BYTES).toString('base64url').slice(0, 38)],
    ['a bigint', BigInt(`0x${bytesToHex(BYTES)}`)],
    ['an array of numbers', [...BYTES]],
    ['an ArrayBuffer', BYTES.buffer],
    ['a wider view', new Uint16Array(BYTES.buffer)],
    ['31 bytes', BYTES.slice(1)],
  ])('refuses the key as %s and shows nothing of it', (_, value) => {
    const { message, stack } = expectRefusal(() => masterKeyFromBytes(value as Uint8Array), 'bytes')
    expect(formsShown(`${message}${stack}`, BYTES)).toEqual([])
    expect(message).not.toContain(String(value).slice(0, 12))
  })
})

describe('generateMasterKey', () => {
  test('gives another key each time', () => {
    const keys = Array.from({ length: 100 }, () => bytesToHex(masterKeyBytes(generateMasterKey())))
    expect(new Set(keys).size).toBe(100)
  })
})

describe('masterKeyBytes', () => {
  test.each(wrongValues({ except: [] }))('refuses %s', (_, value) => {
    expectRefusal(() => masterKeyBytes(value as MasterKey), 'master')
  })

  test('refuses a copy, parsed JSON and a key of another kind', () => {
    const master = masterKeyFromBytes(BYTES)
    const { key } = profileWithKey('other kind')
    for (const wrong of [{ ...master }, structuredClone(master), JSON.parse(JSON.stringify(master)), key])
      expectRefusal(() => masterKeyBytes(wrong as MasterKey), 'master')
    expect(() => masterKeyBytes(key as unknown as MasterKey)).toThrow(/got a mark-key/)
  })
})

describe('nothing of a master key shows', () => {
  const master = masterKeyFromBytes(BYTES)
  const views: [string, unknown][] = [
    ['String', String(master)],
    ['JSON.stringify', JSON.stringify({ master })],
    [
      'util.inspect, hidden things included',
      inspect(master, { showHidden: true, depth: null, getters: true }),
    ],
    ['its own property names', Reflect.ownKeys(master).map(String).join()],
    ['structuredClone', inspect(structuredClone(master), { showHidden: true })],
    ['spreading', inspect({ ...master }, { showHidden: true })],
    ['a format string', inspect(new Error(`failed with ${master} ${JSON.stringify(master)}`))],
  ]
  test.each(views)('in %s', (_, text) => {
    expect(formsShown(String(text), BYTES)).toEqual([])
  })

  test('and the search for it finds what is there', () => {
    const shown = (text: string): string[] => formsShown(text, BYTES)
    expect(shown(inspect(BYTES, { compact: true, breakLength: Infinity }))).toContain('decimal')
    expect(shown(JSON.stringify([...BYTES]))).toContain('decimal')
    expect(shown(`id ${bytesToHex(BYTES).toUpperCase()}`)).toContain('hex')
    expect(shown(bytesToHex(BYTES).slice(10, 18))).toContain('hex')
    expect(shown(Buffer.from(BYTES).toString('base64'))).toContain('base64')
    expect(shown(Buffer.from(BYTES).toString('base64url').slice(20, 26))).toContain('base64url')
    expect(
      shown(Buffer.from(`k=${Buffer.from(BYTES).toString('latin1')}`, 'latin1').toString('base64')),
    ).toContain('base64')
    expect(shown(Buffer.from(BYTES).toString('latin1'))).toContain('raw')
    expect(shown('"master" expected a master-key, got a string of 64 characters')).toEqual([])
  })

  test('the record is frozen, and says only what it is', () => {
    expect(master).toEqual({ kind: 'master-key' })
    expect(Object.isFrozen(master)).toBe(true)
    expect(masterFromSeed(1)).toEqual(masterFromSeed(2))
  })
})

/** Mark key files: what an investigator is handed works, is what the profile promised, and shows in no message. */
import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesToHex } from '../../src/bytes.ts'
import {
  commitmentOf,
  deriveCommitmentSalt,
  deriveLayerKey,
  deriveMarkKeyBytes,
  deriveRouteKey,
  keyIdOf,
  markInfo,
} from '../../src/keys/derive.ts'
import { addProfile, createKeyRing } from '../../src/keys/key-ring.ts'
import {
  decoyKeys,
  deriveMarkKeys,
  type MarkKey,
  markKeyWords,
  routeKeyWords,
} from '../../src/keys/mark-key.ts'
import { readMarkKeyFile, writeMarkKeyFile } from '../../src/keys/mark-key-file.ts'
import { masterKeyBytes } from '../../src/keys/master.ts'
import { createProfile, type Profile, type ProfileOptions } from '../../src/keys/profile.ts'
import { formsShown, masterFromSeed } from '../support/keys.ts'
import { expectRefusalOf, wrongValues } from '../support/wrong-values.ts'

const MASTER = masterFromSeed('mark key file')
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
const [KEY, COHORT] = deriveMarkKeys(MASTER, PROFILE) as [MarkKey, MarkKey]
const SINGLE = createProfile(MASTER, { ...OPTIONS, layers: [{ role: 'provider', label: 'acme' }] })
const [SINGLE_KEY] = deriveMarkKeys(MASTER, SINGLE) as [MarkKey]

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
const LAYER_KEY = deriveLayerKey(masterKeyBytes(MASTER), 'acme')
const SECRETS = {
  markKey: deriveMarkKeyBytes(LAYER_KEY, KEY.format),
  routeKey: deriveRouteKey(masterKeyBytes(MASTER), KEY.format),
  salt: deriveCommitmentSalt(LAYER_KEY, KEY.format),
}
const JWK = {
  kty: 'oct',
  use: 'dyetrace/1 mark',
  kid: KEY.keyId,
  info: markInfo(KEY.format),
  role: 'provider',
  label: 'acme',
  range: { from: 0, to: 49152 },
  k: base64(SECRETS.markKey),
  salt: base64(SECRETS.salt),
  routeKey: base64(SECRETS.routeKey),
}

let folder = ''
let files = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dyetrace-marks-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

const newPath = (): string => join(folder, `${files++}.mark.json`)

async function fileWith(content: unknown, mode = 0o600): Promise<string> {
  const path = newPath()
  const raw = typeof content === 'string' || content instanceof Uint8Array
  await writeFile(path, raw ? content : JSON.stringify(content), { mode })
  await chmod(path, mode)
  return path
}

/** The error of a call that must fail; nothing of the secrets may show in it, message, stack and cause included. */
async function failureOf(call: Promise<unknown>): Promise<Error> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(Error)
  const { message, stack, cause } = error as Error
  for (const secret of Object.values(SECRETS))
    expect(formsShown(`${message}${stack}${cause}`, secret)).toEqual([])
  return error as Error
}

describe('writeMarkKeyFile', () => {
  test('writes one JWK that only its owner can read', async () => {
    const path = newPath()
    await writeMarkKeyFile(path, KEY)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const text = await readFile(path, 'utf8')
    expect(JSON.parse(text)).toEqual(JWK)
    expect(text.endsWith('}\n')).toBe(true)
    expect(await readdir(folder)).not.toContain(`${path}.new`)
  })

  test('does so whatever the umask lets through', async () => {
    const path = newPath()
    const before = process.umask(0)
    try {
      await writeMarkKeyFile(path, KEY)
    } finally {
      process.umask(before)
    }
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  test('writes no route key where there is no routing', async () => {
    const path = newPath()
    await writeMarkKeyFile(path, SINGLE_KEY)
    expect(JSON.parse(await readFile(path, 'utf8'))).not.toHaveProperty('routeKey')
  })

  test('holds nothing of the master key or the layer key', async () => {
    const path = newPath()
    await writeMarkKeyFile(path, KEY)
    const text = await readFile(path, 'utf8')
    expect(formsShown(text, masterKeyBytes(MASTER))).toEqual([])
    expect(formsShown(text, LAYER_KEY)).toEqual([])
    expect(formsShown(text, SECRETS.markKey)).not.toEqual([])
  })

  test('what is in it opens the published commitment, by the hash alone', async () => {
    const path = newPath()
    await writeMarkKeyFile(path, COHORT)
    const { k, routeKey, salt, info } = JSON.parse(await readFile(path, 'utf8'))
    const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64url'))
    expect(commitmentOf({ markKey: bytes(k), routeKey: bytes(routeKey), salt: bytes(salt), info })).toBe(
      PROFILE.layers[1]!.commitment,
    )
  })

  test('never overwrites', async () => {
    const path = await fileWith('precious')
    const { message } = await failureOf(writeMarkKeyFile(path, KEY))
    expect(message).toBe(
      `mark key file ${path}: expected no file of that name, got one; a key is never overwritten`,
    )
    expect(await readFile(path, 'utf8')).toBe('precious')
  })

  test('leaves nothing behind where it cannot write', async () => {
    const path = newPath()
    await writeFile(`${path}.new`, 'in the way')
    const { message } = await failureOf(writeMarkKeyFile(path, KEY))
    expect(message).toContain(`expected no ${path}.new, got one`)
    await expect(lstat(path)).rejects.toThrow('ENOENT')
    expect(await readFile(`${path}.new`, 'utf8')).toBe('in the way')
    await expect(writeMarkKeyFile(join(folder, 'none', 'x'), KEY)).rejects.toThrow(
      /could not be written \(ENOENT\)$/,
    )
  })

  test('writes the same of a key from the master key, from a ring and from a file', async () => {
    const ring = addProfile(createKeyRing(), { profile: PROFILE, master: MASTER, from: '2026-12-01' })
    const paths = [newPath(), newPath(), newPath()] as const
    await writeMarkKeyFile(paths[0], KEY)
    await writeMarkKeyFile(paths[1], ring.epochs[0]!.keys[0]!)
    await writeMarkKeyFile(paths[2], await readMarkKeyFile(paths[0], PROFILE))
    for (const path of paths) expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(JWK)
  })

  test('refuses a decoy: nobody promised it, so there is nothing to open', async () => {
    const path = newPath()
    const [decoy] = decoyKeys(KEY, { material: new Uint8Array(64), count: 1 })
    const { message } = await expectRefusalOf(() => writeMarkKeyFile(path, decoy!), 'key')
    expect(message).toContain('got one that nothing commits to')
    await expect(lstat(path)).rejects.toThrow('ENOENT')
  })

  test.each(wrongValues({ except: ['string'] }))('refuses %s as path', async (_, value) => {
    await expectRefusalOf(() => writeMarkKeyFile(value as string, KEY), 'path')
    await expectRefusalOf(() => readMarkKeyFile(value as string, PROFILE), 'path')
  })

  test.each(wrongValues({ except: [] }))('refuses %s as key', async (_, value) => {
    await expectRefusalOf(() => writeMarkKeyFile(newPath(), value as MarkKey), 'key')
  })

  test.each([
    ['a master key', MASTER],
    ['a copy', { ...KEY }],
  ])('refuses %s as key', async (_, value) => {
    await expectRefusalOf(() => writeMarkKeyFile(newPath(), value as MarkKey), 'key')
  })
})

describe('readMarkKeyFile', () => {
  test('gives back the key of every layer of every kind of mark', async () => {
    const {
      scheme: _,
      gamma: __,
      delta: ___,
      ...common
    } = OPTIONS as Extract<ProfileOptions, { scheme: 'green-list' }>
    const profiles = [
      PROFILE,
      SINGLE,
      createProfile(MASTER, { ...OPTIONS, gamma: 0.5 } as ProfileOptions),
      createProfile(MASTER, {
        ...common,
        scheme: 'tournament',
        rounds: 7,
        layers: [{ role: 'canary', label: 'x' }],
      }),
    ]
    for (const profile of profiles) {
      for (const key of deriveMarkKeys(MASTER, profile)) {
        const path = newPath()
        await writeMarkKeyFile(path, key)
        const read = await readMarkKeyFile(path, JSON.parse(JSON.stringify(profile)))
        expect(read).toEqual(key)
        expect(markKeyWords(read)).toEqual(markKeyWords(key))
        expect(routeKeyWords(read)).toEqual(routeKeyWords(key))
        expect([read, read.format, read.range].every(Object.isFrozen)).toBe(true)
      }
    }
  })

  test('the key shows nothing', async () => {
    const key = await readMarkKeyFile(await fileWith(JWK), PROFILE)
    markKeyWords(key)
    const text = `${JSON.stringify(key)}${inspect(key, { showHidden: true, depth: null })}`
    expect(text).toContain(KEY.keyId)
    for (const secret of Object.values(SECRETS)) expect(formsShown(text, secret)).toEqual([])
  })

  test('takes its fields in any order', async () => {
    const reversed = Object.fromEntries(Object.entries(JWK).reverse())
    expect(await readMarkKeyFile(await fileWith(reversed), PROFILE)).toEqual(KEY)
  })

  test.skipIf(process.platform === 'win32')('refuses a file that others can read or write', async () => {
    for (const mode of [0o644, 0o640, 0o604, 0o620, 0o602, 0o777]) {
      const path = await fileWith(JWK, mode)
      const { message } = await failureOf(readMarkKeyFile(path, PROFILE))
      expect(message).toContain(`expected mode 600, got ${mode.toString(8)}`)
    }
    expect(await readMarkKeyFile(await fileWith(JWK, 0o400), PROFILE)).toEqual(KEY)
  })

  test('refuses a file that is not there', async () => {
    const path = newPath()
    const { message } = await failureOf(readMarkKeyFile(path, PROFILE))
    expect(message).toBe(`mark key file ${path}: could not be read (ENOENT)`)
  })

  const { kty: _, ...noType } = JWK
  const { salt: __, ...noSalt } = JWK
  const { routeKey: ___, ...noRoute } = JWK
  const flipped = (bytes: Uint8Array): string => {
    const copy = new Uint8Array(bytes)
    copy[31]! ^= 1
    return base64(copy)
  }
  const hex = bytesToHex(SECRETS.markKey)
  test.each([
    ['nothing', '', 'expected JSON'],
    ['the raw key', SECRETS.markKey, 'expected JSON'],
    ['the key as hexadecimal', hex, 'expected JSON'],
    ['a JWK cut off', JSON.stringify(JWK).slice(0, -30), 'expected JSON'],
    ['two JWKs', `${JSON.stringify(JWK)}${JSON.stringify(JWK)}`, 'expected JSON'],
    ['a JSON string with the key', JSON.stringify(JWK.k), 'expected a JWK'],
    ['a list', [JWK], 'expected a JWK'],
    ['null', 'null', 'expected a JWK'],
    ['a key set', { keys: [JWK] }, 'expected a field "kty"'],
    ['a master key', { kty: 'oct', use: 'dyetrace/1 master', k: JWK.k }, 'expected a field "kid"'],
    ['no kty', noType, 'expected a field "kty"'],
    ['no salt', noSalt, 'expected a field "salt"'],
    ['a prototype in place of a field', `{"__proto__":${JSON.stringify(JWK)}}`, 'expected a field "kty"'],
    ['another field', { ...JWK, alg: 'HS256' }, 'expected only the fields'],
    ['a field whose name is the key', { ...JWK, [JWK.k]: 1 }, 'expected only the fields'],
    ['a field whose name is half of the key', { ...JWK, [hex.slice(0, 32)]: 1 }, 'expected only the fields'],
    ['another kty', { ...JWK, kty: 'EC' }, 'kty: expected "oct"'],
    ['the use of a master key', { ...JWK, use: 'dyetrace/1 master' }, 'use: expected "dyetrace/1 mark"'],
    ['the use of another version', { ...JWK, use: 'dyetrace/2 mark' }, 'use: expected "dyetrace/1 mark"'],
    ['the key as use', { ...JWK, use: JWK.k.slice(0, 30) }, 'use: expected'],
    ['a kid of another key', { ...JWK, kid: COHORT.keyId }, 'kid: expected the key id of k'],
    ['a kid that is the key', { ...JWK, kid: hex.slice(0, 16) }, 'kid: expected the key id of k'],
    ['k null', { ...JWK, k: null }, 'expected k to hold 32 bytes'],
    ['k a list', { ...JWK, k: [...SECRETS.markKey] }, 'expected k to hold 32 bytes'],
    ['k with padding', { ...JWK, k: `${JWK.k}=` }, 'expected k to hold 32 bytes'],
    ['k as hexadecimal', { ...JWK, k: hex }, 'expected k to hold 32 bytes'],
    ['k of 31 bytes', { ...JWK, k: base64(SECRETS.markKey.slice(1)) }, 'expected k to hold 32 bytes'],
    ['k with stray last bits', { ...JWK, k: `${'A'.repeat(42)}B` }, 'expected k to hold 32 bytes'],
    ['k in the other alphabet', { ...JWK, k: `+/${JWK.k.slice(2)}` }, 'expected k to hold 32 bytes'],
    ['k with a space', { ...JWK, k: ` ${JWK.k}` }, 'expected k to hold 32 bytes'],
    ['a salt that is short', { ...JWK, salt: JWK.salt.slice(1) }, 'expected salt to hold 32 bytes'],
    ['a route key that is short', { ...JWK, routeKey: 'AAAA' }, 'expected routeKey to hold 32 bytes'],
    ['a route key that is null', { ...JWK, routeKey: null }, 'expected routeKey to hold 32 bytes'],
    ['another mark', { ...JWK, info: markInfo({ ...KEY.format, param: 65 }) }, 'info: expected "dyetrace/1|'],
    ['the mark of another version', { ...JWK, info: JWK.info.replace('/1', '/2') }, 'info: expected'],
    ['another role', { ...JWK, role: 'canary' }, 'role: expected "provider"'],
    ['another label', { ...JWK, label: 'c-17' }, 'label: expected "acme"'],
    ['the key as label', { ...JWK, label: hex }, 'label: expected "acme"'],
    ['another range', { ...JWK, range: { from: 0, to: 65536 } }, 'range: expected 0..49152'],
    ['a range of strings', { ...JWK, range: { from: '0', to: '49152' } }, 'range: expected 0..49152'],
    ['a range as a list', { ...JWK, range: [0, 49152] }, 'range: expected an object'],
    ['a range with more', { ...JWK, range: { ...JWK.range, by: hex } }, 'range: expected only the fields'],
    ['no route key', noRoute, 'routeKey: expected one'],
    [
      'another route key',
      { ...JWK, routeKey: flipped(SECRETS.routeKey) },
      'opens the commitment of layer acme',
    ],
    ['another salt', { ...JWK, salt: flipped(SECRETS.salt) }, 'opens the commitment of layer acme'],
    [
      'route key and salt exchanged',
      { ...JWK, routeKey: JWK.salt, salt: JWK.routeKey },
      'opens the commitment',
    ],
    ['another key under its kid', { ...JWK, k: flipped(SECRETS.markKey) }, 'kid: expected the key id of k'],
  ] as [string, unknown, string][])('refuses %s', async (_, content, reason) => {
    const path = await fileWith(content)
    const error = await failureOf(readMarkKeyFile(path, PROFILE))
    expect([TypeError, RangeError]).toContain(error.constructor)
    expect(error.message).toContain(`mark key file ${path}: `)
    expect(error.message).toContain(reason)
    expect(error.message).toMatch(/expected .+, got .+/s)
  })

  test('refuses a key of another profile', async () => {
    const other = createProfile(masterFromSeed('another'), OPTIONS)
    const { message } = await failureOf(readMarkKeyFile(await fileWith(JWK), other))
    expect(message).toContain(`got key id ${KEY.keyId}, which is not among its layers`)
    const gamma = createProfile(MASTER, { ...OPTIONS, gamma: 0.5 } as ProfileOptions)
    expect((await failureOf(readMarkKeyFile(await fileWith(JWK), gamma))).message).toContain(
      'not among its layers',
    )
  })

  test('refuses a key of a profile with the same label and other shares, or without routing', async () => {
    const layers = [
      { role: 'provider' as const, label: 'acme', share: 32768 },
      { role: 'cohort' as const, label: 'c-17', share: 32768, lanes: 64 },
    ]
    const reshared = createProfile(MASTER, { ...OPTIONS, layers })
    expect(reshared.layers[0]!.keyId).toBe(KEY.keyId)
    expect((await failureOf(readMarkKeyFile(await fileWith(JWK), reshared))).message).toContain(
      'range: expected 0..32768 as in the profile',
    )
    // The same key without routing: its commitment is another.
    const whole = { ...JWK, range: { from: 0, to: 65536 } }
    expect((await failureOf(readMarkKeyFile(await fileWith(whole), SINGLE))).message).toContain(
      'routeKey: expected none',
    )
  })

  test('refuses a profile whose commitment is another: the key id alone would pass', async () => {
    const forged: Profile = {
      ...PROFILE,
      layers: PROFILE.layers.map((layer) => ({ ...layer, commitment: 'ab'.repeat(32) })),
    }
    expect(forged.layers[0]!.keyId).toBe(keyIdOf(SECRETS.markKey))
    expect((await failureOf(readMarkKeyFile(await fileWith(JWK), forged))).message).toContain(
      'opens the commitment',
    )
  })

  test.each(wrongValues({ except: [] }))('refuses %s as profile', async (_, value) => {
    await expectRefusalOf(() => readMarkKeyFile(newPath(), value as Profile), 'profile')
  })
})

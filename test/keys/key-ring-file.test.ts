/** Key ring files: they come back whole, only grow, are replaced in one step or not at all, and show in no message. */
import type * as fs from 'node:fs/promises'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  commitmentOf,
  deriveCommitmentSalt,
  deriveLayerKey,
  deriveMarkKeyBytes,
  deriveRouteKey,
  markInfo,
} from '../../src/keys/derive.ts'
import { writeKeyFile } from '../../src/keys/key-file.ts'
import {
  type AddProfileOptions,
  addProfile,
  createKeyRing,
  type KeyRing,
  rotate,
} from '../../src/keys/key-ring.ts'
import { readKeyRing, writeKeyRing } from '../../src/keys/key-ring-file.ts'
import { type MarkKey, markKeyWords, routeKeyWords } from '../../src/keys/mark-key.ts'
import { masterKeyBytes } from '../../src/keys/master.ts'
import { createProfile, type Profile, type ProfileOptions } from '../../src/keys/profile.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { formsShown, masterFromSeed } from '../support/keys.ts'
import { expectRefusalOf, wrongValues } from '../support/wrong-values.ts'

// What goes wrong on a disk, to order. Everything else is the file system itself.
const fault = vi.hoisted(() => ({
  at: '' as '' | 'writeFile' | 'sync' | 'close' | 'rename' | 'folder',
  /** Another writer is done the moment it is found in the way. */
  otherDone: false,
}))
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof fs>()
  const fail = (): never => {
    throw Object.assign(new Error(`no space left`), { code: 'ENOSPC' })
  }
  return {
    ...real,
    open: async (path: string, flags: string, mode?: number) => {
      if (fault.at === 'folder' && flags === 'r' && (await real.stat(path)).isDirectory()) return fail()
      const file = await real.open(path, flags, mode).catch(async (error: unknown) => {
        if (fault.otherDone && path.endsWith('.new')) await real.rename(path, path.slice(0, -4))
        throw error
      })
      if (!path.endsWith('.new')) return file
      return new Proxy(file, {
        get: (target, property) => {
          if (property === 'writeFile' && fault.at === 'writeFile')
            return async (text: string) => {
              await target.writeFile(text.slice(0, text.length / 2))
              fail()
            }
          if (property === 'sync' && fault.at === 'sync') return async () => fail()
          if (property === 'close' && fault.at === 'close')
            return async () => {
              await target.close()
              fail()
            }
          const value = Reflect.get(target, property)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    },
    rename: async (from: string, to: string) => (fault.at === 'rename' ? fail() : real.rename(from, to)),
  }
})

const MASTER = masterFromSeed('key ring file')
const OTHER = masterFromSeed('another key ring file')
const OPTIONS: ProfileOptions = {
  scheme: 'green-list',
  contextWidth: 2,
  gamma: 0.25,
  delta: 2,
  tokenizer: tokenizerDigest(['a', 'b']),
  vocabularySize: 1000,
  layers: [
    { role: 'provider', label: 'acme', share: 49152 },
    { role: 'epoch', label: 'e1', share: 16384 },
  ],
  created: '2026-11-24',
}
const PROFILE = createProfile(MASTER, OPTIONS)
const EMPTY = createKeyRing()
const RING = addProfile(EMPTY, { profile: PROFILE, master: MASTER, from: '2026-12-01' })
const ROTATED = rotate(RING, { from: '2027-01-01' })
const MARKS = addProfile(EMPTY, {
  profile: PROFILE,
  keys: RING.epochs[0]!.keys,
  from: '2026-12-01',
  to: '2027-01-01',
})
const [KEY] = RING.epochs[0]!.keys as [MarkKey]
const SINGLE = createProfile(MASTER, { ...OPTIONS, layers: [{ role: 'provider', label: 'acme' }] })

interface KeyJson {
  kty: string
  use: string
  kid: string
  k: string
  salt?: string
  routeKey?: string
}
interface EpochJson {
  profile: Profile
  from: string
  to?: string
  keys: string[]
}
interface RingJson {
  format: string
  tokenizers: string[]
  epochs: EpochJson[]
  keys: KeyJson[]
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
const SECRETS = [MASTER, OTHER].flatMap((owner) => {
  const master = masterKeyBytes(owner)
  const layerKey = deriveLayerKey(master, 'acme')
  return [
    master,
    layerKey,
    deriveMarkKeyBytes(layerKey, KEY.format),
    deriveRouteKey(master, KEY.format),
    deriveCommitmentSalt(layerKey, KEY.format),
  ]
})
const [, , MARK_BYTES, ROUTE_BYTES, SALT_BYTES] = SECRETS as [
  never,
  never,
  Uint8Array,
  Uint8Array,
  Uint8Array,
]

let folder = ''
let files = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dyetrace-rings-'))
})
afterEach(() => {
  fault.at = ''
  fault.otherDone = false
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

const newPath = (): string => join(folder, `${files++}.ring.json`)

async function fileWith(content: unknown, mode = 0o600): Promise<string> {
  const path = newPath()
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content), { mode })
  await chmod(path, mode)
  return path
}

async function writtenTo(ring: KeyRing, path: string = newPath()): Promise<string> {
  await writeKeyRing(path, ring)
  return path
}

async function jsonOf(ring: KeyRing): Promise<RingJson> {
  return JSON.parse(await readFile(await writtenTo(ring), 'utf8'))
}

/** The error of a call that must fail; nothing of a secret may show in it, message, stack and cause included. */
async function failureOf(call: Promise<unknown>): Promise<Error> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(Error)
  const { message, stack, cause } = error as Error
  for (const secret of SECRETS) expect(formsShown(`${message}${stack}${cause}`, secret)).toEqual([])
  return error as Error
}

/** Equal in everything, the hidden things included. */
function expectSameRing(ring: KeyRing, expected: KeyRing): void {
  expect(ring).toEqual(expected)
  for (const [i, epoch] of ring.epochs.entries()) {
    const { master, keys } = expected.epochs[i]!
    expect(epoch.master && masterKeyBytes(epoch.master)).toEqual(master && masterKeyBytes(master))
    expect(epoch.keys.map(markKeyWords)).toEqual(keys.map(markKeyWords))
    expect(epoch.keys.map(routeKeyWords)).toEqual(keys.map(routeKeyWords))
  }
}

function routed(from: string): AddProfileOptions {
  return { profile: PROFILE, keys: RING.epochs[0]!.keys, from }
}

function unrouted(from: string): AddProfileOptions {
  const { keys } = addProfile(EMPTY, { profile: SINGLE, master: MASTER, from }).epochs[0]!
  return { profile: SINGLE, keys, from }
}

const KINDS: [string, KeyRing][] = [
  ['no profile', EMPTY],
  ['one profile', RING],
  ['two epochs under one master key', ROTATED],
  [
    'two master keys, the first one again',
    rotate(rotate(ROTATED, { from: '2027-02-01', master: OTHER }), {
      from: '2027-03-01',
      master: MASTER,
      label: 'e9',
    }),
  ],
  ['mark keys alone', MARKS],
  ['one mark key of two', addProfile(EMPTY, { profile: PROFILE, keys: [KEY], from: '2026-12-01' })],
  [
    'mark keys, then a master key',
    addProfile(MARKS, { profile: SINGLE, master: MASTER, from: '2027-02-01' }),
  ],
  [
    'a gap and an end',
    addProfile(MARKS, { profile: SINGLE, master: MASTER, from: '2027-02-01', to: '2027-03-01' }),
  ],
  [
    'one mark key without routing and then with it',
    addProfile(addProfile(EMPTY, unrouted('2026-12-01')), routed('2027-01-01')),
  ],
  [
    'one mark key with routing and then without it',
    addProfile(addProfile(EMPTY, routed('2026-12-01')), unrouted('2027-01-01')),
  ],
  [
    'two tokenizers',
    rotate(RING, {
      from: '2027-01-01',
      profile: { tokenizer: tokenizerDigest(['b']) },
      allowNewTokenizer: true,
    }),
  ],
]

describe('a ring comes back', () => {
  test.each(KINDS)('with %s', async (_, ring) => {
    const path = await writtenTo(ring)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expectSameRing(await readKeyRing(path), ring)
    // And again from what was read: nothing that a file needs is lost by reading.
    const again = await writtenTo(await readKeyRing(path))
    expect(await readFile(again, 'utf8')).toBe(await readFile(path, 'utf8'))
    expectSameRing(await readKeyRing(again), ring)
  })

  test('as a JWK set, each key once, with profiles and times', async () => {
    const ring = rotate(ROTATED, { from: '2027-02-01', master: OTHER })
    const { epochs, ...rest } = await jsonOf(ring)
    expect(rest).toEqual({
      format: 'dyetrace/key-ring-1',
      tokenizers: [PROFILE.tokenizer],
      keys: [
        { kty: 'oct', use: 'dyetrace/1 master', kid: 'master-1', k: base64(masterKeyBytes(MASTER)) },
        { kty: 'oct', use: 'dyetrace/1 master', kid: 'master-2', k: base64(masterKeyBytes(OTHER)) },
      ],
    })
    expect(epochs).toEqual(
      ring.epochs.map(({ profile, from, to }, i) => ({
        profile,
        from,
        ...(to === undefined ? {} : { to }),
        keys: [i < 2 ? 'master-1' : 'master-2'],
      })),
    )
  })

  test('with mark keys by their key ids, and nothing of the master key', async () => {
    const path = await writtenTo(MARKS)
    const text = await readFile(path, 'utf8')
    const { epochs, keys } = JSON.parse(text)
    expect(epochs[0].keys).toEqual(MARKS.epochs[0]!.keys.map(({ keyId }) => keyId))
    expect(keys[0]).toEqual({
      kty: 'oct',
      use: 'dyetrace/1 mark',
      kid: KEY.keyId,
      k: base64(MARK_BYTES),
      salt: base64(SALT_BYTES),
      routeKey: base64(ROUTE_BYTES),
    })
    expect(formsShown(text, masterKeyBytes(MASTER))).toEqual([])
    expect(formsShown(text, deriveLayerKey(masterKeyBytes(MASTER), 'acme'))).toEqual([])
  })

  test('an end that is left out is where the next one begins', async () => {
    const json = await jsonOf(ROTATED)
    delete json.epochs[0]!.to
    expectSameRing(await readKeyRing(await fileWith(json)), ROTATED)
  })
})

describe('writeKeyRing', () => {
  test('does so whatever the umask lets through', async () => {
    const before = process.umask(0)
    try {
      expect((await stat(await writtenTo(RING))).mode & 0o777).toBe(0o600)
    } finally {
      process.umask(before)
    }
  })

  test('leaves nothing beside the file', async () => {
    const own = await mkdtemp(join(folder, 'own-'))
    await writtenTo(RING, join(own, 'ring.json'))
    await writtenTo(ROTATED, join(own, 'ring.json'))
    expect(await readdir(own)).toEqual(['ring.json'])
  })

  test('replaces a file by a ring that has grown', async () => {
    const path = await writtenTo(EMPTY)
    for (const ring of [RING, RING, ROTATED, rotate(ROTATED, { from: '2027-02-01', master: OTHER })]) {
      await writeKeyRing(path, ring)
      expectSameRing(await readKeyRing(path), ring)
    }
  })

  test('a ring from whose file mark keys became a master key’s has grown', async () => {
    const path = await writtenTo(addProfile(EMPTY, { profile: PROFILE, keys: [KEY], from: '2026-12-01' }))
    await writeKeyRing(path, RING)
    expectSameRing(await readKeyRing(path), RING)
  })

  const add = (ring: KeyRing, change: Partial<ProfileOptions>, from: string, to?: string): KeyRing =>
    addProfile(ring, {
      profile: createProfile(MASTER, { ...OPTIONS, ...change } as ProfileOptions),
      master: MASTER,
      from,
      ...(to === undefined ? {} : { to }),
    })
  const ended = add(EMPTY, {}, '2026-12-01', '2027-01-01')
  test.each([
    ['an empty one', EMPTY, RING],
    ['one without the last profile', RING, ROTATED],
    [
      'one that rotated otherwise from the same ring',
      rotate(RING, { from: '2027-01-01', label: 'e9' }),
      ROTATED,
    ],
    ['one with another profile', add(EMPTY, { vocabularySize: 999 }, '2026-12-01'), RING],
    [
      'one of another owner',
      addProfile(EMPTY, { profile: createProfile(OTHER, OPTIONS), master: OTHER, from: '2026-12-01' }),
      RING,
    ],
    ['one that begins earlier', add(EMPTY, {}, '2026-11-30'), RING],
    ['one that begins later', add(EMPTY, {}, '2026-12-02'), RING],
    ['one that ends later', add(EMPTY, {}, '2026-12-01', '2027-01-01T00:00:01Z'), ended],
    ['one without an end', RING, ended],
    [
      'one with mark keys in place of the master key',
      addProfile(EMPTY, { profile: PROFILE, keys: RING.epochs[0]!.keys, from: '2026-12-01' }),
      RING,
    ],
    [
      'one with fewer mark keys',
      addProfile(EMPTY, { profile: PROFILE, keys: [KEY], from: '2026-12-01', to: '2027-01-01' }),
      MARKS,
    ],
  ])('does not replace a ring by %s: keys or times would be lost', async (_, ring, old) => {
    const path = await writtenTo(old)
    const before = await readFile(path, 'utf8')
    const { message } = await failureOf(writeKeyRing(path, ring))
    expect(message).toContain('expected a ring with every profile, time and key of the one in the file')
    expect(await readFile(path, 'utf8')).toBe(before)
    await expect(lstat(`${path}.new`)).rejects.toThrow('ENOENT')
  })

  test('an end may come earlier: a profile can be retired', async () => {
    const path = await writtenTo(ended)
    const retired = rotate(ended, { from: '2026-12-13' })
    await writeKeyRing(path, retired)
    expectSameRing(await readKeyRing(path), retired)
  })

  test('does not replace what is no ring', async () => {
    for (const content of [
      '',
      'precious',
      '{}',
      JSON.stringify({ kty: 'oct', use: 'dyetrace/1 master', k: base64(masterKeyBytes(MASTER)) }),
    ]) {
      const path = await fileWith(content)
      await failureOf(writeKeyRing(path, RING))
      expect(await readFile(path, 'utf8')).toBe(content)
      await expect(lstat(`${path}.new`)).rejects.toThrow('ENOENT')
    }
    const subfolder = newPath()
    await mkdir(subfolder)
    const { message } = await failureOf(writeKeyRing(subfolder, RING))
    expect(message).toContain('expected a file, got a directory')
  })

  test.skipIf(process.platform === 'win32')('does not replace a file that others can read', async () => {
    const path = await writtenTo(RING)
    await chmod(path, 0o640)
    const before = await readFile(path, 'utf8')
    expect((await failureOf(writeKeyRing(path, ROTATED))).message).toContain('expected mode 600, got 640')
    expect(await readFile(path, 'utf8')).toBe(before)
  })

  test('through a link it replaces the file, and refuses a link to nothing', async () => {
    const [path, link, dangling] = [await writtenTo(RING), newPath(), newPath()]
    await symlink(path, link)
    await writeKeyRing(link, ROTATED)
    expect((await lstat(link)).isSymbolicLink()).toBe(true)
    expectSameRing(await readKeyRing(path), ROTATED)
    await symlink(newPath(), dangling)
    expect((await failureOf(writeKeyRing(dangling, RING))).message).toMatch(/could not be read \(ENOENT\)$/)
    expect((await lstat(dangling)).isSymbolicLink()).toBe(true)
  })

  test('says why a file could not be written', async () => {
    const { message } = await failureOf(writeKeyRing(join(folder, 'no such folder', 'x'), RING))
    expect(message).toMatch(/could not be written \(ENOENT\)$/)
  })

  test('one writer at a time: of two, one is told, and nothing is lost', async () => {
    const path = await writtenTo(RING)
    const rings = [ROTATED, rotate(RING, { from: '2027-01-01', label: 'e9' })]
    const results = await Promise.allSettled(rings.map((ring) => writeKeyRing(path, ring)))
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1)
    const winner = rings[results.findIndex(({ status }) => status === 'fulfilled')]!
    expectSameRing(await readKeyRing(path), winner)
  })

  test('a write that was cut off is not taken for done, and not written over', async () => {
    const path = await writtenTo(RING)
    await writeFile(`${path}.new`, '{"format":"dyetrace/key-r', { mode: 0o600 })
    const { message } = await failureOf(writeKeyRing(path, ROTATED))
    expect(message).toContain(`expected no ${path}.new, got one`)
    expectSameRing(await readKeyRing(path), RING)
    await rm(`${path}.new`)
    await writeKeyRing(path, ROTATED)
    expectSameRing(await readKeyRing(path), ROTATED)
  })

  test('a key file of the same name, begun meanwhile, does not delete it', async () => {
    const path = newPath()
    await writeKeyRing(`${path}.new`, RING)
    fault.otherDone = true
    const { message } = await failureOf(writeKeyFile(path, MASTER))
    expect(message).toContain(`expected no ${path}.new, got one`)
    expectSameRing(await readKeyRing(path), RING)
  })

  describe('where the disk fails', () => {
    test.each(['writeFile', 'sync', 'close', 'rename'] as const)('at %s, the old ring stays', async (at) => {
      const path = await writtenTo(RING)
      const before = await readFile(path, 'utf8')
      fault.at = at
      const { message } = await failureOf(writeKeyRing(path, ROTATED))
      expect(message).toBe(`key ring file ${path}: could not be written (ENOSPC)`)
      expect(await readFile(path, 'utf8')).toBe(before)
      await expect(lstat(`${path}.new`)).rejects.toThrow('ENOENT')
      fault.at = ''
      await writeKeyRing(path, ROTATED)
      expectSameRing(await readKeyRing(path), ROTATED)
    })

    test.each(['writeFile', 'sync', 'close', 'rename'] as const)(
      'at %s, a new ring is not there',
      async (at) => {
        const path = newPath()
        fault.at = at
        await failureOf(writeKeyRing(path, RING))
        await expect(lstat(path)).rejects.toThrow('ENOENT')
        await expect(lstat(`${path}.new`)).rejects.toThrow('ENOENT')
      },
    )

    test('at syncing the folder, the new ring is in place', async () => {
      const path = await writtenTo(RING)
      fault.at = 'folder'
      await writeKeyRing(path, ROTATED)
      expectSameRing(await readKeyRing(path), ROTATED)
    })
  })

  test.each(wrongValues({ except: ['string'] }))('refuses %s as path', async (_, value) => {
    await expectRefusalOf(() => writeKeyRing(value as string, RING), 'path')
    await expectRefusalOf(() => readKeyRing(value as string), 'path')
  })

  test.each(wrongValues({ except: [] }))('refuses %s as ring, before there is a file', async (_, value) => {
    const path = newPath()
    await expectRefusalOf(() => writeKeyRing(path, value as KeyRing), 'ring')
    await expect(lstat(path)).rejects.toThrow('ENOENT')
  })
})

describe('readKeyRing', () => {
  test.skipIf(process.platform === 'win32')('refuses a file that others can read or write', async () => {
    for (const mode of [0o644, 0o640, 0o604, 0o620, 0o602, 0o777]) {
      const path = await writtenTo(RING)
      await chmod(path, mode)
      const { message } = await failureOf(readKeyRing(path))
      expect(message).toContain(`key ring file ${path}: expected mode 600, got ${mode.toString(8)}`)
    }
  })

  test('refuses a file that is not there', async () => {
    const path = newPath()
    expect((await failureOf(readKeyRing(path))).message).toBe(
      `key ring file ${path}: could not be read (ENOENT)`,
    )
  })

  const hex = Buffer.from(masterKeyBytes(MASTER)).toString('hex')
  const forged = (profile: Profile): Profile => ({
    ...profile,
    layers: profile.layers.map((layer) => ({ ...layer, commitment: 'ab'.repeat(32) })),
  })
  test.each([
    [
      'another format',
      RING,
      (j: RingJson) => ({ ...j, format: 'dyetrace/key-ring-2' }),
      'format: expected "dyetrace/key-ring-1"',
    ],
    [
      'a format that is a key',
      RING,
      (j: RingJson) => ({ ...j, format: hex.slice(0, 32) }),
      'format: expected',
    ],
    ['no format', RING, ({ format: _, ...j }: RingJson) => j, 'expected a field "format"'],
    ['a JWK set without profiles', RING, ({ keys }: RingJson) => ({ keys }), 'expected a field "format"'],
    ['another field', RING, (j: RingJson) => ({ ...j, note: 'x' }), 'expected only the fields'],
    [
      'a field whose name is a key',
      RING,
      (j: RingJson) => ({ ...j, [hex.slice(0, 32)]: 1 }),
      'expected only the fields',
    ],
    ['a list', RING, (j: RingJson) => [j], 'expected a key ring'],
    ['a string', RING, () => hex, 'expected a key ring'],
    ['keys that are no list', RING, (j: RingJson) => ({ ...j, keys: j.keys[0] }), 'keys: expected an array'],
    [
      'epochs that are no list',
      RING,
      (j: RingJson) => ({ ...j, epochs: { ...j.epochs } }),
      'epochs: expected an array',
    ],
    [
      'tokenizers that are no list',
      RING,
      (j: RingJson) => ({ ...j, tokenizers: j.tokenizers[0] }),
      'tokenizers: expected an array',
    ],
    [
      'no tokenizers',
      RING,
      (j: RingJson) => ({ ...j, tokenizers: [] }),
      'tokenizers: expected those of the profiles',
    ],
    [
      'a tokenizer too many',
      RING,
      (j: RingJson) => ({ ...j, tokenizers: [...j.tokenizers, tokenizerDigest(['c'])] }),
      'tokenizers: expected those of the profiles',
    ],
    [
      'a tokenizer in a list',
      RING,
      (j: RingJson) => ({ ...j, tokenizers: [j.tokenizers] }),
      'tokenizers: expected those of the profiles',
    ],
    [
      'two tokenizers that are not named',
      KINDS.at(-1)![1],
      (j: RingJson) => ({ ...j, tokenizers: j.tokenizers.slice(0, 1) }),
      'epochs[1]: "profile.tokenizer" expected',
    ],
    ['a key that is null', RING, (j: RingJson) => ({ ...j, keys: [null] }), 'keys[0]: expected an object'],
    [
      'a key that is a string',
      RING,
      (j: RingJson) => ({ ...j, keys: [j.keys[0]!.k] }),
      'keys[0]: expected an object',
    ],
    [
      'a key without kid',
      RING,
      (j: RingJson) => withKey(j, ({ kid: _, ...k }) => k),
      'keys[0]: expected a field "kid"',
    ],
    [
      'a key of another type',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, kty: 'RSA' })),
      'keys[0]: kty: expected "oct"',
    ],
    [
      'a key of another version',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, use: 'dyetrace/2 master' })),
      'keys[0]: use: expected',
    ],
    [
      'a key of two uses',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, use: 'dyetrace/1 master\ndyetrace/1 mark' })),
      'keys[0]: use: expected',
    ],
    [
      'a key with another field',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, alg: 'HS256' })),
      'keys[0]: expected only the fields',
    ],
    [
      'a master key with a salt',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, salt: k.k })),
      'keys[0]: expected only the fields kty, use, kid, k, got',
    ],
    [
      'a master key named by itself',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, kid: hex.slice(0, 16) })),
      'keys[0]: kid: expected "master-" and a number',
    ],
    [
      'a master key of zeros',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, k: 'A'.repeat(43) })),
      'expected 32 random bytes',
    ],
    [
      'k with padding',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, k: `${k.k}=` })),
      'keys[0]: expected k to hold 32 bytes',
    ],
    [
      'k in the other alphabet',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, k: `+/${k.k.slice(2)}` })),
      'keys[0]: expected k to hold 32 bytes',
    ],
    [
      'k with stray last bits',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, k: `${k.k.slice(0, 42)}B` })),
      'keys[0]: expected k to hold 32 bytes',
    ],
    [
      'k as hexadecimal',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, k: hex })),
      'keys[0]: expected k to hold 32 bytes',
    ],
    [
      'k of 31 bytes',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, k: k.k.slice(0, 41) })),
      'keys[0]: expected k to hold 32 bytes',
    ],
    [
      'k a list',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, k: [...masterKeyBytes(MASTER)] })),
      'keys[0]: expected k to hold 32 bytes',
    ],
    [
      'a kid twice',
      RING,
      (j: RingJson) => ({ ...j, keys: [j.keys[0]!, { ...j.keys[0]!, k: base64(masterKeyBytes(OTHER)) }] }),
      'kid: expected a name of its own',
    ],
    [
      'a master key under two names',
      RING,
      (j: RingJson) => ({ ...j, keys: [j.keys[0]!, { ...j.keys[0]!, kid: 'master-2' }] }),
      'keys: expected each master key once',
    ],
    [
      'a key that no epoch names',
      RING,
      (j: RingJson) => ({
        ...j,
        keys: [...j.keys, { ...j.keys[0]!, kid: 'master-2', k: base64(masterKeyBytes(OTHER)) }],
      }),
      'keys: expected only keys that an epoch names',
    ],
    [
      'another master key',
      RING,
      (j: RingJson) => withKey(j, (k) => ({ ...k, k: base64(masterKeyBytes(OTHER)) })),
      'epochs[0]: "master" expected the key that made this profile',
    ],
    [
      'a mark key without salt',
      MARKS,
      (j: RingJson) => withKey(j, ({ salt: _, ...k }) => k),
      'keys[0]: expected salt to hold 32 bytes',
    ],
    [
      'a mark key without route key',
      MARKS,
      (j: RingJson) => withKey(j, ({ routeKey: _, ...k }) => k),
      'epochs[0].keys[0]: expected a key that opens',
    ],
    [
      'a mark key with another route key',
      MARKS,
      (j: RingJson) => withKey(j, (k) => ({ ...k, routeKey: k.salt })),
      'epochs[0].keys[0]: expected a key that opens',
    ],
    [
      'a mark key with another salt',
      MARKS,
      (j: RingJson) => withKey(j, (k) => ({ ...k, salt: k.routeKey })),
      'epochs[0].keys[0]: expected a key that opens',
    ],
    [
      'a mark key under another id',
      MARKS,
      (j: RingJson) => withKey(j, (k) => ({ ...k, kid: '0'.repeat(16) })),
      'keys[0]: kid: expected the key id of k',
    ],
    [
      'a mark key in capitals',
      MARKS,
      (j: RingJson) => withKey(j, (k) => ({ ...k, kid: k.kid.toUpperCase() })),
      'keys[0]: kid: expected the key id of k',
    ],
    [
      'an epoch that is null',
      RING,
      (j: RingJson) => ({ ...j, epochs: [null] }),
      'epochs[0]: expected an object',
    ],
    [
      'an epoch with another field',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, until: 'x' })),
      'epochs[0]: expected only the fields',
    ],
    [
      'an epoch without beginning',
      RING,
      (j: RingJson) => withEpoch(j, ({ from: _, ...e }) => e),
      'epochs[0]: expected a field "from"',
    ],
    [
      'a beginning that is no time',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, from: hex.slice(0, 32) })),
      'epochs[0]: "options.from" expected an ISO 8601',
    ],
    [
      'a beginning that is a number',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, from: 0 })),
      'epochs[0]: "options.from" expected an ISO 8601',
    ],
    [
      'an end that is null',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, to: null })),
      'epochs[0]: "options.to" expected an ISO 8601',
    ],
    [
      'an end before the beginning',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, to: '2026-11-30' })),
      'epochs[0]: "options.to" expected a time after',
    ],
    [
      'times that overlap',
      ROTATED,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, to: '2027-01-02' })),
      'epochs[1]: "options.from" expected',
    ],
    [
      'epochs in the wrong order',
      ROTATED,
      (j: RingJson) => ({ ...j, epochs: j.epochs.toReversed() }),
      'epochs[1]: "options.from" expected',
    ],
    [
      'a profile twice',
      ROTATED,
      (j: RingJson) => ({ ...j, epochs: [j.epochs[0]!, { ...j.epochs[1]!, profile: j.epochs[0]!.profile }] }),
      'epochs[1]: "profile" expected',
    ],
    [
      'a profile as text',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, profile: JSON.stringify(e.profile) })),
      'epochs[0]: expected the profile as an object',
    ],
    [
      'a profile that is a key',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, profile: hex })),
      'epochs[0]: expected the profile as an object',
    ],
    [
      'a profile of another version',
      RING,
      (j: RingJson) =>
        withEpoch(j, (e) => ({ ...e, profile: { ...e.profile, format: 'dyetrace/profile-2' } })),
      'epochs[0]: "profile.format" expected',
    ],
    [
      'a profile with another field',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, profile: { ...e.profile, [hex.slice(0, 32)]: 1 } })),
      'epochs[0]: "profile" expected only the keys',
    ],
    [
      'a profile that names a key',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, profile: { ...e.profile, scheme: hex.slice(0, 32) } })),
      'epochs[0]: "scheme" expected',
    ],
    [
      'a profile whose mark is another',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, profile: { ...e.profile, param: 65 } })),
      'epochs[0]: "master" expected',
    ],
    [
      'a profile whose commitment is another',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, profile: forged(e.profile) })),
      'epochs[0]: "profile.layers[0].commitment" expected',
    ],
    [
      'a profile whose commitment is another, of mark keys',
      MARKS,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, profile: forged(e.profile) })),
      'epochs[0].keys[0]: expected a key that opens',
    ],
    [
      'no keys of an epoch',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, keys: [] })),
      'epochs[0]: "options.keys" expected',
    ],
    [
      'keys of an epoch that are no list',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, keys: 'master-1' })),
      'epochs[0].keys: expected an array',
    ],
    [
      'a key that is not there',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, keys: ['master-2'] })),
      'epochs[0].keys[0]: expected the kid',
    ],
    [
      'a key by number',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, keys: [0] })),
      'epochs[0].keys[0]: expected the kid',
    ],
    [
      'a master key twice',
      RING,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, keys: ['master-1', 'master-1'] })),
      'epochs[0].keys[0]: expected no other key',
    ],
    [
      'a mark key twice',
      MARKS,
      (j: RingJson) => withEpoch(j, (e) => ({ ...e, keys: [...e.keys, e.keys[0]] })),
      'epochs[0]: "options.keys" expected each key once',
    ],
    [
      'a key of another profile',
      KINDS[6]![1],
      (j: RingJson) => ({ ...j, epochs: [j.epochs[0]!, { ...j.epochs[1]!, keys: [j.epochs[0]!.keys[1]] }] }),
      'epochs[1].keys[0]: expected the key id of a layer',
    ],
  ] as [string, KeyRing, (json: RingJson) => unknown, string][])(
    'refuses %s',
    async (_, ring, change, reason) => {
      const json = await jsonOf(ring)
      const path = await fileWith(JSON.stringify(change(json)))
      const error = await failureOf(readKeyRing(path))
      expect([TypeError, RangeError]).toContain(error.constructor)
      expect(error.message).toContain(`key ring file ${path}: `)
      expect(error.message).toContain(reason)
      expect(error.message).toMatch(/expected .+, got .+/s)
    },
  )

  function withKey(json: RingJson, change: (key: KeyJson) => unknown): unknown {
    return { ...json, keys: json.keys.map((key, i) => (i === 0 ? change(key) : key)) }
  }

  function withEpoch(json: RingJson, change: (epoch: EpochJson) => unknown): unknown {
    return { ...json, epochs: json.epochs.map((epoch, i) => (i === 0 ? change(epoch) : epoch)) }
  }

  test('refuses routing that the commitment does not promise', async () => {
    const info = markInfo(KEY.format)
    const commitment = commitmentOf({ markKey: MARK_BYTES, routeKey: undefined, salt: SALT_BYTES, info })
    const ring = addProfile(EMPTY, { profile: PROFILE, keys: [KEY], from: '2026-12-01' })
    const json = await jsonOf(ring)
    const layers = PROFILE.layers.map((layer, i) => (i === 0 ? { ...layer, commitment } : layer))
    json.epochs[0]!.profile = { ...PROFILE, layers }
    delete json.keys[0]!.routeKey
    const { message } = await failureOf(readKeyRing(await fileWith(json)))
    expect(message).toContain('epochs[0].keys[0]: expected a key that opens')
  })

  test('refuses a route key that no epoch can have checked', async () => {
    const { keys } = addProfile(EMPTY, { profile: SINGLE, master: MASTER, from: '2026-12-01' }).epochs[0]!
    const json = await jsonOf(addProfile(EMPTY, { profile: SINGLE, keys, from: '2026-12-01' }))
    json.keys[0]!.routeKey = base64(ROUTE_BYTES)
    const { message } = await failureOf(readKeyRing(await fileWith(json)))
    expect(message).toContain('keys: expected route keys only where an epoch has routing')
  })

  test('refuses a file cut off anywhere', async () => {
    const text = await readFile(await writtenTo(MARKS), 'utf8')
    // Less the line feed and the brace before it, the least that is missing; then in steps.
    for (let length = text.trimEnd().length - 1; length >= 0; length -= 97) {
      const { message } = await failureOf(readKeyRing(await fileWith(text.slice(0, length))))
      expect(message).toContain('characters that does not parse')
    }
  })
})

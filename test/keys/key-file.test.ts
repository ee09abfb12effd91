/** Key files: who may read them, what is refused, and that no message holds any part of a key. */
import { execFileSync } from 'node:child_process'
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bytesToHex } from '../../src/bytes.ts'
import { readKeyFile, writeKeyFile } from '../../src/keys/key-file.ts'
import { generateMasterKey, type MasterKey, masterKeyBytes } from '../../src/keys/master.ts'
import { formsShown, masterFromSeed, profileWithKey } from '../support/keys.ts'
import { expectRefusalOf, wrongValues } from '../support/wrong-values.ts'

const MASTER = masterFromSeed('key file')
const SECRET = masterKeyBytes(MASTER)
const K = Buffer.from(SECRET).toString('base64url')
const JWK = { kty: 'oct', use: 'dyetrace/1 master', k: K }

let folder = ''
let files = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dyetrace-keys-'))
})
afterAll(async () => {
  await rm(folder, { recursive: true })
})

const newPath = (): string => join(folder, `${files++}.key.json`)

async function fileWith(text: string | Uint8Array, mode = 0o600): Promise<string> {
  const path = newPath()
  await writeFile(path, text, { mode })
  await chmod(path, mode)
  return path
}

/** The error of a call that must fail; nothing of the key may show in it, message, stack and cause included. */
async function failureOf(call: Promise<unknown>): Promise<Error> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(Error)
  const { message, stack, cause } = error as Error
  expect(formsShown(`${message}${stack}${cause}`, SECRET)).toEqual([])
  return error as Error
}

describe('writeKeyFile', () => {
  test('writes a JWK that only its owner can read, and that reads back', async () => {
    const path = newPath()
    await writeKeyFile(path, MASTER)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const text = await readFile(path, 'utf8')
    expect(JSON.parse(text)).toEqual(JWK)
    expect(text.endsWith('\n')).toBe(true)
    expect(masterKeyBytes(await readKeyFile(path))).toEqual(SECRET)
  })

  test('does so whatever the umask lets through', async () => {
    const path = newPath()
    const before = process.umask(0)
    try {
      await writeKeyFile(path, MASTER)
    } finally {
      process.umask(before)
    }
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  test('gives back every key that is generated', async () => {
    for (let i = 0; i < 20; i++) {
      const master = generateMasterKey()
      const path = newPath()
      await writeKeyFile(path, master)
      expect(masterKeyBytes(await readKeyFile(path))).toEqual(masterKeyBytes(master))
    }
  })

  test('never overwrites: a file, an empty file, a folder, a link, a link to nothing', async () => {
    const target = newPath()
    const link = newPath()
    const dangling = newPath()
    const subfolder = newPath()
    await mkdir(subfolder)
    const file = await fileWith('precious')
    await symlink(file, link)
    await symlink(target, dangling)
    const empty = await fileWith('')
    for (const path of [file, empty, subfolder, link, dangling]) {
      const error = await failureOf(writeKeyFile(path, MASTER))
      expect(error.message).toBe(
        `key file ${path}: expected no file of that name, got one; a key is never overwritten`,
      )
    }
    expect(await readFile(file, 'utf8')).toBe('precious')
    expect(await readFile(empty, 'utf8')).toBe('')
    await expect(lstat(target)).rejects.toThrow('ENOENT')
  })

  test('says why a file could not be created', async () => {
    const { message } = await failureOf(writeKeyFile(join(folder, 'no such folder', 'x'), MASTER))
    expect(message).toMatch(/could not be written \(ENOENT\)$/)
  })

  test.each(wrongValues({ except: ['string'] }))('refuses %s as path', async (_, value) => {
    await expectRefusalOf(() => writeKeyFile(value as string, MASTER), 'path')
  })

  test.each(wrongValues({ except: [] }))('refuses %s as master, before there is a file', async (_, value) => {
    const path = newPath()
    await expectRefusalOf(() => writeKeyFile(path, value as MasterKey), 'master')
    await expect(lstat(path)).rejects.toThrow('ENOENT')
  })

  test('refuses a mark key: it is not what a key file is for', async () => {
    const { key } = profileWithKey('mark key')
    await expectRefusalOf(() => writeKeyFile(newPath(), key as unknown as MasterKey), 'master')
  })
})

test('writing and reading leave nothing in the memory that small buffers share and take along where they are sent', async () => {
  const master = generateMasterKey()
  // Views, no copies: a small buffer made of the key would lie in the pool by our own doing.
  const bytes = Buffer.from(masterKeyBytes(master).buffer)
  const text = bytes.toString('base64url')
  const path = newPath()
  const pools = new Set([Buffer.from('x').buffer])
  await writeKeyFile(path, master)
  pools.add(Buffer.from('x').buffer)
  await readKeyFile(path)
  pools.add(Buffer.from('x').buffer)
  for (const pool of pools) {
    const sent = Buffer.from(structuredClone(pool))
    expect([sent.includes(bytes), sent.includes(text)]).toEqual([false, false])
  }
})

// The bits that say who may read a file do not exist on Windows.
describe.skipIf(process.platform === 'win32')('readKeyFile and permissions', () => {
  test.each([0o644, 0o640, 0o604, 0o660, 0o602, 0o601, 0o610, 0o777, 0o622])(
    'refuses mode %o, and says how to mend it',
    async (mode) => {
      const path = await fileWith(JSON.stringify(JWK), mode)
      const { message } = await failureOf(readKeyFile(path))
      expect(message).toContain(`expected mode 600, got ${mode.toString(8)}`)
      expect(message).toContain(`chmod 600 ${path}`)
    },
  )

  test.each([0o600, 0o400, 0o700])('takes mode %o', async (mode) => {
    const path = await fileWith(JSON.stringify(JWK), mode)
    expect(masterKeyBytes(await readKeyFile(path))).toEqual(SECRET)
  })

  test('asks the file, not a link to it', async () => {
    const [closed, open] = [newPath(), newPath()]
    await symlink(await fileWith(JSON.stringify(JWK), 0o600), closed)
    await symlink(await fileWith(JSON.stringify(JWK), 0o644), open)
    expect(masterKeyBytes(await readKeyFile(closed))).toEqual(SECRET)
    expect((await failureOf(readKeyFile(open))).message).toContain('expected mode 600, got 644')
  })
})

describe('readKeyFile', () => {
  test('refuses a file that is not there, a link to nothing, a path through a file and a folder', async () => {
    const [missing, dangling, subfolder] = [newPath(), newPath(), newPath()]
    await symlink(missing, dangling)
    await mkdir(subfolder, { mode: 0o700 })
    const through = join(await fileWith(JSON.stringify(JWK)), 'x')
    const expected: [path: string, message: string][] = [
      [missing, `key file ${missing}: could not be read (ENOENT)`],
      [dangling, `key file ${dangling}: could not be read (ENOENT)`],
      [through, `key file ${through}: could not be read (ENOTDIR)`],
      [subfolder, `key file ${subfolder}: expected a file, got a directory`],
    ]
    for (const [path, message] of expected) expect((await failureOf(readKeyFile(path))).message).toBe(message)
  })

  test.skipIf(process.platform === 'win32')('refuses a pipe, and does not wait for it', async () => {
    const path = newPath()
    execFileSync('mkfifo', ['-m', '600', path])
    const { message } = await failureOf(readKeyFile(path))
    expect(message).toBe(`key file ${path}: expected a file, got a pipe or device`)
  })

  test('refuses a file that no key is as large as, before it is read', async () => {
    const path = await fileWith('{')
    await truncate(path, 2 ** 40)
    const { message } = await failureOf(readKeyFile(path))
    expect(message).toBe(`key file ${path}: expected at most ${2 ** 26} bytes, got ${2 ** 40}`)
  })

  const json = (value: unknown): string => JSON.stringify(value)
  const { kty, use } = JWK
  test.each([
    ['nothing', ''],
    ['the key itself as base64url', K],
    ['the key itself as hexadecimal', bytesToHex(SECRET)],
    ['the raw bytes', SECRET],
    ['a JWK cut in the middle of its key', json(JWK).slice(0, -20)],
    ['a JWK with something after it', `${json(JWK)}${json(JWK)}`],
    ['a byte order mark before it', `\ufeff${json(JWK)}`],
    ['a JSON string with the key', json(K)],
    ['a JSON string with part of the key', json(K.slice(0, 38))],
    ['a JSON number', BigInt(`0x${bytesToHex(SECRET)}`).toString()],
    ['null', 'null'],
    ['true', 'true'],
    ['a list of one JWK', json([JWK])],
    ['a list of bytes', json([...SECRET])],
    ['a key set', json({ keys: [JWK] })],
    ['an empty record', '{}'],
    ['no kty', json({ use, k: K })],
    ['another kty', json({ ...JWK, kty: 'EC' })],
    ['kty in capitals', json({ ...JWK, kty: 'OCT' })],
    ['no use', json({ kty, k: K })],
    ['another use', json({ ...JWK, use: 'sig' })],
    ['the use of another version', json({ ...JWK, use: 'dyetrace/2 master' })],
    ['a prototype in place of fields', `{"__proto__":${json(JWK)}}`],
    ['no k', json({ kty, use })],
    ['k null', json({ kty, use, k: null })],
    ['k a list', json({ kty, use, k: [...SECRET] })],
    ['k a record', json({ kty, use, k: { length: 32 } })],
    ['k a number', `{"kty":"oct","use":${json(use)},"k":${BigInt(`0x${bytesToHex(SECRET)}`)}}`],
    ['k empty', json({ kty, use, k: '' })],
    ['k as hexadecimal', json({ kty, use, k: bytesToHex(SECRET) })],
    ['k of 31 bytes', json({ kty, use, k: Buffer.from(SECRET.slice(1)).toString('base64url') })],
    ['k of 33 bytes', json({ kty, use, k: Buffer.from([...SECRET, 1]).toString('base64url') })],
    ['k with padding', json({ kty, use, k: `${K}=` })],
    ['k in the other alphabet', json({ kty, use, k: `+/${K.slice(2)}` })],
    ['k with a space', json({ kty, use, k: `${K} ` })],
    ['k with a line break', json({ kty, use, k: `${K.slice(0, 20)}\n${K.slice(20)}` })],
    ['k with a character outside the alphabet', json({ kty, use, k: `${K.slice(0, 42)}é` })],
    ['k twice', `{"kty":"oct","use":${json(use)},"k":"${'A'.repeat(43)}","k":"${K}"}`],
    ['k twice, spelt in two ways', `{"kty":"oct","use":${json(use)},"\\u006b":"${K}","k":"${K}"}`],
    ['something nested deep', `{"x":${'['.repeat(1e5)}${']'.repeat(1e5)},${json(JWK).slice(1)}`],
    ['k with stray last bits', json({ kty, use, k: `${'A'.repeat(42)}B` })],
    ['k of zeros only', json({ kty, use, k: 'A'.repeat(43) })],
  ])('refuses %s', async (_, content) => {
    const error = await failureOf(readKeyFile(await fileWith(content)))
    expect([TypeError, RangeError]).toContain(error.constructor)
    expect(error.message).toMatch(/expected .+, got .+/)
  })

  test('takes the fields of a JWK in any order, with others beside them', async () => {
    const text = json({ k: K, alg: 'HS256', kid: 'mine', use, kty })
    expect(masterKeyBytes(await readKeyFile(await fileWith(text)))).toEqual(SECRET)
  })

  test.each(wrongValues({ except: ['string'] }))('refuses %s as path', async (_, value) => {
    await expectRefusalOf(() => readKeyFile(value as string), 'path')
  })
})

/**
 * Profiles and keys from files. What kind of key a file holds, it says itself: a master key, a mark key, a key ring, or an engine's
 * configuration. Key files are refused where others can read them, and nothing of them is ever in a message.
 */

import { canonicalJson } from '../digest.ts'
import { deriveEngineMark, readEngineConfig } from '../integrations/engine-config.ts'
import type { EngineProfile } from '../keys/engine-profile.ts'
import { parseKeyJson } from '../keys/jwk.ts'
import { MASTER_KEY_USE, readKeyFile } from '../keys/key-file.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { readKeyRing } from '../keys/key-ring-file.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import { MARK_KEY_USE, readMarkKeyFile } from '../keys/mark-key-file.ts'
import type { MasterKey } from '../keys/master.ts'
import { openableKeys } from '../keys/opening.ts'
import { readOwnerOnly } from '../keys/owner-only-file.ts'
import { type Profile, parseProfile, profileDigest } from '../keys/profile.ts'
import { engineOf } from './engines.ts'
import type { Environment } from './environment.ts'
import { InputError } from './exit.ts'
import { at, named, readRegular, readText } from './files.ts'

const what = 'key file'

/** What a file of keys can be. */
type KeyFileKind = 'master' | 'mark' | 'ring' | 'engine'

/** Reads a profile. */
export async function readProfile(environment: Environment, path: string): Promise<Profile> {
  const text = await readText(environment, path, 'profile')
  try {
    return parseProfile(text)
  } catch (error) {
    throw new InputError(`profile ${named(path)}: ${(error as Error).message}`)
  }
}

/** Reads a master key. */
export async function readMaster(environment: Environment, path: string): Promise<MasterKey> {
  await assertNoProfile(environment, path)
  return keyWork(path, () => readKeyFile(at(environment, path)))
}

/** Reads a key ring. */
export async function readRing(environment: Environment, path: string): Promise<KeyRing> {
  await assertNoProfile(environment, path)
  return keyWork(path, () => readKeyRing(at(environment, path)))
}

/** The mark keys of a profile that files hold, each once, in the order of the files. */
export async function readMarkKeys(
  environment: Environment,
  paths: readonly string[],
  profile: Profile,
): Promise<readonly MarkKey[]> {
  const keys = new Map<string, MarkKey>()
  for (const path of paths) {
    for (const key of await keysIn(environment, path, profile))
      keys.set(key.keyId, keys.get(key.keyId) ?? key)
  }
  return [...keys.values()]
}

async function keysIn(environment: Environment, path: string, profile: Profile): Promise<readonly MarkKey[]> {
  const kind = await kindOf(environment, path)
  const isEngine = profile.format === 'dyetrace/engine-profile-1'
  switch (kind) {
    case 'master': {
      const master = await readMaster(environment, path)
      return isEngine ? [engineKeyOf(master, profile as EngineProfile, path)] : openableKeys(master, profile)
    }
    case 'mark':
      return [await keyWork(path, () => readMarkKeyFile(at(environment, path), profile))]
    case 'ring': {
      const { epochs } = await readRing(environment, path)
      const digest = profileDigest(profile)
      const epoch = epochs.find((one) => one.digest === digest)
      if (!epoch)
        throw new InputError(
          `${what} ${named(path)}: expected a ring with the profile ${digest}, got one without`,
        )
      return epoch.keys
    }
    case 'engine': {
      if (!isEngine)
        throw new InputError(
          `${what} ${named(path)}: expected a key file of dyetrace, as the profile is of a mark of ours, got another content`,
        )
      return [await readEngineKey(environment, path, profile as EngineProfile)]
    }
  }
}

function engineKeyOf(master: MasterKey, profile: EngineProfile, path: string): MarkKey {
  const { scheme, contextWidth, param, delta, tokenizer, vocabularySize, created, engine, layers } = profile
  const { label } = layers[0]
  const mark = deriveEngineMark(master, {
    scheme,
    contextWidth,
    param,
    delta,
    tokenizer,
    vocabularySize,
    created,
    engine,
    label,
  })
  assertSameProfile(mark.profile, profile, path)
  return mark.key
}

async function readEngineKey(
  environment: Environment,
  path: string,
  profile: EngineProfile,
): Promise<MarkKey> {
  const { tokenizer, vocabularySize, created, layers } = profile
  const text = await keyWork(path, () => readOwnerOnly(at(environment, path), { what }))
  const mark = readEngineConfig(text, {
    engine: engineOf(profile.scheme),
    tokenizer,
    vocabularySize,
    created,
    label: layers[0].label,
  })
  assertSameProfile(mark.profile, profile, path)
  return mark.key
}

function assertSameProfile(made: Profile, profile: Profile, path: string): void {
  if (canonicalJson(made) !== canonicalJson(profile))
    throw new InputError(
      `${what} ${named(path)}: expected the configuration that the profile describes, got one with other settings`,
    )
}

/** What kind of key a file holds. */
async function kindOf(environment: Environment, path: string): Promise<KeyFileKind> {
  await assertNoProfile(environment, path)
  const text = await keyWork(path, () => readOwnerOnly(at(environment, path), { what }))
  const json = parseKeyJson(text, { name: `${what} ${named(path)}`, expected: 'the JSON of a key' })
  const { use, format } = json as { use?: unknown; format?: unknown }
  if (use === MASTER_KEY_USE) return 'master'
  if (use === MARK_KEY_USE) return 'mark'
  if (format === 'dyetrace/key-ring-1') return 'ring'
  if (use === undefined && format === undefined) return 'engine'
  throw new InputError(
    `${what} ${named(path)}: expected a master key, a mark key, a key ring or an engine's configuration, got another record`,
  )
}

/** A profile is public and has other rights: that it should have mode 600 would be the wrong advice. */
async function assertNoProfile(environment: Environment, path: string): Promise<void> {
  const name = `${what} ${named(path)}`
  const bytes = await readRegular(at(environment, path), { name, mostBytes: 2 ** 20 }).catch(() => undefined)
  if (bytes === undefined) return
  const text = new TextDecoder().decode(bytes)
  // A ring holds profiles too, beside its keys.
  const isKey = /"dyetrace\/(1 (master|mark)|key-ring-1)"/.test(text)
  if (!isKey && /"format"\s*:\s*"dyetrace\/(engine-)?profile-/.test(text))
    throw new InputError(`${name}: is a profile, not a key file: expected a key, got what is published of it`)
}

/** What the modules for key files throw is about the file: the user can mend it. */
async function keyWork<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const { message } = error as Error
    // Real paths stay out: the file is called what the user called it.
    throw new InputError(
      message.startsWith(what) || / expected /.test(message) ? message : `${what} ${named(path)}: ${message}`,
    )
  }
}

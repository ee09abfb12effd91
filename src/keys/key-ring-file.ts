/**
 * Key rings on disk: a JWK set (RFC 7517, section 5) with the profiles and the times beside it, readable by its owner only. Node only.
 * A ring file only grows: it is replaced by a ring that still has every key of it, whole or not at all.
 */
import { assertString } from '../assert.ts'
import { isBefore } from './instant.ts'
import { arrayOf, fieldsOf, keyBytesOf, keyText, parseKeyJson, textOf } from './jwk.ts'
import { MASTER_KEY_USE } from './key-file.ts'
import { addProfile, assertKeyRing, createKeyRing, type Epoch, type KeyRing } from './key-ring.ts'
import type { MarkKey } from './mark-key.ts'
import { MARK_KEY_USE, type MarkJwk, markJwk, openingFromJwk } from './mark-key-file.ts'
import { type MasterKey, masterKeyBytes, masterKeyFromBytes } from './master.ts'
import { markKeyOf, type Opening, openingOf, opens } from './opening.ts'
import { readOwnerOnly, replaceOwnerOnly } from './owner-only-file.ts'
import { isRouted, type Profile, parseProfile } from './profile.ts'
import { withoutContent } from './without-content.ts'

const FORMAT = 'dyetrace/key-ring-1'
const USES = new RegExp(`^(${MASTER_KEY_USE}|${MARK_KEY_USE})$`)
const MASTER_KID = /^master-[1-9][0-9]{0,8}$/
const what = 'key ring file'

interface MasterJwk {
  readonly kty: 'oct'
  readonly use: typeof MASTER_KEY_USE
  readonly kid: string
  readonly k: string
}

/**
 * Writes a key ring with mode 0600, replacing the file in one step: it holds the old ring or the new one, never a part.
 * @throws Error if the file is open to others or cannot be written; RangeError if the file holds a ring of which a profile, a key
 * or a time would be lost. The old file then stays as it is.
 * @example
 * import { addProfile, createKeyRing, createProfile, generateMasterKey, rotate, tokenizerDigest } from 'dyetrace'
 * import { readKeyRing, writeKeyRing } from 'dyetrace/node'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'epoch', label: 'acme-1' }], created: '2026-11-24',
 * })
 * await writeKeyRing('acme.ring.json', addProfile(createKeyRing(), { profile, master, from: '2026-12-01' }))
 * const ring = await readKeyRing('acme.ring.json')
 * await writeKeyRing('acme.ring.json', rotate(ring, { from: '2027-01-01' }))
 * const grown = await readKeyRing('acme.ring.json')
 * grown.epochs.length // 2
 */
export async function writeKeyRing(path: string, ring: KeyRing): Promise<void> {
  assertString(path, { name: 'path' })
  assertKeyRing(ring, { name: 'ring' })
  const text = `${JSON.stringify(ringJson(ring), null, 2)}\n`
  const name = `${what} ${path}`
  await replaceOwnerOnly(path, {
    what,
    next: (old) => {
      if (old !== undefined) assertKeeps(ring, { old: parseRing(old, { name }), name })
      return text
    },
  })
}

/**
 * Reads a key ring that {@link writeKeyRing} wrote. Everything is checked again: each key against its profile and commitment, the
 * order of times, the tokenizers.
 * @throws Error if the file cannot be read or others can read it; TypeError or RangeError if it is not such a ring.
 * No message holds any part of a key.
 */
export async function readKeyRing(path: string): Promise<KeyRing> {
  assertString(path, { name: 'path' })
  return parseRing(await readOwnerOnly(path, { what }), { name: `${what} ${path}` })
}

function ringJson(ring: KeyRing): object {
  const masters = new Map<string, MasterJwk>()
  const marks = new Map<string, MarkJwk>()
  const epochs = ring.epochs.map(({ profile, from, to, master, keys }) => {
    const kids = master === undefined ? keys.map((key) => markKid(key, marks)) : [masterKid(master, masters)]
    return { profile, from, ...(to === undefined ? {} : { to }), keys: kids }
  })
  return {
    format: FORMAT,
    tokenizers: ring.tokenizers,
    epochs,
    keys: [...masters.values(), ...marks.values()],
  }
}

/** The name of a master key in this file: it has no id of its own. One key, one name. */
function masterKid(master: MasterKey, masters: Map<string, MasterJwk>): string {
  const k = keyText(masterKeyBytes(master))
  const kid = masters.get(k)?.kid ?? `master-${masters.size + 1}`
  masters.set(k, { kty: 'oct', use: MASTER_KEY_USE, kid, k })
  return kid
}

function markKid(key: MarkKey, marks: Map<string, MarkJwk>): string {
  // The same key may serve a profile with routing and one without; the route key is kept for the former.
  const jwk = { ...marks.get(key.keyId), ...markJwk(openingOf(key)) }
  marks.set(jwk.kid, jwk)
  return jwk.kid
}

function parseRing(text: string, { name }: { name: string }): KeyRing {
  const fields = fieldsOf(parseKeyJson(text, { name, expected: 'a key ring' }), {
    name,
    required: ['format', 'tokenizers', 'epochs', 'keys'],
  })
  textOf(fields['format'], { name: `${name}: format`, value: FORMAT })
  const held = heldKeysOf(fields['keys'], { name })
  const tokenizers = arrayOf(fields['tokenizers'], { name: `${name}: tokenizers` })
  const used = new Set<string>()
  let ring = createKeyRing()
  for (const [i, value] of arrayOf(fields['epochs'], { name: `${name}: epochs` }).entries()) {
    const about = { name: `${name}: epochs[${i}]` }
    const epoch = fieldsOf(value, { ...about, required: ['profile', 'from', 'keys'], optional: ['to'] })
    const profile = profileOf(epoch['profile'], about)
    const kids = arrayOf(epoch['keys'], { name: `${about.name}.keys` })
    for (const kid of kids) used.add(kid as string)
    const options = {
      profile,
      from: epoch['from'] as string,
      ...(Object.hasOwn(epoch, 'to') ? { to: epoch['to'] as string } : {}),
      allowNewTokenizer: tokenizers.includes(profile.tokenizer),
      ...keysOfEpoch(kids, { held, profile, name: `${about.name}.keys` }),
    }
    ring = withoutContent(() => addProfile(ring, options), about)
  }
  if (
    tokenizers.length !== ring.tokenizers.length ||
    tokenizers.some((tokenizer, i) => tokenizer !== ring.tokenizers[i])
  )
    throw new RangeError(
      `${name}: tokenizers: expected those of the profiles, in the order of first use, got another list`,
    )
  if ([...held.keys()].some((kid) => !used.has(kid)))
    throw new RangeError(`${name}: keys: expected only keys that an epoch names, got another`)
  if ([...held].some(([kid, key]) => key.kind === 'mark' && key.opening.routeKey && !isRoutedIn(ring, kid)))
    throw new RangeError(`${name}: keys: expected route keys only where an epoch has routing, got another`)
  return ring
}

function isRoutedIn({ epochs }: KeyRing, kid: string): boolean {
  return epochs.some(({ profile, keys }) => isRouted(profile) && keys.some(({ keyId }) => keyId === kid))
}

function profileOf(value: unknown, { name }: { name: string }): Profile {
  // As an argument a profile may be JSON text; in a file it is an object, and has one form.
  if (typeof value === 'string')
    throw new RangeError(`${name}: expected the profile as an object, got a string`)
  return withoutContent(() => parseProfile(value), { name })
}

type HeldKey =
  | { readonly kind: 'master'; readonly master: MasterKey }
  | { readonly kind: 'mark'; readonly opening: Opening }

/** The JWK set by kid. */
function heldKeysOf(value: unknown, { name }: { name: string }): ReadonlyMap<string, HeldKey> {
  const held = new Map<string, HeldKey>()
  const masters = new Set<string>()
  for (const [i, jwk] of arrayOf(value, { name: `${name}: keys` }).entries()) {
    const about = { name: `${name}: keys[${i}]` }
    const fields = fieldsOf(jwk, {
      ...about,
      required: ['kty', 'use', 'kid', 'k'],
      optional: ['salt', 'routeKey'],
    })
    const use = textOf(fields['use'], {
      name: `${about.name}: use`,
      value: USES,
      expected: `"${MASTER_KEY_USE}" or "${MARK_KEY_USE}"`,
    })
    let key: HeldKey
    if (use === MARK_KEY_USE) key = { kind: 'mark', opening: openingFromJwk(fields, about) }
    else {
      key = { kind: 'master', master: masterOf(jwk, about) }
      masters.add(fields['k'] as string)
    }
    const kid = fields['kid'] as string
    if (held.has(kid)) throw new RangeError(`${about.name}: kid: expected a name of its own, got one twice`)
    held.set(kid, key)
  }
  if (masters.size < [...held.values()].filter(({ kind }) => kind === 'master').length)
    throw new RangeError(`${name}: keys: expected each master key once, got one under two names`)
  return held
}

function masterOf(jwk: unknown, { name }: { name: string }): MasterKey {
  const { kty, kid, k } = fieldsOf(jwk, { name, required: ['kty', 'use', 'kid', 'k'] })
  textOf(kty, { name: `${name}: kty`, value: 'oct' })
  textOf(kid, { name: `${name}: kid`, value: MASTER_KID, expected: '"master-" and a number' })
  const bytes = keyBytesOf(k, { name, field: 'k' })
  return withoutContent(() => masterKeyFromBytes(bytes), { name })
}

/** One master key, or one mark key or more: what an epoch names by kid. */
function keysOfEpoch(
  kids: readonly unknown[],
  { held, profile, name }: { held: ReadonlyMap<string, HeldKey>; profile: Profile; name: string },
): { master: MasterKey } | { keys: readonly MarkKey[] } {
  const found = kids.map((kid, i) => {
    const key = typeof kid === 'string' ? held.get(kid) : undefined
    if (!key) throw new RangeError(`${name}[${i}]: expected the kid of one of the keys, got another`)
    return key
  })
  const [first] = found
  if (first?.kind === 'master' && found.length === 1) return { master: first.master }
  const keys = found.map((key, i) => {
    if (key.kind === 'master')
      throw new RangeError(`${name}[${i}]: expected no other key beside a master key, got one`)
    return markKeyOfEpoch(key.opening, { kid: kids[i] as string, profile, name: `${name}[${i}]` })
  })
  return { keys }
}

function markKeyOfEpoch(
  opening: Opening,
  { kid, profile, name }: { kid: string; profile: Profile; name: string },
): MarkKey {
  const layer = profile.layers.find(({ keyId }) => keyId === kid)
  if (!layer)
    throw new RangeError(`${name}: expected the key id of a layer of the profile, got ${kid}, which is none`)
  // Kept for an epoch with routing; another one that the key served may have none.
  const routed = isRouted(profile) ? opening : { ...opening, routeKey: undefined }
  const about = { profile, layer }
  if (!opens(routed, about))
    throw new RangeError(
      `${name}: expected a key that opens its layer's commitment, got one that does not: key, route key, salt and mark are not those that were promised`,
    )
  return markKeyOf(routed, about)
}

/** Nothing of the old ring may be lost; its last end may be filled in, or come earlier. */
function assertKeeps(ring: KeyRing, { old, name }: { old: KeyRing; name: string }): void {
  const lost = old.epochs.findIndex((epoch, i) => !keeps(ring.epochs[i], epoch))
  if (lost === -1) return
  throw new RangeError(
    `${name}: expected a ring with every profile, time and key of the one in the file, got one in which epochs[${lost}] is missing or another; give it a file of its own`,
  )
}

function keeps(after: Epoch | undefined, before: Epoch): boolean {
  if (after?.digest !== before.digest || after.from !== before.from) return false
  if (before.to !== undefined && (after.to === undefined || isBefore(before.to, after.to))) return false
  // With the same profile it can only be the same master key.
  if (before.master !== undefined && after.master === undefined) return false
  const ids = new Set(after.keys.map(({ keyId }) => keyId))
  return before.keys.every(({ keyId }) => ids.has(keyId))
}

/**
 * Mark keys on disk: what an investigator, or a server that marks, is handed in place of the master key. One JWK a file, for one layer,
 * with the salt, so that whoever reads it can check against the published profile that it is the key that was promised. Node only.
 */
import { assertString } from '../assert.ts'
import { keyIdOf, markInfo } from './derive.ts'
import { fieldsOf, keyBytesOf, keyText, parseKeyJson, textOf } from './jwk.ts'
import type { MarkKey } from './mark-key.ts'
import { markKeyOf, type Opening, openingOf, opens } from './opening.ts'
import { createOwnerOnly, readOwnerOnly } from './owner-only-file.ts'
import { isRouted, type Layer, markFormat, type Profile, parseProfile, roleRanges } from './profile.ts'

/** The `use` of a mark key's JWK. */
export const MARK_KEY_USE = 'dyetrace/1 mark'
const what = 'mark key file'

/** The part of a mark key's JWK that is secret, and its id. */
export interface MarkJwk {
  readonly kty: 'oct'
  readonly use: typeof MARK_KEY_USE
  readonly kid: string
  readonly k: string
  readonly salt: string
  readonly routeKey?: string
}

/**
 * Writes a mark key to a new file with mode 0600, together with what opens its commitment.
 * @param key from `deriveMarkKeys`, a key ring or {@link readMarkKeyFile}.
 * @throws Error if the file exists or cannot be written; TypeError for what is no such key.
 * @example
 * import { createProfile, deriveMarkKeys, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * import { readMarkKeyFile, writeMarkKeyFile } from 'dyetrace/node'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * await writeMarkKeyFile('acme.mark.json', deriveMarkKeys(master, profile)[0])
 * const key = await readMarkKeyFile('acme.mark.json', profile)
 * key.keyId === profile.layers[0].keyId // true
 */
export async function writeMarkKeyFile(path: string, key: MarkKey): Promise<void> {
  assertString(path, { name: 'path' })
  const opening = openingOf(key)
  const { kty, use, kid, ...secrets } = markJwk(opening)
  const { role, label, format, range } = key
  const jwk = { kty, use, kid, info: markInfo(format), role, label, range, ...secrets }
  await createOwnerOnly(path, `${JSON.stringify(jwk)}\n`, { what })
}

/**
 * Reads a mark key that {@link writeMarkKeyFile} wrote, for a profile of which it is a layer's key.
 * @throws Error if the file cannot be read or others can read it; RangeError if it is not such a key, not of this profile and these
 * contexts, or does not open the layer's commitment. No message holds any part of the file.
 */
export async function readMarkKeyFile(path: string, profile: Profile): Promise<MarkKey> {
  assertString(path, { name: 'path' })
  const checked = parseProfile(profile)
  const name = `${what} ${path}`
  const json = parseKeyJson(await readOwnerOnly(path, { what }), { name, expected: 'a JWK' })
  const fields = fieldsOf(json, {
    name,
    required: ['kty', 'use', 'kid', 'info', 'role', 'label', 'range', 'k', 'salt'],
    optional: ['routeKey'],
  })
  const opening = openingFromJwk(fields, { name })
  const keyId = keyIdOf(opening.markKey)
  const layer = checked.layers.find((candidate) => candidate.keyId === keyId)
  if (!layer)
    throw new RangeError(
      `${name}: expected a key of this profile, got key id ${keyId}, which is not among its layers`,
    )
  const about = { profile: checked, layer }
  assertSaysSame(fields, { name, ...about })
  if (!opens(opening, about))
    throw new RangeError(
      `${name}: expected a key that opens the commitment of layer ${layer.label}, got one that does not: key, route key, salt and mark are not those that were promised`,
    )
  return markKeyOf(opening, about)
}

/** What a mark key's JWK holds, whatever file it stands in. */
export function markJwk({ markKey, routeKey, salt }: Opening): MarkJwk {
  return {
    kty: 'oct',
    use: MARK_KEY_USE,
    kid: keyIdOf(markKey),
    k: keyText(markKey),
    salt: keyText(salt),
    ...(routeKey === undefined ? {} : { routeKey: keyText(routeKey) }),
  }
}

/** The three values in a mark key's JWK, whose key id is right; whether they open anything is asked later. */
export function openingFromJwk(fields: Record<string, unknown>, { name }: { name: string }): Opening {
  textOf(fields['kty'], { name: `${name}: kty`, value: 'oct' })
  textOf(fields['use'], { name: `${name}: use`, value: MARK_KEY_USE })
  const markKey = keyBytesOf(fields['k'], { name, field: 'k' })
  textOf(fields['kid'], { name: `${name}: kid`, value: keyIdOf(markKey), expected: 'the key id of k' })
  return {
    markKey,
    salt: keyBytesOf(fields['salt'], { name, field: 'salt' }),
    routeKey: Object.hasOwn(fields, 'routeKey')
      ? keyBytesOf(fields['routeKey'], { name, field: 'routeKey' })
      : undefined,
  }
}

// The profile has the same in public; the file repeats it to be understood without one, and must not say anything else.
function assertSaysSame(
  fields: Record<string, unknown>,
  { name, profile, layer }: { name: string; profile: Profile; layer: Layer },
): void {
  const says = (field: string, value: string): string =>
    textOf(fields[field], {
      name: `${name}: ${field}`,
      value,
      expected: `${JSON.stringify(value)} as in the profile`,
    })
  says('info', markInfo(markFormat(profile, layer)))
  says('role', layer.role)
  says('label', layer.label)
  const range = fieldsOf(fields['range'], { name: `${name}: range`, required: ['from', 'to'] })
  const { from, to } = roleRanges(profile.layers).get(layer.role)!
  if (range['from'] !== from || range['to'] !== to)
    throw new RangeError(
      `${name}: range: expected ${from}..${to} as in the profile, got another; a profile with other shares has this key too`,
    )
  const routed = isRouted(profile)
  if (Object.hasOwn(fields, 'routeKey') !== routed)
    throw new RangeError(
      `${name}: routeKey: expected ${routed ? 'one, as the profile has several roles' : 'none, as the profile has one role'}, got ${routed ? 'none' : 'one'}`,
    )
}

/**
 * case.json: what a case is about and how its models are reached. It can be handed over with the rest, so it holds no secret: an address with a
 * user, a password or a query is refused, and a key is named by the environment variable that it stands in.
 */
import { assertOneOf, assertRecord, describe } from '../assert.ts'
import { canonicalJson, type Digest } from '../digest.ts'
import { parseJson } from '../json.ts'
import { instantOf } from '../keys/instant.ts'
import { entriesOf, optional, ownFields, readDigest, readLine } from '../plan/fields.ts'

/** A model behind a server that speaks OpenAI's protocol. */
export interface ServedModel {
  readonly kind: 'openai-compatible'
  /** http or https, without user, password, query and fragment. */
  readonly url: string
  readonly model: string
  readonly api: 'completions' | 'chat'
  /** Name of the environment variable that holds the API key: capital letters, digits and underscores. */
  readonly apiKeyEnv?: string
}

/** A model whose weights are on disk. */
export interface LocalModel {
  readonly kind: 'local'
  readonly path: string
  readonly model?: string
}

/** Answers that were recorded by somebody else. */
export interface RecordedModel {
  readonly kind: 'recorded'
  readonly path: string
}

/** How the suspect is reached. */
export type CaseSuspect = ServedModel | LocalModel | RecordedModel

/** A reference model, under its name in the plan. */
export type CaseReference = (ServedModel | LocalModel) & { readonly name: string }

/** What case.json says. Frozen. */
export interface Case {
  readonly format: 'dyetrace/case-1'
  readonly name: string
  /** ISO 8601 date or time with its zone. */
  readonly created: string
  /** Digest of the profile, as `profileDigest` gives it. */
  readonly profile: Digest
  /** Digest of the provider's tokenizer, as in the profile. */
  readonly tokenizer: Digest
  readonly suspect: CaseSuspect
  readonly references: readonly CaseReference[]
}

const CASE_KEYS = ['format', 'name', 'created', 'profile', 'tokenizer', 'suspect', 'references'] as const
const MODEL_KEYS = {
  'openai-compatible': ['url', 'model', 'api', 'apiKeyEnv'],
  local: ['path', 'model'],
  recorded: ['path'],
} as const
type Kind = keyof typeof MODEL_KEYS

/**
 * Reads case.json.
 * @param input its text, or the record.
 * @throws TypeError or RangeError that names the field; never shows an address, which may hold a secret.
 * @example
 * import { formatCase, parseCase } from 'dyetrace/evidence'
 * const digest = `sha256:${'0'.repeat(64)}`
 * const suspect = { kind: 'openai-compatible', url: 'http://127.0.0.1:8000/v1', model: 'm', api: 'completions' }
 * const text = formatCase({
 *   format: 'dyetrace/case-1', name: 'model-x', created: '2026-11-24T09:30:00Z',
 *   profile: digest, tokenizer: digest, suspect, references: [],
 * })
 * parseCase(text).suspect.kind // 'openai-compatible'
 */
export function parseCase(input: unknown): Case {
  const value =
    typeof input === 'string' ? parseJson(input, { start: '"case.json"', expected: 'a JSON object' }) : input
  const fields = ownFields(value, { name: 'case.json', keys: CASE_KEYS })
  assertOneOf(fields.format, { name: 'case.json.format', values: ['dyetrace/case-1'] })
  instantOf(fields.created, { name: 'case.json.created' })
  return Object.freeze({
    format: 'dyetrace/case-1',
    name: readLine(fields.name, { name: 'case.json.name' }),
    created: fields.created as string,
    profile: readDigest(fields.profile, { name: 'case.json.profile' }),
    tokenizer: readDigest(fields.tokenizer, { name: 'case.json.tokenizer' }),
    suspect: readModel(fields.suspect, {
      name: 'case.json.suspect',
      kinds: ['openai-compatible', 'local', 'recorded'],
    }) as CaseSuspect,
    references: readReferences(fields.references),
  })
}

/**
 * The text of case.json: canonical JSON and a line feed.
 * @throws as {@link parseCase}.
 */
export function formatCase(record: Case): string {
  return `${canonicalJson(parseCase(record))}\n`
}

function readReferences(value: unknown): readonly CaseReference[] {
  const references = entriesOf(value, {
    name: 'case.json.references',
    expected: 'an array of reference models',
    read: (entry, name) =>
      readModel(entry, { name, kinds: ['openai-compatible', 'local'], named: true }) as CaseReference,
  })
  const names = new Set<string>()
  for (const [i, { name }] of references.entries()) {
    if (names.has(name))
      throw new RangeError(`"case.json.references[${i}].name" expected a name of its own, got one twice`)
    names.add(name)
  }
  return references
}

function readModel(
  value: unknown,
  { name, kinds, named = false }: { name: string; kinds: readonly Kind[]; named?: boolean },
): CaseSuspect | CaseReference {
  assertRecord(value, { name })
  const kind: unknown = Object.hasOwn(value, 'kind') ? value['kind'] : undefined
  assertOneOf(kind, { name: `${name}.kind`, values: kinds })
  const keys = ['kind', ...(named ? (['name'] as const) : []), ...MODEL_KEYS[kind]] as const
  const fields: { readonly [field: string]: unknown } = ownFields(value, { name, keys })
  const line = (field: string): string => readLine(fields[field], { name: `${name}.${field}` })
  const own = named ? { name: line('name') } : {}
  switch (kind) {
    case 'openai-compatible': {
      const { api } = fields
      assertOneOf(api, { name: `${name}.api`, values: ['completions', 'chat'] })
      const url = readUrl(fields['url'], { name: `${name}.url` })
      const variable = optional('apiKeyEnv', fields['apiKeyEnv'], (given) =>
        readVariable(given, { name: `${name}.apiKeyEnv` }),
      )
      return Object.freeze({ ...own, kind, url, model: line('model'), api, ...variable })
    }
    case 'local': {
      const model = optional('model', fields['model'], () => line('model'))
      return Object.freeze({ ...own, kind, path: line('path'), ...model })
    }
    case 'recorded':
      return Object.freeze({ ...own, kind, path: line('path') })
  }
}

/** An address that can be shown to anybody. Of one that cannot, nothing is shown. */
function readUrl(value: unknown, { name }: { name: string }): string {
  const expected = 'an http or https address without user, password, query and fragment'
  if (typeof value !== 'string') throw new TypeError(`"${name}" expected ${expected}, got ${describe(value)}`)
  const refused = (got: string): Error =>
    new RangeError(`"${name}" expected ${expected}, got ${got}; it is not shown`)
  readLine(value.replace(/\S/g, 'x'), { name, expected })
  let url: URL
  try {
    url = new URL(value)
  } catch {
    throw refused('no address')
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refused('another protocol')
  // Asked of the text as well: "http://@host" and "http://host?" leave nothing in the parsed address.
  const authority = /^https?:\/\/([^/?#\\]*)/i.exec(value)?.[1]
  if (authority === undefined || authority === '') throw refused('one that is not written in full')
  if (url.username !== '' || url.password !== '' || authority.includes('@')) throw refused('one with a user')
  if (value.includes('?')) throw refused('one with a query')
  if (value.includes('#')) throw refused('one with a fragment')
  return value
}

/** Capital letters only: a key that was pasted in place of a name hardly ever is, and it is not shown. */
function readVariable(value: unknown, { name }: { name: string }): string {
  if (typeof value === 'string' && /^[A-Z_][A-Z0-9_]{0,127}$/.test(value)) return value
  const Kind = typeof value === 'string' ? RangeError : TypeError
  throw new Kind(
    `"${name}" expected the name of an environment variable (capital letters, digits, underscores), got something else; it is not shown`,
  )
}

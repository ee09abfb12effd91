/**
 * Marks that are tried together, checked: each key made for its profile's format, all profiles for one tokenizer, each key, range of contexts and lane once.
 * Whoever asks about a list of marks (identify, a corpus) starts here.
 */
import { assertArray, assertRecord } from '../assert.ts'
import { assertNoBareKey, type MarkKey } from '../keys/mark-key.ts'
import { type Profile, parseProfile } from '../keys/profile.ts'
import { type TestedKey, testedKey } from './tested-key.ts'

/** A mark that the text may carry. What `allKeys` of a key ring lists can be passed as it is. */
export interface KnownMark {
  readonly profile: Profile
  readonly key: MarkKey
  /** Accounts to ask about. @defaultValue all lanes of the key's layer */
  readonly lanes?: readonly number[]
}

/** A mark that was checked: the key fits the profile, the lanes are its layer's. */
export interface TestedMark extends Omit<TestedKey, 'lane'> {
  readonly profile: Profile
  readonly lanes: readonly number[]
}

/**
 * Checks a list of marks and fills in the lanes.
 * @throws TypeError or RangeError for an empty list, a key of another format, marks of different tokenizers, and a test that is there twice.
 */
export function resolveMarks(marks: readonly KnownMark[], { name }: { name: string }): readonly TestedMark[] {
  assertArray(marks, { name, expected: 'an array of { profile, key, lanes }' })
  if (marks.length === 0) throw new RangeError(`"${name}" expected at least one mark to try, got none`)
  const checked = Array.from(marks, (mark, i) => resolveMark(mark, `${name}[${i}]`))
  assertOneTokenizer(checked, name)
  assertDifferent(checked, name)
  return checked
}

function resolveMark(candidate: unknown, name: string): TestedMark {
  assertNoBareKey(candidate, { name, expected: '{ profile, key, lanes }' })
  assertRecord(candidate, { name, keys: ['profile', 'key', 'lanes'], expected: '{ profile, key, lanes }' })
  const { key, lanes } = candidate as Partial<KnownMark>
  const profile = parseProfile(candidate['profile'])
  const { scheme, key: checked } = testedKey(profile, { key: key as MarkKey }, { name: `${name}.lanes` })
  if (lanes === undefined) {
    const all = Array.from({ length: checked.format.lanes }, (_, lane) => lane)
    return { profile, key: checked, scheme, lanes: all }
  }
  assertArray(lanes, { name: `${name}.lanes`, expected: 'an array of lanes' })
  if (lanes.length === 0)
    throw new RangeError(`"${name}.lanes" expected at least one lane, or nothing for all of them, got none`)
  const own = Array.from(lanes, (lane, i) => {
    const at = `${name}.lanes[${i}]`
    if (lane === undefined) throw new TypeError(`"${at}" expected a lane, got undefined`)
    return testedKey(profile, { key: checked, lane }, { name: at }).lane
  })
  return { profile, key: checked, scheme, lanes: own }
}

/** Ids have a meaning in one tokenizer only, so candidates of another would be tried on nonsense. */
function assertOneTokenizer(marks: readonly TestedMark[], name: string): void {
  const { tokenizer } = marks[0]!.profile
  const other = marks.findIndex(({ profile }) => profile.tokenizer !== tokenizer)
  if (other >= 0)
    throw new RangeError(
      `"${name}[${other}]" expected a mark for ${tokenizer} as ${name}[0] is, got one for ${marks[other]!.profile.tokenizer}; the documents have ids of one tokenizer`,
    )
}

/** A test that is there twice is a list made by mistake; it would be paid for twice. */
function assertDifferent(marks: readonly TestedMark[], name: string): void {
  const tried = new Set<string>()
  for (const [i, { key, lanes }] of marks.entries()) {
    for (const lane of lanes) {
      const test = `key id ${key.keyId}, route values ${key.range.from}..${key.range.to - 1}, lane ${lane}`
      if (tried.has(test))
        throw new RangeError(`"${name}[${i}]" expected each key and lane once, got ${test} again`)
      tried.add(test)
    }
  }
}

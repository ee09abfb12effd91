/**
 * From the texts of a case folder and mark keys to the attribution record, and nothing but that: no file is read, nothing is asked, and the same
 * texts and keys give the same record. What contradicts the plan is refused, by file, line and digest.
 */
import { assertInteger } from '../assert.ts'
import { type Countable, countable } from '../detect/countable.ts'
import { canonicalJson, type Digest } from '../digest.ts'
import { windowRuleOf } from '../distill/as-planned.ts'
import { type Attribution, type AttributionCandidate, attribute } from '../distill/attribution.ts'
import {
  type Observations,
  rowObservations,
  type TextLaws,
  textObservations,
  topKObservations,
} from '../distill/observations.ts'
import { parseJson } from '../json.ts'
import { assertMarkKeys, type MarkKey } from '../keys/mark-key.ts'
import { type Profile, parseProfile, profileDigest } from '../keys/profile.ts'
import { assertTokenizerFits } from '../keys/tokenizer-fits.ts'
import { type Exposure, exposureOf } from '../plan/exposure.ts'
import { type Plan, parsePlan, promptsDigest } from '../plan/plan.ts'
import { type AnswerLog, parseAnswers, parsePrompts, parseReferences } from '../suspect/answers.ts'
import { fieldsOf, readWholeJsonLines } from '../suspect/lines.ts'
import { tokenStrings } from '../text/tokenizer-digest.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'
import { type Case, parseCase } from './case-file.ts'
import { assertCaseFiles, type CaseFiles, fileDigest, neededText, textOf } from './files.ts'

/** A case whose files belong together, with everything that is judged but the keys. */
export interface CaseRecords {
  readonly plan: Plan
  /** SHA-256 of plan.json. */
  readonly planDigest: Digest
  readonly profile: Profile
  readonly prompts: readonly (readonly number[])[]
  readonly log: AnswerLog
  readonly observations: Observations
  readonly exposure: Exposure | undefined
  readonly instrument: Countable | undefined
  /** case.json, where it is there. */
  readonly case: Case | undefined
  /** Places of the prompts that were answered, ascending; undefined where they are chosen on the way. */
  readonly asked: readonly number[] | undefined
}

/**
 * Judges a case: what do the answers say about each key?
 * @param files texts of a case folder by file name: plan.json, prompts.jsonl, answers.jsonl and profile.json, and what the plan calls for:
 * references.jsonl, exposure.jsonl. case.json, tokenizer.json and instrument.jsonl are held against the others where they are there.
 * @param keys mark keys of the profile. Of a key with lanes those lanes are tried that the plan names, lane 0 where it names none. A key
 * that the plan does not name counts beside its family, and its conclusion is exploratory.
 * @returns the record for verdict.json: one conclusion a key and lane, in the order of the keys.
 * @throws TypeError or RangeError that names the file, and where it can the line, field or digest. No message shows anything of a key.
 * @example
 * // const attribution = judgeCase(files, [key])
 * // files['verdict.json'] = formatVerdict(attribution)
 */
export function judgeCase(files: CaseFiles, keys: readonly MarkKey[]): Attribution {
  assertCaseFiles(files)
  assertKeys(keys)
  return judgeRecords(readRecords(files), keys)
}

/** The text of verdict.json: canonical JSON and a line feed. */
export function formatVerdict(attribution: Attribution): string {
  return `${canonicalJson(attribution)}\n`
}

/** Refuses what is no list of mark keys. */
export function assertKeys(keys: readonly MarkKey[]): void {
  assertMarkKeys(keys, { name: 'keys' })
  if (keys.length === 0) throw new RangeError('"keys" expected at least one mark key, got none')
}

/** Judges what was read. */
export function judgeRecords(records: CaseRecords, keys: readonly MarkKey[]): Attribution {
  const { plan, profile, prompts, log, observations, exposure, instrument, asked } = records
  const isPartial = asked !== undefined && asked.length < plan.prompts.count
  return attribute({
    plan,
    observations,
    candidates: candidatesOf(plan, profile, keys),
    ...(exposure && { exposure }),
    ...(instrument && { instrument }),
    ...(isPartial && { prompts, asked }),
    answers: log.head,
  })
}

/** Each key in the lanes that the plan names. */
export function candidatesOf(
  { family = [] }: Plan,
  profile: Profile,
  keys: readonly MarkKey[],
): readonly AttributionCandidate[] {
  const known = new Set(profile.layers.map(({ keyId }) => keyId))
  return keys.flatMap((key, i) => {
    if (!known.has(key.keyId))
      throw new RangeError(
        `"keys[${i}]" expected a key of profile.json (key id ${[...known].join(' or ')}), got key id ${key.keyId}`,
      )
    const lanes = family.filter(({ keyId }) => keyId === key.keyId).map(({ lane }) => lane)
    return (lanes.length === 0 ? [0] : lanes).map((lane) => ({ profile, key, lane }))
  })
}

/** Runs the reading of one file, which `name` names; whoever checks evidence notes what comes of it. */
export type Step = <T>(name: string, read: () => T) => T

/** Reads all files that are judged, one step each. A step without a file of that name to read passes. */
export function readRecords(files: CaseFiles, step: Step = (_, read) => read()): CaseRecords {
  const profile = step('profile.json', () => readProfile(neededText(files, 'profile.json')))
  step('tokenizer.json', () => assertTokenizerOf(profile, textOf(files, 'tokenizer.json')))
  const about = step('case.json', () => readAbout(textOf(files, 'case.json'), profile))
  const plan = step('plan.json', () => {
    const read = readPlan(neededText(files, 'plan.json'))
    assertPlanOf(profile, read, about)
    return read
  })
  const planDigest = fileDigest(neededText(files, 'plan.json'))
  const prompts = step('prompts.jsonl', () => readPrompts(neededText(files, 'prompts.jsonl'), plan))
  const log = step('answers.jsonl', () =>
    readAnswers(neededText(files, 'answers.jsonl'), { plan, planDigest, prompts }),
  )
  const ordered = inPlannedOrder(log, plan)
  const markedText = step('marked.jsonl', () => readMarkedText(textOf(files, 'marked.jsonl'), plan))
  const observations = step('references.jsonl', () => {
    const laws = readReferences(textOf(files, 'references.jsonl'), { plan, log })
    return observe(plan, log, { ordered, laws, markedText })
  })
  return {
    plan,
    planDigest,
    profile,
    prompts,
    log,
    observations,
    exposure: step('exposure.jsonl', () => readExposure(textOf(files, 'exposure.jsonl'), plan)),
    instrument: step('instrument.jsonl', () => readInstrument(textOf(files, 'instrument.jsonl'), profile)),
    case: about,
    asked: isFresh(plan) ? undefined : ordered.map((i) => log.answers[i]!.prompt),
  }
}

/** Reads profile.json. */
export function readProfile(text: string): Profile {
  return named('profile.json', () =>
    parseProfile(parseJson(text, { start: '"profile.json"', expected: 'a JSON object' })),
  )
}

/** Reads plan.json, which has one spelling: its digest names it. */
export function readPlan(text: string): Plan {
  const plan = named('plan.json', () =>
    parsePlan(parseJson(text, { start: '"plan.json"', expected: 'a JSON object' })),
  )
  if (canonicalJson(plan) !== text)
    throw new RangeError(
      `"plan.json" expected canonical JSON (RFC 8785) without anything behind it, got the same record in another spelling, with digest ${fileDigest(text)}`,
    )
  return plan
}

function assertTokenizerOf(profile: Profile, text: string | undefined): void {
  if (text === undefined) return
  named('tokenizer.json', () => {
    const tokens = tokenStrings(parseJson(text, { start: '"tokenizer.json"' }))
    assertTokenizerFits(tokens, { profile, name: 'tokenizer.json' })
  })
}

/** case.json, held against the profile. */
function readAbout(text: string | undefined, profile: Profile): Case | undefined {
  if (text === undefined) return undefined
  const about = parseCase(text)
  for (const [field, expected] of [
    ['profile', profileDigest(profile)],
    ['tokenizer', profile.tokenizer],
  ] as const) {
    if (about[field] !== expected)
      throw new RangeError(
        `"case.json.${field}" expected ${expected} as profile.json says, got ${about[field]}`,
      )
  }
  return about
}

function assertPlanOf(profile: Profile, plan: Plan, about: Case | undefined): void {
  for (const field of ['contextWidth', 'vocabularySize'] as const) {
    if (plan[field] !== profile[field])
      throw new RangeError(
        `"plan.json.${field}" expected ${profile[field]} as profile.json says, got ${plan[field]}`,
      )
  }
  if (about === undefined) return
  const known = about.references.map(({ name }) => name)
  for (const name of plan.references) {
    if (!known.includes(name))
      throw new RangeError(
        `"plan.json.references" expected references of case.json, got ${JSON.stringify(name)}, which it does not describe`,
      )
  }
}

function readPrompts(text: string, plan: Plan): readonly (readonly number[])[] {
  const prompts = parsePrompts(text, { vocabularySize: plan.vocabularySize })
  const digest = promptsDigest(prompts)
  if (digest !== plan.prompts.digest)
    throw new RangeError(
      `"prompts.jsonl" expected the prompts of plan.json, with digest ${plan.prompts.digest}, got ${prompts.length} with digest ${digest}`,
    )
  const tokens = prompts.reduce((sum, { length }) => sum + length, 0)
  for (const [field, got] of Object.entries({ count: prompts.length, tokens })) {
    const planned = plan.prompts[field as 'count' | 'tokens']
    if (got !== planned)
      throw new RangeError(
        `"plan.json.prompts.${field}" expected ${got} as prompts.jsonl has, got ${planned}`,
      )
  }
  return prompts
}

function readAnswers(
  text: string,
  { plan, planDigest, prompts }: { plan: Plan; planDigest: Digest; prompts: readonly (readonly number[])[] },
): AnswerLog {
  const { access, vocabularySize } = plan
  return parseAnswers(text, {
    plan: planDigest,
    access,
    vocabularySize,
    prompts: isFresh(plan) ? undefined : prompts,
  })
}

/** True where prompts are chosen in the light of earlier answers. */
export function isFresh({ stopping }: Plan): boolean {
  return stopping.rule === 'e-process' && stopping.fresh
}

/**
 * Places of the answers, in the order in which they are judged: that of the plan, whatever order they came in when several prompts were put at
 * once. It was fixed beforehand, so nobody can order answers by what they show. Where prompts are chosen on the way it is the file's.
 */
function inPlannedOrder({ answers }: AnswerLog, plan: Plan): readonly number[] {
  const places = [...answers.keys()]
  return isFresh(plan) ? places : places.sort((a, b) => answers[a]!.prompt - answers[b]!.prompt)
}

function readReferences(
  text: string | undefined,
  { plan, log }: { plan: Plan; log: AnswerLog },
): readonly (readonly TextLaws[])[] {
  if (text === undefined && plan.references.length > 0)
    throw new RangeError(
      `"references.jsonl" expected what ${plan.references.length} references of plan.json say, got no file`,
    )
  return parseReferences(text ?? '', { names: plan.references, log }).map(({ laws }) => laws)
}

/** The observations of the answers, made as the plan says. */
function observe(
  plan: Plan,
  { answers }: AnswerLog,
  about: {
    ordered: readonly number[]
    laws: readonly (readonly TextLaws[])[]
    markedText: readonly TokenIds[]
  },
): Observations {
  const { ordered, laws, markedText } = about
  const { access, contextWidth, vocabularySize, topK, references: names } = plan
  const format = { contextWidth, vocabularySize, windows: windowRuleOf(plan), markedText }
  const said = ordered.map((i) => answers[i]!)
  const references = laws.map((model) => ordered.map((i) => model[i]!))
  switch (access) {
    case 'text': {
      const texts = said.map(({ ids, completion }) => ({ prompt: ids, completion: completion! }))
      return textObservations(texts, { ...format, references })
    }
    case 'top-k': {
      const sequences = said.map(({ ids, completion }) =>
        completion === undefined ? ids : { prompt: ids, completion },
      )
      const lists = said.map(({ positions }) => positions!)
      return topKObservations(sequences, lists, { ...format, k: topK!, references })
    }
    case 'rows': {
      const rows = references.map((model, r) =>
        model.map((law, i) => {
          if (law instanceof Float32Array) return law
          throw new RangeError(
            `"references.jsonl" expected rows of reference ${JSON.stringify(names[r])} about prompt ${said[i]!.prompt}, as access "rows" needs, got lists`,
          )
        }),
      )
      return rowObservations(
        said.map(({ ids }) => ids),
        said.map((answer) => answer.rows!),
        { ...format, references: rows },
      )
    }
  }
}

/** Marked documents that prompts were cut out of, `{"ids":[...]}` a line: they burn their windows before the first prompt. */
function readMarkedText(text: string | undefined, { prompts, vocabularySize }: Plan): readonly TokenIds[] {
  const { markedText: planned } = prompts
  if (text === undefined) {
    if (planned === undefined || planned.documents === 0) return []
    throw new RangeError(
      `"marked.jsonl" expected ${planned.documents} documents of digest ${planned.digest}, got no file`,
    )
  }
  if (planned === undefined)
    throw new RangeError('"marked.jsonl" expected no file, as plan.json names no marked text, got one')
  const documents = readDocuments(text, { file: 'marked.jsonl', vocabularySize })
  const digest = promptsDigest(documents)
  if (digest !== planned.digest || documents.length !== planned.documents)
    throw new RangeError(
      `"marked.jsonl" expected ${planned.documents} documents of digest ${planned.digest} as plan.json says, got ${documents.length} of ${digest}`,
    )
  return documents
}

function readDocuments(
  text: string,
  { file, vocabularySize }: { file: string; vocabularySize: number },
): readonly TokenIds[] {
  return readWholeJsonLines(text, { file }).map((line) => {
    const { ids } = fieldsOf(line, ['ids'])
    assertTokenIds(ids, { name: `${line.name}.ids`, vocabularySize })
    return ids
  })
}

function readExposure(text: string | undefined, plan: Plan): Exposure | undefined {
  const { exposure: planned, contextWidth, vocabularySize } = plan
  if (planned === undefined) {
    if (text === undefined) return undefined
    throw new RangeError('"exposure.jsonl" expected no file, as plan.json names no exposure, got one')
  }
  if (text === undefined)
    throw new RangeError(`"exposure.jsonl" expected documents of digest ${planned.digest}, got no file`)
  const documents = readDocuments(text, { file: 'exposure.jsonl', vocabularySize })
  const exposure = exposureOf(documents, { contextWidth, vocabularySize, origin: planned.origin })
  for (const field of ['digest', 'tokens'] as const) {
    if (exposure[field] !== planned[field])
      throw new RangeError(
        `"exposure.jsonl" expected documents of ${field} ${planned[field]} as plan.json says, got ${exposure[field]}`,
      )
  }
  return exposure
}

/** Texts known to be marked: `{"ids":[...]}` a line, with a `promptLength` where the first ids are a prompt. */
function readInstrument(text: string | undefined, profile: Profile): Countable | undefined {
  if (text === undefined) return undefined
  const { vocabularySize } = profile
  const documents = readWholeJsonLines(text, { file: 'instrument.jsonl' }).map((line) => {
    const { ids, promptLength } = fieldsOf(line, ['ids', 'promptLength'])
    assertTokenIds(ids, { name: `${line.name}.ids`, vocabularySize })
    if (promptLength === undefined) return { ids }
    assertInteger(promptLength, { name: `${line.name}.promptLength`, max: ids.length })
    return { ids, promptLength }
  })
  return countable(documents, profile)
}

/** Puts the name of the file before what a reader says that knows records only. */
function named<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Error) || error.message.startsWith(`"${file}`)) throw error
    const Kind = error instanceof TypeError ? TypeError : RangeError
    throw new Kind(`"${file}": ${error.message}`)
  }
}

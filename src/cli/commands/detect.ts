/** `detect`: were these texts sampled under this mark? */
import { type Countable, countable } from '../../detect/countable.ts'
import { detect as detectOne } from '../../detect/detect.ts'
import { type Candidate, detectAny, detectLayers } from '../../detect/family.ts'
import { localise } from '../../detect/localise.ts'
import type { Decision, DecisionRule, Verdict } from '../../detect/verdict.ts'
import type { MarkKey } from '../../keys/mark-key.ts'
import type { Profile } from '../../keys/profile.ts'
import type { Call, CommandSpec, OptionSpec, Outcome } from '../call.ts'
import { DOCUMENT_OPTIONS, type ReadDocument, readDocuments, tokenizerOption } from '../documents.ts'
import { EXIT, InputError } from '../exit.ts'
import { readMarkKeys, readProfile } from '../marks.ts'
import { columns, count, excerpt, levelOf, printable } from '../printable.ts'
import type { ReadTokenizer } from '../tokenizer.ts'
import { decisiveP, exitOf, meaning, overall, pOf } from '../verdict-words.ts'

/** Options of every command that decides. */
export const RULE_OPTIONS: readonly OptionSpec[] = [
  { flags: '--alpha <p>', says: 'level of the whole call: chance to accuse an innocent (default 1e-6)' },
  { flags: '--minimum-counted <n>', says: 'fewer scored pairs are "insufficient" (default 64)' },
]

/** Reads {@link RULE_OPTIONS}. */
export function ruleOf(call: Call): DecisionRule {
  const alpha = alphaOf(call)
  const minimumCounted = call.integer('minimum-counted', { min: 1 })
  return {
    ...(alpha === undefined ? {} : { alpha }),
    ...(minimumCounted === undefined ? {} : { minimumCounted }),
  }
}

/** The level that was asked for. */
export function alphaOf(call: Call): number | undefined {
  return call.number('alpha', { expected: 'a level above 0 and below 1', holds: (a) => a > 0 && a < 1 })
}

const DEFAULT_ALPHA = 1e-6
const MOST_LOCALISED = 16

export const detect: CommandSpec = {
  path: 'detect',
  summary: 'was this text sampled under our mark?',
  about:
    'Tests each document against the given keys, all lanes of them unless one is named. The level holds for the whole call: of N documents each gets alpha / N, and the keys of a document are corrected for their number (Holm). With --each every document has the level for itself; with --joint all are one text. A document that cannot be read is reported and stops nobody else.',
  operands: [['[files...]', 'text files, folders, JSON lines, or "-" for standard input']],
  options: [
    { flags: '-p, --profile <file>', says: 'the profile of the mark', required: true },
    {
      flags: '-k, --key <file>',
      says: 'mark key, master key, ring or engine configuration; several times',
      required: true,
      list: true,
    },
    ...DOCUMENT_OPTIONS,
    { flags: '--lane <n>', says: 'only this lane (default: all)' },
    { flags: '--joint', says: 'judge all documents together, as one text' },
    { flags: '--each', says: 'each document has the level alpha for itself' },
    { flags: '--localise', says: 'also say which passages carry the mark' },
    { flags: '--end-of-text <id>', says: 'what follows this id is not read' },
    ...RULE_OPTIONS,
  ],
  examples: [
    'dyetrace detect letter.txt --profile acme.profile.json --key acme.mark.json --tokenizer teacher',
    'dyetrace detect answers --localise --profile acme.profile.json --key acme.mark.json --tokenizer teacher --json',
    'cat batch.jsonl | dyetrace detect - --jsonl --profile acme.profile.json --key acme.mark.json --tokenizer teacher',
  ],
  exits: '0 no evidence (also insufficient), 10 evidence in at least one document',
  json: {
    decision: 'over all documents: evidence, no-evidence or insufficient',
    alpha: 'level of the whole call',
    alphaEach: 'level of each document',
    documents:
      'name, decision, verdicts (smallest p first; at most 20) or error, and with --localise passages (from, to, log10P, text) by key',
    errors: 'number of documents that could not be read',
  },
  async run(call) {
    const { environment } = call
    const profile = await readProfile(environment, call.needed('profile'))
    const files = call.list('key')
    if (files.length === 0) throw new InputError('option --key: expected one, got none')
    const keys = await readMarkKeys(environment, files, profile)
    const tokenizer = await tokenizerOption(call, profile)
    const documents = await readDocuments(call, { tokenizer, vocabularySize: profile.vocabularySize })
    if (documents.length === 0) throw new InputError('expected documents, got inputs without any')
    const isJoint = call.flag('joint')
    if (isJoint && (call.flag('each') || call.flag('localise')))
      throw new InputError('option --joint: expected neither --each nor --localise beside it, got one')
    const tests = isJoint || call.flag('each') ? 1 : documents.length
    const rule = ruleOf(call)
    const alpha = rule.alpha ?? DEFAULT_ALPHA
    const about = {
      profile,
      tokenizer,
      candidates: candidatesOf(keys, call.integer('lane', { max: 511 })),
      rule: { ...rule, alpha: alpha / tests },
      isLocalised: call.flag('localise'),
      endOfText: call.integer('end-of-text', { max: profile.vocabularySize - 1 }),
    }
    const judged = isJoint ? judgedTogether(documents, about) : documents.map((one) => judgedOf(one, about))
    return outcomeOf(call, judged, { alpha, alphaEach: alpha / tests })
  },
}

interface About {
  readonly profile: Profile
  readonly tokenizer: ReadTokenizer | undefined
  readonly candidates: readonly Candidate[]
  readonly rule: DecisionRule
  readonly isLocalised: boolean
  readonly endOfText: number | undefined
}

/** A document with what was found in it. */
interface Judged {
  readonly name: string
  readonly error?: string
  readonly decision?: Decision
  readonly verdicts?: readonly Verdict[]
  readonly passages?: readonly FoundPassage[]
}

interface FoundPassage {
  readonly keyId: string
  readonly lane: number
  readonly from: number
  readonly to: number
  readonly counted: number
  readonly log10P: number
  readonly text?: string
}

function candidatesOf(keys: readonly MarkKey[], lane: number | undefined): readonly Candidate[] {
  const candidates = keys.flatMap((key) =>
    lane === undefined
      ? Array.from({ length: key.format.lanes }, (_, own) => ({ key, lane: own }))
      : lane < key.format.lanes
        ? [{ key, lane }]
        : [],
  )
  if (candidates.length === 0)
    throw new InputError(`option --lane: expected a lane that a key has, got ${lane}`)
  return candidates
}

function judgedOf(read: ReadDocument, about: About): Judged {
  const { name, document, error } = read
  if (document === undefined) return { name, error }
  try {
    // The whole and its passages are two questions: each gets half of the level.
    const rule = about.isLocalised ? { ...about.rule, alpha: about.rule.alpha! / 2 } : about.rule
    const positions = countable([document], about.profile, readingOf(about))
    const verdicts = verdictsOn(positions, { ...about, rule })
    const decision = overall(verdicts.map((verdict) => verdict.decision))
    if (!about.isLocalised) return { name, decision, verdicts }
    const { passages, decision: localised } = passagesOf(document, about)
    return { name, decision: overall([decision, localised]), verdicts, passages }
  } catch (thrown) {
    // A document that is not what it should be; what nobody foresaw ends the call.
    if (!(thrown instanceof RangeError || thrown instanceof TypeError) || !/ expected /.test(thrown.message))
      throw thrown
    return { name, error: thrown.message }
  }
}

function judgedTogether(documents: readonly ReadDocument[], about: About): readonly Judged[] {
  const broken = documents.filter((one) => one.document === undefined)
  // Left out, a document could change the answer: which ones count is decided by the caller, not by what can be read.
  if (broken.length > 0)
    throw new InputError(
      `option --joint: expected documents that can all be read, got ${count(broken.length, 'document')} that cannot: ${broken[0]!.error}`,
    )
  const positions = countable(
    documents.map(({ document }) => document!),
    about.profile,
    readingOf(about),
  )
  const verdicts = verdictsOn(positions, about)
  const name = count(documents.length, 'document')
  return [{ name, decision: overall(verdicts.map(({ decision }) => decision)), verdicts }]
}

function readingOf({ endOfText }: About): { endOfText?: number } {
  return endOfText === undefined ? {} : { endOfText }
}

/** Smallest p first. */
function verdictsOn(positions: Countable, { candidates, rule }: About): readonly Verdict[] {
  const [only, ...others] = candidates
  if (others.length === 0) return [detectOne(positions, only!.key, { ...rule, lane: only!.lane ?? 0 })]
  // One lane of layers that share no contexts: their sum is a question too, and the strongest where each has few contexts.
  const areLayers =
    new Set(candidates.map(({ key }) => key.role)).size === candidates.length &&
    new Set(candidates.map(({ key }) => key.range.from)).size === candidates.length
  if (!areLayers) return byP(detectAny(positions, candidates, rule))
  const { layers, joint } = detectLayers(positions, candidates, rule)
  return byP([...layers, joint])
}

function byP(verdicts: readonly Verdict[]): readonly Verdict[] {
  return [...verdicts].sort(({ lnP: a }, { lnP: b }) => (a < b ? -1 : a > b ? 1 : 0))
}

/** Passages by key; each key is a test of its own, and pays for the others. */
function passagesOf(
  document: NonNullable<ReadDocument['document']>,
  about: About,
): { readonly passages: readonly FoundPassage[]; readonly decision: Decision } {
  const { candidates, rule, profile, tokenizer } = about
  if (candidates.length > MOST_LOCALISED)
    throw new InputError(
      `option --localise: expected at most ${MOST_LOCALISED} keys and lanes, got ${candidates.length}; name one with --lane`,
    )
  const alpha = rule.alpha! / (2 * candidates.length)
  const decisions: Decision[] = []
  const passages = candidates.flatMap(({ key, lane = 0 }) => {
    const found = localise(document, profile, key, { ...rule, ...readingOf(about), alpha, lane })
    decisions.push(found.verdict.decision)
    return found.passages.map(({ from, to, counted, log10P }) => ({
      keyId: key.keyId,
      lane,
      from,
      to,
      counted,
      log10P,
      ...(tokenizer
        ? { text: excerpt(tokenizer.decode(Array.from(document.ids).slice(from, to)), 200) }
        : {}),
    }))
  })
  return { passages, decision: overall(decisions) }
}

const MOST_VERDICTS = 20
const MOST_LINES = 200

function outcomeOf(
  { colors }: Call,
  judged: readonly Judged[],
  { alpha, alphaEach }: { alpha: number; alphaEach: number },
): Outcome {
  const errors = judged.filter(({ error }) => error !== undefined).length
  const decision = overall(judged.flatMap((one) => one.decision ?? []))
  const found = judged.filter((one) => one.decision === 'evidence').length
  const shownFirst = judged.length <= MOST_LINES ? judged : judged.filter(isWorthALine).slice(0, MOST_LINES)
  const tests = Math.max(1, ...judged.map(({ verdicts = [] }) => verdicts.length))
  const severalKeys = tests > 1
  const rows = shownFirst.map(({ name, error, decision: its, verdicts }) => {
    if (error !== undefined) return [name, colors.yellow('error'), excerpt(error, 100), '']
    const best = verdicts![0]!
    return [
      name,
      its === 'evidence' ? colors.bold(its) : its!,
      decisiveP(best),
      `${count(best.counted, 'pair')}${severalKeys ? `, key ${best.keyId}${best.lane ? ` lane ${best.lane}` : ''}` : ''}`,
    ]
  })
  const lines = [...columns(rows)]
  for (const { name, passages = [] } of judged) {
    for (const { from, to, log10P, text } of passages)
      lines.push(
        `  ${name}, tokens ${from} to ${to}: ${pOf(log10P)}${text === undefined ? '' : `  "${excerpt(text)}"`}`,
      )
  }
  lines.push('')
  if (severalKeys) lines.push(`Each document was tried with ${tests} keys or lanes; p is corrected for that.`)
  if (judged.length > 1)
    lines.push(
      `${count(judged.length, 'document')}: ${found} with evidence${errors > 0 ? `, ${errors} could not be read` : ''}. Level of the whole ${levelOf(alpha)}, of each document ${levelOf(alphaEach)}.`,
    )
  lines.push(meaning(decision, alpha))
  return {
    // Unread documents may hold anything: a call that read no evidence and not everything is no "no evidence".
    exit: decision === 'evidence' ? exitOf(decision) : errors > 0 ? EXIT.usage : exitOf(decision),
    json: {
      decision,
      alpha,
      alphaEach,
      documents: judged.map(({ verdicts, ...one }) => ({
        ...one,
        name: printable(one.name),
        ...(verdicts ? { verdicts: verdicts.slice(0, MOST_VERDICTS) } : {}),
      })),
      errors,
    },
    text: lines.join('\n'),
  }
}

function isWorthALine({ error, decision }: Judged): boolean {
  return error !== undefined || decision === 'evidence'
}

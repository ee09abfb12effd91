/** `identify`: whose mark is it, of several? */
import { identify as identifyMark, type KnownMark } from '../../detect/identify.ts'
import { readEngineConfig } from '../../integrations/engine-config.ts'
import { allKeys } from '../../keys/key-ring.ts'
import { readOwnerOnly } from '../../keys/owner-only-file.ts'
import type { Call, CommandSpec } from '../call.ts'
import { pairOf, shown } from '../call.ts'
import { DOCUMENT_OPTIONS, readDocuments } from '../documents.ts'
import { InputError } from '../exit.ts'
import { at, named } from '../files.ts'
import { isoInstant } from '../instant.ts'
import { readMarkKeys, readProfile, readRing } from '../marks.ts'
import { columns, count, printable } from '../printable.ts'
import { assertTokenizerOf, type ReadTokenizer, readTokenizer } from '../tokenizer.ts'
import { decisiveP, exitOf, meaning, overall } from '../verdict-words.ts'
import { RULE_OPTIONS, ruleOf } from './detect.ts'

const ENGINES = ['vllm', 'sglang', 'hf', 'google', 'textseal'] as const
const MOST_RANKED = 20

export const identify: CommandSpec = {
  path: 'identify',
  summary: 'whose mark is it, of several keys, rings and engines?',
  about:
    'Judges all documents together and tries every key and lane that it is given; each is corrected for the number of all (Holm), so name all that you will try before you look. All marks must be for one tokenizer.',
  operands: [['[files...]', 'text files, folders, JSON lines, or "-" for standard input']],
  options: [
    { flags: '--ring <file>', says: 'key ring; all its keys are tried; several times', list: true },
    {
      flags: '--mark <profile=key>',
      says: 'a profile and a file with its keys, as in acme.profile.json=acme.mark.json; several times',
      list: true,
    },
    {
      flags: '--engine <engine=file>',
      says: `an engine's configuration (${ENGINES.join(', ')}), as in vllm=watermark.json; several times`,
      list: true,
    },
    { flags: '--lane <n>', says: 'only this lane of each key (default: all)' },
    ...DOCUMENT_OPTIONS,
    ...RULE_OPTIONS,
  ],
  examples: [
    'dyetrace identify letter.txt --ring acme.ring.json --mark acme.profile.json=acme.key.json --tokenizer teacher',
  ],
  exits: '0 none shows (also insufficient), 10 one shows',
  json: {
    decision: 'evidence, no-evidence or insufficient',
    'best?':
      'the one with the smallest p of those that are evidence: label, profile (digest of its tokenizer, scheme), verdict',
    ranked: 'the first 20 that were tried, smallest p first',
    family: 'how many were tried, and how that was paid for',
  },
  async run(call) {
    const path = call.option('tokenizer')
    const tokenizer = path === undefined ? undefined : await readTokenizer(call.environment, path)
    const candidates = await candidatesOf(call, tokenizer)
    const [first] = candidates
    if (!first) throw new InputError('expected at least one --ring, --mark or --engine, got none')
    if (tokenizer) assertTokenizerOf(first.profile, tokenizer, path!)
    const vocabularySize = Math.min(...candidates.map(({ profile }) => profile.vocabularySize))
    const documents = await readDocuments(call, { tokenizer, vocabularySize })
    const broken = documents.find(({ error }) => error !== undefined)
    if (broken)
      throw new InputError(
        `expected documents that can all be read, got one that cannot: ${broken.name}: ${broken.error}`,
      )
    const rule = ruleOf(call)
    const found = identifyMark(
      documents.map(({ document }) => document!),
      candidates,
      rule,
    )
    const decision = overall(found.ranked.map(({ verdict }) => verdict.decision))
    const json = (one: (typeof found.ranked)[number]) => ({
      label: one.label,
      scheme: one.profile.scheme,
      contextWidth: one.profile.contextWidth,
      verdict: one.verdict,
    })
    const rows = found.ranked
      .slice(0, 5)
      .map(({ label, profile, verdict }) => [
        printable(label),
        profile.scheme,
        `width ${profile.contextWidth}`,
        verdict.lane === undefined ? '' : `lane ${verdict.lane}`,
        `key ${verdict.keyId}`,
        verdict.decision,
        decisiveP(verdict),
      ])
    return {
      exit: exitOf(decision),
      json: {
        decision,
        ...(found.best ? { best: json(found.best) } : {}),
        ranked: found.ranked.slice(0, MOST_RANKED).map(json),
        family: found.family,
      },
      text: [
        ...columns(rows),
        '',
        `${count(found.family.size, 'key or lane was', 'keys and lanes were')} tried together; p is corrected for that.`,
        meaning(decision, rule.alpha ?? 1e-6),
      ].join('\n'),
    }
  },
}

/** The marks of `--ring`, `--mark` and `--engine`, each key once. */
export async function candidatesOf(
  call: Call,
  tokenizer: ReadTokenizer | undefined,
): Promise<readonly KnownMark[]> {
  const { environment } = call
  const lane = call.integer('lane', { max: 511 })
  const marks: KnownMark[] = []
  for (const path of call.list('ring')) marks.push(...allKeys(await readRing(environment, path)))
  for (const word of call.list('mark')) {
    const [profilePath, keyPath] = pairOf(word, { option: 'mark' })
    const profile = await readProfile(environment, profilePath)
    for (const key of await readMarkKeys(environment, [keyPath], profile)) marks.push({ profile, key })
  }
  for (const [i, word] of call.list('engine').entries()) {
    const [engine, file] = pairOf(word, { option: 'engine' })
    if (!(ENGINES as readonly string[]).includes(engine))
      throw new InputError(`option --engine: expected one of ${ENGINES.join(', ')}, got ${shown(engine)}`)
    if (!tokenizer) throw new InputError("option --tokenizer: expected the model's beside --engine, got none")
    const text = await readOwnerOnly(at(environment, file), { what: `configuration` })
    try {
      marks.push(
        readEngineConfig(text, {
          engine: engine as (typeof ENGINES)[number],
          tokenizer: tokenizer.digest,
          vocabularySize: tokenizer.vocabularySize,
          label: `engine-${i + 1}`,
          created: `${isoInstant(environment.now()).slice(0, 19)}Z`,
        }),
      )
    } catch (error) {
      throw new InputError(`configuration ${named(file)}: ${(error as Error).message}`)
    }
  }
  return distinctMarks(marks).map(({ profile, key }) =>
    lane === undefined || lane >= key.format.lanes ? { profile, key } : { profile, key, lanes: [lane] },
  )
}

/** One key in a ring and in a file is one test. */
export function distinctMarks(marks: readonly KnownMark[]): readonly KnownMark[] {
  return [...new Map(marks.map((mark) => [testOf(mark), mark])).values()]
}

function testOf({ profile, key }: KnownMark): string {
  return [key.keyId, key.range.from, key.range.to, profile.vocabularySize].join()
}

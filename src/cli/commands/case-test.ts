/** `case test`: what the answers say about the keys. The first step of a case that needs one. */
import { join } from 'node:path'
import { formatVerdict, judgeCase } from '../../case/judge.ts'
import { canonicalJson } from '../../digest.ts'
import type { Conclusion } from '../../distill/conclusion.ts'
import { parseJson } from '../../json.ts'
import { assertTokenIds } from '../../tokens.ts'
import type { CommandSpec } from '../call.ts'
import { planOf, readCase } from '../case-folder.ts'
import { InputError } from '../exit.ts'
import { named, readText, writeText } from '../files.ts'
import { readMarkKeys } from '../marks.ts'
import { count, plainPower } from '../printable.ts'
import { exitOf, overall } from '../verdict-words.ts'

export const caseTest: CommandSpec = {
  path: 'case test',
  summary: 'what do the answers say about the keys?',
  about:
    'Judges the answers under the keys, as the plan says, and writes verdict.json. Name all keys that you try: all of them count. Keys that an earlier verdict of this case tried must be among them. Text known to be marked (--instrument) is put through the same path: where it does not show, tokenizer or key are wrong, and the answer is "protocol-mismatch".',
  operands: [['<folder>', 'the case']],
  options: [
    {
      flags: '-k, --key <file>',
      says: 'mark key file, master key or ring; several times',
      required: true,
      list: true,
    },
    {
      flags: '--instrument <file>',
      says: 'marked text as JSON lines {"ids": [...], "promptLength": n}, as "dyetrace mark --ids" writes it; kept in the case',
    },
  ],
  examples: ['dyetrace case test rival --key acme.mark.json --instrument marked.jsonl'],
  exits: '0 no evidence (also insufficient and protocol-mismatch: the words say which), 10 evidence',
  json: {
    decision: 'evidence, no-evidence, insufficient or protocol-mismatch',
    sentences: 'one for each key and lane',
    attribution: 'the record in verdict.json',
  },
  async run(call) {
    const { environment, operands } = call
    const folder = await readCase(environment, operands[0]!)
    const { path, profile } = folder
    const plan = planOf(folder)
    if ((folder.files['answers.jsonl'] ?? '') === '')
      throw new InputError(
        `case ${named(path)}: expected answers in it, got none. Run: dyetrace case collect ${named(path)}`,
      )
    const files = call.list('key')
    if (files.length === 0) throw new InputError('option --key: expected one, got none')
    const keys = await readMarkKeys(environment, files, profile)
    assertNoneDropped(
      folder.files['verdict.json'],
      keys.map(({ keyId }) => keyId),
    )
    const instrument = await instrumentOf(call.option('instrument'), folder.files['instrument.jsonl'])
    const judged = judgeCase(
      { ...folder.files, ...(instrument === undefined ? {} : { 'instrument.jsonl': instrument }) },
      keys,
    )
    const put = (name: string, text: string): Promise<void> =>
      writeText(environment, join(path, name), text, { what: 'case file', replace: true })
    if (instrument !== undefined) await put('instrument.jsonl', instrument)
    await put('verdict.json', formatVerdict(judged))
    const { conclusions } = judged
    const decision = overall(conclusions.map((one) => one.decision))
    const sentences = conclusions.map(({ sentence }) => sentence)
    const first = leading(conclusions)
    const { instrument: checked } = first.controls
    // Loaded here, as most commands need nothing of the report.
    const { answerOf } = await import('../../report/answer.ts')
    const { number } = answerOf(conclusions, plan)
    return {
      exit: exitOf(decision),
      json: { decision, sentences, attribution: judged },
      text: [
        first.sentence,
        ...(conclusions.length > 1
          ? [
              `${count(conclusions.length, 'key or lane was', 'keys and lanes were')} tried; the sentence is about the one that shows most (key id ${first.keyId}, lane ${first.lane}).`,
            ]
          : []),
        ...first.notes.map((note) => `- ${note}`),
        '',
        ...(checked === undefined
          ? []
          : [
              `instrument check: ${checked.passed ? 'recognised' : 'NOT recognised'} (known marked text, ${count(checked.counted, 'pair')})`,
            ]),
        ...(number === undefined
          ? []
          : [`chance under a random key, corrected for all that was tried: ${plainPower(number.oneIn)}`]),
        `decision: ${decision}. The whole record is in ${named(join(path, 'verdict.json'))}.`,
        `Next: dyetrace case seal ${named(path)}, or dyetrace case report ${named(path)}`,
      ].join('\n'),
    }

    async function instrumentOf(
      given: string | undefined,
      kept: string | undefined,
    ): Promise<string | undefined> {
      if (given === undefined) return undefined
      const lines = (await readText(environment, given, 'instrument'))
        .split('\n')
        .filter((line) => line.trim() !== '')
      const text = lines
        .map((line, i) => {
          const name = `instrument ${named(given)}:${i + 1}`
          const value = parseJson(line, { start: `${name}:`, expected: 'a JSON object' }) as Record<
            string,
            unknown
          > | null
          const { ids, promptLength } = value ?? {}
          assertTokenIds(ids, { name: `${name} ids`, vocabularySize: profile.vocabularySize })
          return `${canonicalJson({ ids: Array.from(ids), ...(promptLength === undefined ? {} : { promptLength }) })}\n`
        })
        .join('')
      if (kept !== undefined && kept !== text)
        throw new InputError(
          'option --instrument: expected the texts that the case has already, got others; the check is not chosen after the result',
        )
      return text
    }
  },
}

/** Whoever tries keys until one fits, and names that one, has made many tests. */
function assertNoneDropped(before: string | undefined, keyIds: readonly string[]): void {
  if (before === undefined) return
  const { conclusions = [] } = parseJson(before, { start: '"verdict.json"', expected: 'a JSON object' }) as {
    conclusions?: readonly { keyId?: unknown }[]
  }
  const dropped = conclusions.find(({ keyId }) => typeof keyId === 'string' && !keyIds.includes(keyId))
  if (dropped)
    throw new InputError(
      `option --key: expected all keys that were tried in this case, got none with the key id ${String(dropped.keyId)}, which verdict.json has`,
    )
}

/** The conclusion that shows most. */
function leading(conclusions: readonly Conclusion[]): Conclusion {
  const lnPOf = ({ findings }: Conclusion): number =>
    Math.min(0, ...findings.filter(({ deciding }) => deciding).map(({ verdict }) => verdict.lnP))
  const rank = ({ decision }: Conclusion): number => (decision === 'evidence' ? 0 : 1)
  return [...conclusions].sort((a, b) => {
    const [left, right] = [lnPOf(a), lnPOf(b)]
    return rank(a) - rank(b) || (left < right ? -1 : left > right ? 1 : 0)
  })[0]!
}

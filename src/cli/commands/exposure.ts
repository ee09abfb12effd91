/** `exposure`: how often each window stands in text that nobody marked, as a file. */
import type { Skipped } from '../../corpus/document.ts'
import { readDocuments } from '../../corpus/read-documents.ts'
import { expandSources } from '../../corpus/sources.ts'
import type { Profile } from '../../keys/profile.ts'
import {
  createExposureCounter,
  type ExposureHeader,
  exposureHeader,
  mergeExposures,
} from '../../plan/exposure-index.ts'
import type { Call, CommandSpec } from '../call.ts'
import { tokenizerOption } from '../documents.ts'
import { EXIT, InputError, UnfinishedError } from '../exit.ts'
import { assertNoKeyFile, at, named, readRegular, whyOf } from '../files.ts'
import { readProfile } from '../marks.ts'
import { count, grouped, printable } from '../printable.ts'
import { writeBytes } from '../write-bytes.ts'

export const exposure: CommandSpec = {
  path: 'exposure',
  summary: 'count windows of unmarked text, as weights for a test in code',
  about:
    'Counts how often each window (the ids that choose the field of a position) stands in text that no key of the case has marked: answers with the mark off, or public text of the same kind. The file weighs windows of a distillation test, at context widths of 2 and more. Text that was marked must not be counted: its counts depend on the key, and such weights accuse the innocent. No key is read. The file is read by parseExposure, for createPlan and testDistillation; "case plan --exposure" takes the texts themselves. Counts are exact, or with --sketch in a table of fixed size that is never too low.',
  operands: [
    [
      '[sources...]',
      'files, folders or patterns of JSON lines, Parquet or text, also .gz and .zst, or "-"; with --merge, index files',
    ],
  ],
  options: [
    { flags: '-p, --profile <file>', says: 'the profile', required: true },
    {
      flags: '-t, --tokenizer <path>',
      says: "tokenizer.json of the marked model, or the model's folder; needed for text",
    },
    {
      flags: '--origin <words>',
      says: 'where the unmarked text is from; stands in the plan and in the report',
      required: true,
    },
    { flags: '--out <file>', says: 'where the index is written', required: true },
    { flags: '--text-column <name>', says: 'column or member with the text (default "text")' },
    {
      flags: '--ids-column <name>',
      says: 'column or member with token ids, in place of text (default "ids")',
    },
    { flags: '--sketch', says: 'count in a table of fixed size' },
    {
      flags: '--error <e>',
      says: 'with --sketch: a count is at most this part of all positions too high (default 1e-6) ...',
    },
    { flags: '--confidence <c>', says: '... with this probability, for each window (default 0.99)' },
    {
      flags: '--windows <n>',
      says: 'different windows counted exactly at most, for the memory (default 67108864)',
    },
    { flags: '--merge', says: 'add up index files of different documents' },
  ],
  examples: [
    'dyetrace exposure novels --profile acme.profile.json --tokenizer teacher --origin "novels of 1890" --out novels.exposure',
  ],
  json: {
    index: 'first line of the index file: what was counted',
    file: 'where it is',
    'skipped?': 'rows that were left out: reason, how many, and the first of each',
  },
  async run(call) {
    const { environment } = call
    const profile = await readProfile(environment, call.needed('profile'))
    const [origin, out] = [call.needed('origin'), call.needed('out')]
    if (call.operands.length === 0)
      throw new InputError(
        call.flag('merge')
          ? 'option --merge: expected at least one index file, got none'
          : 'expected at least one file, folder or pattern, or "-" for standard input, got none',
      )
    const skips = createSkips()
    const bytes = call.flag('merge')
      ? await merged(call, profile, origin)
      : await counted(call, profile, { origin, skip: skips.add })
    await writeBytes(environment, out, bytes, 'exposure index')
    const index = exposureHeader(bytes)
    const skipped = skips.all()
    return {
      exit: EXIT.noEvidence,
      json: { index, file: out, ...(skipped.length > 0 ? { skipped } : {}) },
      text: [
        ...said(index, out),
        ...skipped.map(
          ({ reason, rows, first }) => `Left out: ${grouped(rows)} ${reason}, the first: ${printable(first)}`,
        ),
      ].join('\n'),
    }
  },
}

async function counted(
  call: Call,
  profile: Profile,
  { origin, skip }: { readonly origin: string; readonly skip: (skipped: Skipped) => void },
): Promise<Uint8Array> {
  const { environment, operands } = call
  const { contextWidth, vocabularySize } = profile
  const tokenizer = await tokenizerOption(call, profile)
  const counter = createExposureCounter({
    contextWidth,
    vocabularySize,
    origin,
    sketch: sketchOption(call),
    mostWindows: call.integer('windows', { min: 1, max: 2 ** 30 }),
  })
  const options = {
    textColumn: call.option('text-column'),
    idsColumn: call.option('ids-column'),
    vocabularySize,
    stdin: environment.stdin,
  }
  let documents = 0
  for (const source of await expandSources(operands, { cwd: environment.cwd })) {
    for await (const read of readDocuments(source, options)) {
      if (environment.interrupted.aborted)
        throw new UnfinishedError('expected to count to the end, got an interruption; nothing was written')
      if (read.kind === 'skipped') {
        skip(read)
        continue
      }
      // Its windows would stand in a file that is handed on.
      if (read.text !== undefined) assertNoKeyFile(read.text, `text ${named(read.source)}`)
      if (read.text !== undefined && tokenizer === undefined)
        throw new InputError(`${named(read.source)}: expected --tokenizer to read text, got none`)
      counter.add(read.ids ?? tokenizer!.encode(read.text!))
      documents++
    }
  }
  if (documents === 0)
    throw new InputError('sources: expected at least one document, got none that can be read')
  return counter.toBytes()
}

function sketchOption(call: Call): { error: number; confidence: number } | undefined {
  const rule = { expected: 'a number above 0 and below 1', holds: (value: number) => value > 0 && value < 1 }
  const [error, confidence] = [call.number('error', rule), call.number('confidence', rule)]
  if (call.flag('sketch')) return { error: error ?? 1e-6, confidence: confidence ?? 0.99 }
  if (error !== undefined || confidence !== undefined)
    throw new InputError(
      'option --sketch: expected it beside --error and --confidence, got none; exact counts have no error',
    )
  return undefined
}

async function merged(call: Call, profile: Profile, origin: string): Promise<Uint8Array> {
  const files: Uint8Array[] = []
  for (const path of call.operands) {
    const name = `exposure index ${named(path)}`
    const bytes = await readRegular(at(call.environment, path), { name, mostBytes: 2 ** 32 }).catch(
      (error: unknown) => {
        if (error instanceof InputError) throw error
        throw new InputError(`${name}: expected a file that can be read, got ${whyOf(error)}`)
      },
    )
    const { contextWidth, vocabularySize } = headerOf(bytes, name)
    if (contextWidth !== profile.contextWidth || vocabularySize !== profile.vocabularySize)
      throw new InputError(
        `${name}: expected windows of ${profile.contextWidth} ids of ${profile.vocabularySize} as the profile has them, got windows of ${contextWidth} of ${vocabularySize}`,
      )
    files.push(bytes)
  }
  return mergeExposures(files, { origin })
}

function headerOf(bytes: Uint8Array, name: string): ExposureHeader {
  try {
    return exposureHeader(bytes)
  } catch (error) {
    throw new InputError(`${name}: ${(error as Error).message}`)
  }
}

function said({ contextWidth, positions, parts, counts, origin }: ExposureHeader, out: string): string[] {
  const documents = parts.reduce((total, part) => total + part.documents, 0)
  const held =
    counts.kind === 'exact'
      ? `${grouped(counts.windows)} different ones, exactly`
      : `in a table of ${counts.depth} rows of ${grouped(counts.width)} cells`
  return [
    `${count(positions, 'window')} of ${count(contextWidth, 'id')} in ${count(documents, 'document')}, counted ${held}: ${named(out)}`,
    `Declared as unmarked text: ${printable(origin)}`,
  ]
}

interface SkipCount {
  readonly reason: Skipped['reason']
  readonly rows: number
  /** Where the first one stands, and what is wrong with it. */
  readonly first: string
}

function createSkips(): {
  readonly add: (skipped: Skipped) => void
  readonly all: () => readonly SkipCount[]
} {
  const counts = new Map<Skipped['reason'], SkipCount>()
  return {
    add({ reason, source, row, message }) {
      const known = counts.get(reason)
      const first = known?.first ?? `${named(source)}, row ${row}: ${message}`
      counts.set(reason, { reason, rows: (known?.rows ?? 0) + 1, first })
    },
    all: () => [...counts.values()],
  }
}

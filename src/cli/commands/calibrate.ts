/** `calibrate`: how often would the test accuse texts that nobody marked? */
import { calibrate as measure } from '../../detect/calibrate.ts'
import { calibrationTable } from '../../detect/calibration-table.ts'
import type { CommandSpec } from '../call.ts'
import { DOCUMENT_OPTIONS, readDocuments, tokenizerOption } from '../documents.ts'
import { EXIT, InputError } from '../exit.ts'
import { readMarkKeys, readProfile } from '../marks.ts'

export const calibrate: CommandSpec = {
  path: 'calibrate',
  summary: 'how often would your own texts be accused?',
  about:
    "Judges texts that nobody marked, each under fresh keys drawn from a public seed, and counts false accusations by length of text. That rate is a property of the test. With --key the rate under your own key stands beside it: that key's luck with these texts.",
  operands: [['[files...]', 'unmarked texts: files, folders, JSON lines, or "-"']],
  options: [
    { flags: '-p, --profile <file>', says: 'the profile', required: true },
    {
      flags: '--seed <text>',
      says: 'public text that fresh keys are drawn from; chosen before looking',
      required: true,
    },
    { flags: '-k, --key <file>', says: 'your own mark key, which did not mark the texts' },
    ...DOCUMENT_OPTIONS,
    { flags: '--rounds <n>', says: 'fresh keys for each text (default 1)' },
    {
      flags: '--level <p>',
      says: 'a level at which rejections are counted; several times (default 0.1 0.01 0.001)',
      list: true,
    },
  ],
  examples: [
    'dyetrace calibrate novels --profile acme.profile.json --seed march --rounds 20 --tokenizer teacher',
  ],
  json: { record: 'rates by length of text, as calibrate() gives them' },
  async run(call) {
    const { environment } = call
    const profile = await readProfile(environment, call.needed('profile'))
    const seed = call.needed('seed')
    const tokenizer = await tokenizerOption(call, profile)
    const documents = await readDocuments(call, { tokenizer, vocabularySize: profile.vocabularySize })
    const broken = documents.find(({ error }) => error !== undefined)
    if (broken)
      throw new InputError(`${broken.name}: expected a document that can be read, got ${broken.error}`)
    const file = call.option('key')
    const keys = file === undefined ? [] : await readMarkKeys(environment, [file], profile)
    if (keys.length > 1)
      throw new InputError(
        `option --key: expected a file with one mark key, got one with ${keys.length}; keys reveal writes one`,
      )
    const rounds = call.integer('rounds', { min: 1, max: 1e6 })
    const levels = call.list('level').map((word) => {
      const level = Number(word)
      if (!(level > 0 && level < 1))
        throw new InputError(`option --level: expected a level above 0 and below 1, got another word`)
      return level
    })
    const record = measure(
      documents.map(({ document }) => document!),
      {
        profile,
        seed,
        ...(keys[0] ? { key: keys[0] } : {}),
        ...(rounds === undefined ? {} : { rounds }),
        ...(levels.length === 0 ? {} : { levels }),
      },
    )
    return { exit: EXIT.noEvidence, json: { record }, text: `${calibrationTable(record)}\n`, verbatim: true }
  },
}

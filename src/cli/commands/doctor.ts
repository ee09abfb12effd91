/** `doctor`: it is marked and does not show; what is wrong? */
import { doctor as diagnose } from '../../detect/doctor.ts'
import type { TokenStrings } from '../../text/tokenizer-digest.ts'
import type { CommandSpec } from '../call.ts'
import { DOCUMENT_OPTIONS, readDocuments } from '../documents.ts'
import { EXIT, InputError } from '../exit.ts'
import { readMaster, readProfile } from '../marks.ts'
import { columns, printable } from '../printable.ts'
import { readTokenizer } from '../tokenizer.ts'
import { pOf } from '../verdict-words.ts'
import { RULE_OPTIONS, ruleOf } from './detect.ts'

const MOST_TRIED = 10

export const doctor: CommandSpec = {
  path: 'doctor',
  summary: 'marked text does not show its mark: which field is wrong?',
  about:
    'For the owner of the master key, with text that is known to be marked: tries variations of the profile and of how the text was read, and says which one shows the mark and what to do. It is no test of whether text is marked.',
  operands: [['[files...]', 'texts known to be marked: files, folders, JSON lines, or "-"']],
  options: [
    { flags: '-k, --key <file>', says: 'master key', required: true },
    { flags: '-p, --profile <file>', says: 'the profile that should show', required: true },
    ...DOCUMENT_OPTIONS,
    {
      flags: '--other-tokenizer <path>',
      says: 'another tokenizer that may have been mixed up; several times',
      list: true,
    },
    { flags: '--label <label>', says: 'the layer that is expected to show (default: the first)' },
    { flags: '--lane <n>', says: 'its lane (default 0)' },
    {
      flags: '--other-label <label>',
      says: 'a label that may have served instead, as of another epoch; several times',
      list: true,
    },
    ...RULE_OPTIONS,
  ],
  examples: [
    'dyetrace doctor letter.txt --key acme.key.json --profile acme.profile.json --tokenizer teacher',
  ],
  exits: '0 the mark does not show as configured, 10 it does',
  json: {
    conclusion: 'works, explained (a variation shows the mark) or nothing-fits',
    sentence: 'the finding and the remedy',
    'best?': 'what shows the mark: fields, says, remedy, key id, counted, lnP',
    symptoms: 'what is odd, whatever the p-values say',
    tried: 'the first 10 of all variations, smallest corrected p first',
    family: 'how many were tried, and how that was paid for',
  },
  async run(call) {
    const { environment } = call
    const profile = await readProfile(environment, call.needed('profile'))
    const master = await readMaster(environment, call.needed('key'))
    const path = call.option('tokenizer')
    // Not checked against the profile: a mixed-up tokenizer is one of the things to be found.
    const tokenizer = path === undefined ? undefined : await readTokenizer(environment, path)
    const documents = await readDocuments(call, { tokenizer, vocabularySize: 2 ** 24 })
    const broken = documents.find(({ error }) => error !== undefined)
    if (broken)
      throw new InputError(`${broken.name}: expected a document that can be read, got ${broken.error}`)
    const tokenizers: TokenStrings[] = tokenizer ? [tokenizer.tokens] : []
    for (const other of call.list('other-tokenizer'))
      tokenizers.push((await readTokenizer(environment, other)).tokens)
    const [label, lane, labels] = [
      call.option('label'),
      call.integer('lane', { max: 511 }),
      call.list('other-label'),
    ]
    const { conclusion, sentence, best, symptoms, tried, family } = diagnose(
      documents.map(({ document }) => document!),
      profile,
      master,
      {
        ...ruleOf(call),
        ...(label === undefined ? {} : { label }),
        ...(lane === undefined ? {} : { lane }),
        ...(labels.length === 0 ? {} : { labels }),
        ...(tokenizers.length === 0 ? {} : { tokenizers }),
      },
    )
    const rows = tried
      .slice(0, 3)
      .map(({ says, counted, lnAdjustedP }) => [
        printable(says),
        `${counted} scored`,
        pOf(lnAdjustedP / Math.LN10),
      ])
    return {
      exit: conclusion === 'works' ? EXIT.evidence : EXIT.noEvidence,
      json: {
        conclusion,
        sentence,
        ...(best ? { best } : {}),
        symptoms,
        tried: tried.slice(0, MOST_TRIED),
        family,
      },
      text: [
        printable(sentence),
        ...symptoms.map((symptom) => `- ${printable(symptom)}`),
        '',
        ...columns(rows),
        `${family.size} variations; p is corrected for all of them.`,
      ].join('\n'),
    }
  },
}

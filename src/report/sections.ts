/**
 * What stands below the charts, as data: the page and the JSON are both made of it. Method, controls, what could make the answer wrong, counts, every
 * key tried, how to check it, what the suspect said, digests.
 */
import { PACKAGE } from '../case/package.ts'
import type { Conclusion } from '../distill/conclusion.ts'
import type { Plan } from '../plan/plan.ts'
import { nameShown, powerSaid } from './answer.ts'
import { correctedShown, type Numbers } from './charts.ts'
import type { Reported } from './input.ts'
import { leadingOf } from './leading.ts'
import { counted, figure, log10Up, oneIn } from './numbers.ts'
import { APART, grouped, shown } from './shown.ts'

/** A piece of a section. */
export type Block =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'facts'; readonly facts: readonly (readonly [string, string])[] }
  | ({ readonly kind: 'table' } & Numbers)
  /** Set as it is, line by line: commands, and what the suspect said. */
  | { readonly kind: 'verbatim'; readonly text: string }

/** A part of the page below the charts. */
export interface Section {
  readonly id: string
  readonly title: string
  readonly blocks: readonly Block[]
}

/** More rows than this stand in the JSON only. */
const MOST_KEYS = 500
const MOST_NAME = 120
const MOST_NAMES = 12
const MOST_EXCERPT = 1200
const MOST_CAPABILITIES = 60

const text = (words: string): Block => ({ kind: 'text', text: words })
const list = (items: readonly string[]): Block => ({ kind: 'list', items })

/** All sections in their order. @param place of the conclusion of the first screen. */
export function sectionsOf(reported: Reported, { place }: { place: number }): readonly Section[] {
  const leading = reported.attribution.conclusions[place]!
  const all = [
    methodSection(reported, leading),
    controlsSection(reported, leading),
    doubtsSection(reported, leading),
    countsSection(reported, leading),
    keysSection(reported),
    wordsSection(reported),
    interfaceSection(reported),
    checkSection(reported),
    digestsSection(reported),
  ]
  return all.filter((section) => section !== undefined)
}

function factOf(term: string, words: string | undefined): readonly (readonly [string, string])[] {
  return words === undefined ? [] : [[term, words]]
}

/** Where the suspect was asked, as case.json has it. */
export function suspectSaid({ suspect }: Reported): string | undefined {
  if (suspect === undefined) return undefined
  const model = 'model' in suspect ? `, model ${nameShown(suspect.model)}` : ''
  switch (suspect.kind) {
    case 'openai-compatible':
      return `${addressShown(suspect.url)}${model}, by the ${suspect.api} interface of OpenAI’s protocol`
    case 'local':
      return `weights on disk, ${addressShown(suspect.path)}${model}`
    case 'recorded':
      return `answers that others recorded, ${addressShown(suspect.path)}`
  }
}

function addressShown(address: string): string {
  return `${APART.open}${shown(address, { most: 300 })}${APART.close}`
}

/** When the answers came, as they say themselves. */
export function whenSaid({ answered }: Reported): string | undefined {
  if (answered === undefined) return undefined
  const { first, last } = answered
  return first === last ? `answers of ${first}` : `answers from ${first} to ${last}`
}

/** What the page rests on, and whether anybody computed it again. */
export function sourceSaid({ checks, files }: Pick<Reported, 'checks' | 'files'>): string {
  const record = files.some(({ name }) => name === 'verdict.json')
    ? 'This page was made from the record in verdict.json.'
    : 'This page was made from a record that was handed over.'
  if (checks.length === 0) return `${record} It was not verified here: run case verify.`
  if (!checks.every(({ ok }) => ok))
    return `${record} It was checked from the files of the case when the page was made, and something differs.`
  if (!checks.some(({ name }) => name === 'verdict'))
    return `${record} ${counted(checks.length, 'check')} made beside it ${checks.length === 1 ? 'holds' : 'hold'}; none of them computed the verdict again: run case verify.`
  return `${record} The verdict was computed again from the files and keys of the case when the page was made, and every check held.`
}

function methodSection(reported: Reported, leading: Conclusion): Section {
  const { plan, attribution } = reported
  const { prompts, alpha, references, exposure } = plan
  const facts: (readonly [string, string])[] = [
    ['Suspect', nameShown(plan.suspect)],
    ...factOf('Reached at', suspectSaid(reported)),
    ...factOf('Answers came', whenSaid(reported)),
    ['What the suspect gives', accessSaid(plan)],
    [
      'Questions',
      `${counted(prompts.count, 'prompt')} (${counted(prompts.tokens, 'token')}) from ${nameShown(prompts.origin)}${prompts.pickedBy === undefined ? '' : `, picked by ${nameShown(prompts.pickedBy)}`}; ${prompts.marked ? 'they hold marked text, so only windows that are new among all texts are scored' : 'made without any key'}`,
    ],
    ['Decided by', statisticSaid(plan)],
    ['References', references.length === 0 ? 'none' : namesShown(references)],
    ...(exposure === undefined
      ? []
      : ([
          [
            'Exposure',
            `${nameShown(exposure.origin)}, ${counted(exposure.tokens, 'token')} of unmarked text`,
          ],
        ] as const)),
    ['When it ends', stoppingSaid(plan)],
    [
      'Level',
      `alpha = ${figure(alpha)}: an innocent suspect is accused with a probability of at most ${oneIn(Math.log10(alpha))}`,
    ],
    ['Corrected for', `${counted(attribution.family.size, 'key')} that the plan pays for (Holm)`],
  ]
  return {
    id: 'method',
    title: 'Method',
    blocks: [
      text(
        `Marked text prefers certain tokens after certain words; which ones, only a secret key says. A model that learns from such text learns a little of that preference. Here the suspect was asked ${prompts.marked ? 'questions that hold marked text, and only what stands after windows that were new was scored with the key' : 'questions that were made without the key, and its answers were then scored with the key'}. For a suspect that does not depend on the key, the key is like a coin thrown after it has spoken, and chance says how the scores fall.`,
      ),
      text(
        'The plan is written down before the first question; its digest is below, and the file of answers begins with it. The probability is a calculation from the law of the key, not an estimate from examples.',
      ),
      { kind: 'facts', facts },
      ...(leading.notes.length === 0 ? [] : [text('Notes of the test:'), list(leading.notes.map(capped))]),
    ],
  }
}

function accessSaid({ access, topK, completion }: Plan): string {
  switch (access) {
    case 'text':
      return completion === undefined
        ? 'text: the tokens that it samples'
        : `text: at most ${counted(completion.maxTokens, 'token')} an answer, temperature ${figure(completion.temperature)}`
    case 'top-k':
      return `the ${grouped(topK ?? 0)} likeliest tokens of each position with their probabilities`
    case 'rows':
      return 'the probabilities of all tokens in each position'
  }
}

function statisticSaid({ statistic, classes }: Plan): string {
  const decided =
    statistic === 'count'
      ? 'count: how many distinct pairs of window and token agree with the key'
      : 'contrast: what the suspect says beyond the references, scored with the key'
  return classes === undefined
    ? decided
    : `${decided}; frequent windows (seen ${grouped(classes.frequent)} times or more) and rare ones apart, each from both sides`
}

function stoppingSaid({ stopping }: Plan): string {
  switch (stopping.rule) {
    case 'fixed':
      return 'one look, when all questions are answered'
    case 'looks':
      return `${counted(stopping.looks, 'look')} fixed beforehand, the first at ${counted(stopping.first, 'position')}, each at twice as many as the one before`
    case 'e-process':
      return `after every answer; the result holds whenever it is stopped${stopping.futility === undefined ? '' : `, and it gives up after ${counted(stopping.futility, 'pair')}`}`
  }
}

function controlsSection({ checks, plan }: Reported, leading: Conclusion): Section {
  const { instrument, decoysUniform, references } = leading.controls
  const controls = [
    instrument === undefined
      ? 'Known marked text: none was put through the same path. A wrong tokenizer, key or profile would look like “no evidence”.'
      : `Known marked text on the same path: ${instrument.passed ? 'recognised' : 'not recognised'}, log10 p = ${log10Up(instrument.log10P)} from ${counted(instrument.counted, 'pair')}.`,
    decoysUniform === undefined
      ? 'Decoy keys: none stand beside this result.'
      : `Decoy keys: ${decoysUniform ? 'spread as the law of chance says' : 'NOT spread as the law of chance says; the instrument may be out of order'}.`,
    references.length === 0
      ? 'References: none. What the provider’s own model says without a mark was not taken off.'
      : `References taken off: ${namesShown(references)}.`,
  ]
  const findings = leading.findings.map(({ statistic, part, deciding, verdict }) => [
    `${statistic}${part === undefined ? '' : `, ${part.windows} windows, ${part.side} side`}`,
    deciding ? 'yes' : 'no',
    grouped(verdict.counted),
    figure(verdict.effect),
    log10Up(verdict.log10P),
    verdict.tail,
  ])
  const columns = ['Statistic', 'Decides', 'Pairs', 'Effect', 'log10 p', 'Tail']
  const table: Block = { kind: 'table', columns, rows: findings }
  return {
    id: 'controls',
    title: 'Controls',
    blocks: [
      list(controls),
      text('What was measured for the key of the first screen, before correction for other keys:'),
      table,
      text(`Power: ${powerSaid(leading, plan)}`),
      ...(checks.length === 0
        ? []
        : [
            text(
              checks.every(({ ok }) => ok)
                ? 'The case was checked again from its files when this page was made:'
                : 'The case was checked again from its files when this page was made, and something differs:',
            ),
            {
              kind: 'table' as const,
              columns: ['Check', 'Result', 'What it said'],
              rows: checks
                .slice(0, 60)
                .map(({ name, ok, skipped = false, said }) => [
                  capped(name),
                  skipped ? 'not checked' : ok ? 'holds' : 'FAILS',
                  shown(said, { most: 300 }),
                ]),
            },
          ]),
    ],
  }
}

/** What a defence would ask, and what is known about it here. */
function doubtsSection({ plan }: Reported, leading: Conclusion): Section {
  const { controls, decision, stopped } = leading
  const { promptOverlap, notAligned, kept, references, instrument } = { ...controls }
  const watched: Readonly<Record<Conclusion['stopped']['rule'], string>> = {
    fixed: 'The plan has one look, after the last answer.',
    looks: 'The looks were planned, and each paid for its part of the level.',
    'e-process': 'The e-value may be watched at any time; its bound allows for that.',
  }
  const items = [
    `Shared ancestors. A suspect and a provider’s model that grew from the same model are alike without any mark, but they cannot agree with a secret key by being alike, unless the ancestor itself learned from marked text. ${references.length === 0 ? 'No reference model stands beside the suspect here.' : 'What the references say was taken off.'}`,
    'Public leaks of marked text. If marked text was published, for example on a page that crawlers read, a suspect may have learned from it without having touched the API. This test cannot tell the two apart.',
    'A third model. If another model learned from marked text, and the suspect from that model, the suspect depends on the key as well.',
    'Other marks. A mark of somebody else with another key does not agree with this key; the same key used elsewhere, or known outside of the provider, would. Whether the key was kept secret and fixed beforehand rests on its published commitment.',
    `Tokenizer. Scores are made in the provider’s tokens. A mistake there hides a mark rather than inventing one. ${notAligned === 0 ? 'No position was left out for this reason.' : `${counted(notAligned, 'position')} did not fit and were left out.`} ${instrument === undefined ? 'There was no known marked text to check it with.' : instrument.passed ? 'Known marked text was recognised on the same path.' : 'Known marked text was not recognised on the same path.'}`,
    `Stopping. Asking until chance looks strong makes evidence out of nothing. ${watched[stopped.rule]}`,
    `Overlap with the questions. A suspect that copies its prompt shows what the prompt shows. ${plan.prompts.marked ? 'The prompts hold marked text; windows seen in any text before were left out.' : `The prompts were made without a key; ${promptOverlap === 0 ? 'no window that was scored occurs' : `${grouped(promptOverlap)} of the ${grouped(kept)} windows that were scored occur`} inside of a prompt${promptOverlap === 0 ? '' : ', which does no harm where prompts know no key'}.`}`,
    'Choice of keys. Whoever tries many keys finds one that fits. Every key that the plan names is paid for, tried or not, and all that were tried are below.',
    ...(decision === 'no-evidence'
      ? [
          'Too weak a test. Little marked text in training, further training since, or another style of answers can hide a mark below what this test could find.',
        ]
      : []),
  ]
  return { id: 'doubts', title: 'What could make this wrong', blocks: [list(items)] }
}

function countsSection({ counts }: Reported, leading: Conclusion): Section {
  const { controls } = leading
  const { prompts } = controls
  const { verdict } = leadingOf(leading)
  const facts: (readonly [string, string])[] = [
    ['Questions planned', grouped(prompts.planned)],
    ['Questions answered', prompts.answered === undefined ? 'chosen on the way' : grouped(prompts.answered)],
    ...(counts === undefined ? [] : ([['Answers on file', grouped(counts.answers)]] as const)),
    ...(counts?.completionTokens === undefined
      ? []
      : ([['Tokens answered', grouped(counts.completionTokens)]] as const)),
    ['Positions looked at', grouped(controls.seen)],
    ['Observations kept', grouped(controls.kept)],
    ['Left out: window repeated in its context', grouped(controls.repeatedWindow)],
    ['Left out: window seen in an earlier text', grouped(controls.burned)],
    ['Left out: tokens do not fit', grouped(controls.notAligned)],
    ['Kept although inside of a prompt', grouped(controls.promptOverlap)],
    ['Distinct pairs scored', grouped(verdict.counted)],
    ['Sum of scores', figure(verdict.sum, 6)],
    ['log10 p before correction', log10Up(verdict.log10P)],
    ['log10 p corrected', correctedShown(leading)],
    ['log10 of the e-value', figure(verdict.lnE / Math.LN10)],
    ['Fewest pairs that say something', grouped(verdict.minimumCounted)],
  ]
  return { id: 'counts', title: 'Raw counts', blocks: [{ kind: 'facts', facts }] }
}

function keysSection({ attribution: { conclusions, family } }: Reported): Section {
  const rows = conclusions.slice(0, MOST_KEYS).map((one) => {
    const { verdict } = leadingOf(one)
    const isSaid = one.decision === 'evidence' || one.decision === 'no-evidence'
    return [
      `${one.keyId}${one.lane === 0 ? '' : `, lane ${one.lane}`}`,
      `${one.role} ${nameShown(one.label.slice(0, 40))}`,
      grouped(verdict.counted),
      isSaid ? correctedShown(one) : 'none',
      `${one.decision}${one.exploratory === undefined ? '' : ', exploratory'}`,
    ]
  })
  const more = conclusions.length - rows.length
  const untried = family.size - family.tried
  return {
    id: 'keys',
    title: 'Every key tried',
    blocks: [
      text(
        `${counted(family.tried, 'key')} tried, ${grouped(family.size)} paid for${untried > 0 ? `: ${counted(untried, 'key')} of the plan ${untried === 1 ? 'was' : 'were'} not tried and count${untried === 1 ? 's' : ''} all the same` : ''}. Key ids are public and say nothing about a key.`,
      ),
      {
        kind: 'table',
        columns: ['Key id', 'Layer', 'Pairs', 'log10 p, corrected', 'Decision'],
        rows,
      },
      ...(more > 0 ? [text(`${counted(more, 'further key')} in report.json.`)] : []),
    ],
  }
}

function wordsSection({ excerpts }: Reported): Section | undefined {
  if (excerpts.length === 0) return undefined
  return {
    id: 'words',
    title: 'What the suspect said',
    blocks: [
      text(
        'The first answers as they came, for a look. Characters that do not print are shown by their code; long ones are cut. All answers are in answers.jsonl.',
      ),
      ...excerpts.flatMap(({ prompt, text: said }): Block[] => [
        text(`Answer to question ${grouped(prompt)}:`),
        {
          kind: 'verbatim',
          text: said === '' ? '(empty)' : shown(said, { most: MOST_EXCERPT, lines: true }),
        },
      ]),
    ],
  }
}

function interfaceSection({ capabilities }: Reported): Section | undefined {
  if (capabilities === undefined) return undefined
  const facts = flat(capabilities, '').slice(0, MOST_CAPABILITIES)
  if (facts.length === 0) return undefined
  return {
    id: 'interface',
    title: 'What the suspect’s interface gave',
    blocks: [text('Found out by asking, before the first question.'), { kind: 'facts', facts }],
  }
}

/** A JSON value as lines of path and value. Stops early: a hostile one is large. */
function flat(value: unknown, path: string, depth = 0): (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null)
    return [[capped(path === '' ? 'value' : path), shown(String(value), { most: 200 })]]
  if (depth > 4) return [[capped(path), '…']]
  const found: (readonly [string, string])[] = []
  for (const key of Object.keys(value)) {
    if (found.length >= MOST_CAPABILITIES) break
    const inner = (value as { [key: string]: unknown })[key]
    found.push(...flat(inner, `${path}${path === '' ? '' : ', '}${key.slice(0, MOST_NAME)}`, depth + 1))
  }
  return found
}

function checkSection({ plan, attribution, files, evidence, sealedBy = PACKAGE.version }: Reported): Section {
  const named = files.length === 0 ? ['plan.json'] : files.map(({ name }) => name)
  // Without evidence there is no signature, and a signer's key would be missed.
  const signer = evidence === undefined ? '' : ' --public-key SIGNER.pub'
  // A version of a file is words of others: what is no version is not put into a command.
  const version = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]{1,40})?$/.test(sealedBy) ? sealedBy : 'VERSION'
  return {
    id: 'check',
    title: 'How to check it',
    blocks: [
      text(
        'Whoever has the case folder and the key can compute everything on this page again, on a machine of their own, without asking the provider or the suspect. Replace the words in capitals.',
      ),
      {
        kind: 'verbatim',
        text: [
          'cd CASE_FOLDER',
          `sha256sum ${named.join(' ')}`,
          `npx dyetrace@${version} case verify . --key KEY_FILE${signer}`,
          `node verify.mjs . KEY_FILE${signer}`,
        ].join('\n'),
      },
      list([
        files.length === 0
          ? 'The digest of plan.json must be that of the plan below.'
          : 'The digests of the files must be those below.',
        'The digest of plan.json stands in the first line of answers.jsonl, and each further line holds the digest of the one before: the plan was there before the first answer was written down.',
        'The third command reads the answers, scores them with the key again, and says which line, digest, signature or number differs.',
        'The last one does the same with one file that needs Node and nothing else, verify.mjs of the package; it says what it does not compute.',
        ...(attribution.conclusions.length > 1
          ? [
              'Every key that was tried is needed: one --key for each, and for verify.mjs one file after the other.',
            ]
          : []),
        ...(evidence === undefined
          ? ['Nobody has signed the files as far as this page knows.']
          : [
              'The key of the signer has to be known from elsewhere; the one that the evidence names vouches for nobody.',
            ]),
        'That the key was fixed before the text was marked rests on its commitment in the profile, if that was published before.',
        ...(plan.family === undefined
          ? ['The plan names no family of keys: how many keys were tried cannot be checked from the files.']
          : []),
      ]),
    ],
  }
}

function digestsSection({ plan, attribution, counts, evidence, files }: Reported): Section {
  const profiles = [...new Set(attribution.conclusions.map(({ profile }) => profile))].slice(0, 20)
  const facts: (readonly [string, string])[] = [
    ['Plan', attribution.plan],
    ['Prompts (their ids)', plan.prompts.digest],
    ...(plan.exposure === undefined ? [] : ([['Exposure', plan.exposure.digest]] as const)),
    ...profiles.map((profile) => ['Profile', profile] as const),
    ...(counts?.head === undefined ? [] : ([['Last answer (head of the chain)', counts.head]] as const)),
    ...(evidence === undefined ? [] : ([['Sealed evidence', evidence.digest]] as const)),
    ...files.map(({ name, digest }) => [`File ${name}`, digest] as const),
  ]
  return {
    id: 'digests',
    title: 'Digests',
    blocks: [{ kind: 'facts', facts }],
  }
}

function namesShown(names: readonly string[]): string {
  const more = names.length - MOST_NAMES
  return `${names.slice(0, MOST_NAMES).map(nameShown).join(', ')}${more > 0 ? ` and ${grouped(more)} more` : ''}`
}

function capped(words: string): string {
  return shown(words, { most: MOST_NAME })
}

/**
 * The first screen in words: the answer in one sentence, the number, and what neither of them says. Made from the decision and its numbers, never
 * from a sentence that stands in a file. "Evidence" is of a dependence on a key; "no evidence" clears nobody.
 */
import type { Decision } from '../detect/verdict.ts'
import type { Conclusion } from '../distill/conclusion.ts'
import type { Plan } from '../plan/plan.ts'
import type { ReportedCheck } from './input.ts'
import { leadingOf, log10Corrected, overallOf } from './leading.ts'
import { counted, figure, log10Up, oneIn, percent } from './numbers.ts'
import { APART, grouped, shown } from './shown.ts'

/** What a reader must take away. */
export interface Answer {
  readonly decision: Decision
  readonly exploratory: boolean
  /** One or two words for the badge. */
  readonly word: string
  readonly sentence: string
  readonly number?: Odds
  /** Reasons why this is a hint only. */
  readonly reasons: readonly string[]
  /** Something was out of order or not checked. */
  readonly cautions: readonly string[]
  readonly notSaid: readonly string[]
  /** Place of the conclusion that the charts are of. */
  readonly place: number
}

/** The number of the first screen. */
export interface Odds {
  /** "one in ...", rounded down. */
  readonly oneIn: string
  /** log10 of the corrected p-value, rounded up. */
  readonly log10P: string
  readonly sentence: string
}

/** The name of a suspect or key, made fit for a line. */
export function nameShown(name: string): string {
  return `“${APART.open}${shown(name, { most: 80 })}${APART.close}”`
}

export function keyShown({ keyId, lane, label }: Conclusion): string {
  return `${keyId}${lane === 0 ? '' : `, lane ${lane}`} (${nameShown(label)})`
}

/** @param checks what a verification said, if there was one. */
export function answerOf(
  conclusions: readonly Conclusion[],
  plan: Plan,
  checks: readonly ReportedCheck[] = [],
): Answer {
  const { decision, exploratory, places } = overallOf(conclusions)
  const place = places[0]!
  const leading = conclusions[place]!
  const number = numberOf(leading, plan, { tried: conclusions.length, exploratory })
  const reasons = exploratory ? unique(conclusions.flatMap((one) => one.exploratory?.reasons ?? [])) : []
  return {
    decision,
    exploratory,
    word: exploratory ? `Exploratory: ${HINTS[decision]}` : WORDS[decision],
    sentence: `${exploratory ? 'A hint, not a result. ' : ''}${sentenceOf(conclusions, { decision, exploratory, places, plan })}`,
    ...(number === undefined ? {} : { number }),
    reasons,
    cautions: [...(checks.every(({ ok }) => ok) ? [] : [FAILED]), ...cautionsOf(leading)],
    notSaid: notSaidOf(leading, plan),
    place,
  }
}

const FAILED =
  'The case was checked again from its files, and something differs (Controls, below). Do not rely on this page before that is settled.'

const WORDS: Readonly<Record<Decision, string>> = {
  evidence: 'Evidence',
  'no-evidence': 'No evidence',
  insufficient: 'Too little observed',
  'protocol-mismatch': 'Nothing can be said',
}

const HINTS: Readonly<Record<Decision, string>> = {
  evidence: 'a hint, not a result',
  'no-evidence': 'no hint found',
  insufficient: 'too little observed',
  'protocol-mismatch': 'nothing can be said',
}

function sentenceOf(
  conclusions: readonly Conclusion[],
  about: { decision: Decision; exploratory: boolean; places: readonly number[]; plan: Plan },
): string {
  const { decision, exploratory, places, plan } = about
  const suspect = nameShown(plan.suspect)
  const leading = conclusions[places[0]!]!
  const tried = conclusions.length
  const which =
    places.length > 1
      ? `${places.length} of ${tried} secret keys tried`
      : `the secret key ${keyShown(leading)}${tried > 1 ? `, one of ${tried} tried` : ''}`
  switch (decision) {
    case 'evidence':
      return `${exploratory ? 'It looks as if' : 'There is evidence that'} ${suspect} depends on ${which}, ${causeOf(leading, places.length)}.`
    case 'no-evidence': {
      const found =
        places.length > 1 ? `any of ${places.length} secret keys` : `the secret key ${keyShown(leading)}`
      const rest =
        places.length < tried
          ? ` For ${counted(tried - places.length, 'further key')} too little was observed.`
          : ''
      return `No evidence was found that ${suspect} depends on ${found}.${rest} This clears nobody.`
    }
    case 'insufficient':
      return `Too little was observed of ${suspect} to say anything, for or against it.`
    case 'protocol-mismatch':
      return `Nothing can be said about ${suspect}: text known to be marked was not recognised on the same path.`
  }
}

function causeOf(conclusion: Conclusion, keys: number): string {
  const training = `training on text marked with ${keys > 1 ? 'these keys' : 'this key'}`
  return leadingOf(conclusion).part?.side === 'lower'
    ? `in the way that ${training}, and then correcting for the mark by too much, would cause`
    : `in the way that ${training} would cause`
}

function numberOf(
  conclusion: Conclusion,
  plan: Plan,
  { tried, exploratory }: { tried: number; exploratory: boolean },
): Odds | undefined {
  if (conclusion.decision !== 'evidence' && conclusion.decision !== 'no-evidence') return undefined
  const { verdict } = leadingOf(conclusion)
  const log10P = log10Corrected(verdict)
  const odds = oneIn(log10P)
  const { size } = verdict.family
  const tests = size > 1 ? `, corrected for all ${grouped(size)} tests of the plan` : ''
  const whose = tried > 1 ? ` This is of the key that agrees best, ${keyShown(conclusion)}.` : ''
  const open = exploratory
    ? ' The number holds only if nothing that was left open was settled after a look.'
    : ''
  const limit = `The plan asked for ${oneIn(Math.log10(plan.alpha))} or less before it speaks of evidence.`
  return {
    oneIn: odds,
    log10P: log10Up(log10P),
    sentence: `If the suspect did not depend on the key, agreement as strong as this would come about by chance with a probability of at most ${odds}${tests}.${whose} ${limit}${open}`,
  }
}

function notSaidOf(conclusion: Conclusion, plan: Plan): readonly string[] {
  switch (conclusion.decision) {
    case 'evidence':
      return [
        'How marked text reached the suspect is not shown: through the API, through pages where others published it, or through another model that had learned from it.',
        'Who trained the suspect, whether they knew of the mark, and whether they were allowed to, is not shown.',
        'The number is not the probability that the suspect is innocent. It says how rarely chance alone looks like this.',
      ]
    case 'no-evidence':
      return [
        'This is not a clearance: the suspect may have learned from marked text and show too little of it.',
        powerSaid(conclusion, plan),
        'Keys that were not tried, and text that was not marked, are outside of this test.',
      ]
    case 'insufficient':
      return [
        'This is neither a yes nor a no.',
        'No probability is given, for none of so few observations would mean anything.',
      ]
    case 'protocol-mismatch':
      return [
        'This says nothing about the suspect, neither for nor against it.',
        'The instrument failed its own check: too little known marked text was given, or tokenizer, key or profile is the wrong one.',
      ]
  }
}

/** What the test would have found. */
export function powerSaid({ power, stopped }: Conclusion, { power: planned }: Plan): string {
  if (power !== undefined)
    return `The test would have found an effect of ${figure(power.effect, 2)} null standard deviations a ${power.per} with a chance of ${percent(power.power)}; a smaller one it may well have missed.`
  if (planned !== undefined)
    return `The plan aimed at a chance of ${percent(planned.target)} to find an effect of ${figure(planned.effect, 2)}; what this test reached is not known.`
  return stopped.rule === 'e-process'
    ? 'A test that may stop at any time has no one power; this one may have been too weak.'
    : 'The test may have been too weak.'
}

function cautionsOf({ decision, controls: { instrument, decoysUniform } }: Conclusion): readonly string[] {
  const cautions: string[] = []
  if (instrument === undefined && decision !== 'evidence')
    cautions.push(
      'No known marked text was put through the same path. A wrong tokenizer, key or profile would look like this as well.',
    )
  if (decoysUniform === false)
    cautions.push(
      'Decoy keys are not spread as chance says. The instrument may be out of order; ask an expert before relying on this page.',
    )
  return cautions
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)]
}

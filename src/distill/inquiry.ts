/**
 * From plan, observations and keys to conclusions: what is the same for one key and for many. First what is blind to the key (samples, the
 * material of decoys), then one assessment a key, then the correction over all tests, and last the records.
 */
import { assertCountable, type Countable } from '../detect/countable.ts'
import { detect } from '../detect/detect.ts'
import { notesOnMark } from '../detect/mark-notes.ts'
import {
  ALONE,
  anytimeVerdictOf,
  type Decision,
  type Family,
  type Verdict,
  type VerdictSubject,
} from '../detect/verdict.ts'
import type { Digest } from '../digest.ts'
import { type Profile, profileDigest } from '../keys/profile.ts'
import type { Exposure } from '../plan/exposure.ts'
import { type Plan, planDigest } from '../plan/plan.ts'
import { holm } from '../stats/multiplicity.ts'
import { nullMean } from '../stats/tail.ts'
import { type Answered, exploratoryReasons } from './as-planned.ts'
import {
  type Conclusion,
  type Controls,
  type Finding,
  type InstrumentCheck,
  type LookTaken,
  type Stopped,
  sentenceOf,
} from './conclusion.ts'
import { areSpreadAsTheLaw, type DecoyExhibit, decoyDraws, decoyExhibit, decoyMaterial } from './decoys.ts'
import { type Detectable, detectableContrast, detectableCount } from './detectable.ts'
import { familySize } from './family-size.ts'
import { lnEstimate, lnPrice, type Measurement, measure, type Tested, verdictOn } from './measure.ts'
import type { Observations } from './observations.ts'
import { type Sample, samplesOf } from './samples.ts'
import { createProcess, type Process, type SequentialPoint } from './sequential.ts'
import { excessOf, type Strength, type StrengthCalibration, tiltOf } from './strength.ts'

/** What is known before a key is near. Checked. */
export interface Inquiry {
  readonly plan: Plan
  readonly observations: Observations
  readonly exposure: Exposure | undefined
  /** Prompts that were answered; undefined where they are chosen on the way. */
  readonly answered: Answered | undefined
  readonly answers: Digest | undefined
  readonly calibration: StrengthCalibration | undefined
}

/** A key to be tried. Checked. */
export interface Candidate {
  readonly profile: Profile
  readonly tested: Tested
}

/** What a key showed, before it is known what the other tests showed. */
interface Assessment {
  readonly candidate: Candidate
  /** Tests that may decide, and those shown beside them. */
  readonly tests: readonly Test[]
  readonly stopped: Stopped
}

/** One test, whose verdict waits for the size of its family. */
interface Test {
  readonly deciding: boolean
  /** ln of the p-value, looks paid for. */
  readonly lnP: number
  readonly measurement: Measurement | undefined
  verdict(family: Family): Verdict
}

/** Conclusions about one suspect, one a candidate, corrected for all of them and for all keys that the plan names. */
export function conclude(
  inquiry: Inquiry,
  candidates: readonly Candidate[],
  instrument: InstrumentCheck | undefined,
): readonly Conclusion[] {
  const { plan, observations, exposure, answers } = inquiry
  const isProcess = plan.stopping.rule === 'e-process'
  const samples = isProcess ? [] : samplesOf(plan, observations, exposure)
  const assessments = candidates.map((candidate) =>
    isProcess ? runProcess(inquiry, candidate) : assess(inquiry, candidate, samples),
  )
  const keys = familySize(plan, candidates.map(nameOf))
  const decoys = exhibitor(plan, observations, answers)
  return correct(assessments, { keys, alpha: plan.alpha }).map((families, i) =>
    recordOf(inquiry, assessments[i]!, { families, keys, instrument, decoys }),
  )
}

/** Known marked text on the same path, under the key and lane that it was marked with. */
export function checkInstrument(
  instrument: Countable,
  { tested: { key, lane } }: Candidate,
  { name }: { name: string },
): InstrumentCheck {
  assertCountable(instrument, { name })
  const { decision, counted, log10P } = detect(instrument, key, { lane })
  return Object.freeze({ passed: decision === 'evidence', counted, log10P })
}

function nameOf({ tested: { key, lane } }: Candidate): { keyId: string; lane: number } {
  return { keyId: key.keyId, lane }
}

function assess(
  { plan, observations }: Inquiry,
  candidate: Candidate,
  samples: readonly Sample[],
): Assessment {
  const { tested } = candidate
  const law = tested.scheme.nullLaw
  const measurements = samples.map((sample) => measure(sample, tested))
  const { kept, stopped } = atBestLook(plan, measurements)
  const tests = kept.map((measurement): Test => {
    const { sample } = measurement
    const subject = subjectOf(candidate, observations, methodOf(sample))
    return {
      deciding: sample.deciding,
      lnP: Math.min(0, measurement.lnP + lnPrice(sample)),
      measurement,
      verdict: (family) => verdictOn(measurement, { law, subject, rule: plan }, family),
    }
  })
  return { candidate, tests, stopped }
}

function methodOf({ statistic, part }: Sample): string {
  return `distill/${statistic}${part === undefined ? '' : `/${part.windows}-${part.side}`}`
}

function subjectOf(
  { tested: { scheme, key, lane } }: Candidate,
  { seen }: Observations,
  method: string,
): VerdictSubject {
  return { method, scheme: scheme.id, keyId: key.keyId, role: key.role, lane, seen }
}

/** With planned looks, the measurements of the look whose corrected p-value is smallest; the first of equals. */
function atBestLook(
  { stopping }: Plan,
  measurements: readonly Measurement[],
): { kept: readonly Measurement[]; stopped: Stopped } {
  if (stopping.rule !== 'looks') return { kept: measurements, stopped: Object.freeze({ rule: 'fixed' }) }
  const deciding = measurements.filter(({ sample }) => sample.deciding)
  const paid = ({ lnP, sample }: Measurement): number => lnP + lnPrice(sample)
  const best = deciding.reduce((a, b) => (paid(b) < paid(a) ? b : a)).sample.look!
  const reached = best.observations > 0
  const looks = deciding.map(({ sample: { look }, lnP }): LookTaken => {
    const { index, observations, alpha } = look!
    return Object.freeze({ index, observations, alpha, lnP })
  })
  return {
    kept: measurements.filter(({ sample }) => sample.look!.index === best.index),
    stopped: Object.freeze({
      rule: 'looks',
      planned: stopping.looks,
      ...(reached ? { look: best.index } : {}),
      looks: Object.freeze(reached ? looks : []),
    }),
  }
}

function runProcess({ plan, observations, exposure }: Inquiry, candidate: Candidate): Assessment {
  const { stopping } = plan
  if (stopping.rule !== 'e-process') throw new Error('expected an e-process')
  const process = createProcess(plan, candidate.tested, exposure)
  const path = pathOf(process, observations)
  const result = process.stopped()
  const { n, lnE, lnMaxE } = result
  const subject = subjectOf(candidate, observations, `distill/${plan.statistic}/e-process`)
  const test: Test = {
    deciding: true,
    lnP: 0 - lnMaxE,
    measurement: undefined,
    verdict: (family) => anytimeVerdictOf(result, subject, plan, family),
  }
  const futile = stopping.futility !== undefined && n >= stopping.futility
  const stopped = Object.freeze({
    rule: 'e-process' as const,
    fresh: stopping.fresh,
    lnE,
    lnMaxE,
    futile,
    path,
  })
  return { candidate, tests: [test], stopped }
}

/** Takes all observations, in order, and notes about a hundred points on the way. */
function pathOf(process: Process, { list }: Observations): readonly SequentialPoint[] {
  const path: SequentialPoint[] = []
  const every = Math.max(1, Math.ceil(list.length / POINTS_OF_PATH))
  for (const [i, observation] of list.entries()) {
    process.take(observation)
    if ((i + 1) % every !== 0 && i + 1 !== list.length) continue
    const { n: counted, lnE } = process.stopped()
    path.push(Object.freeze({ observations: i + 1, counted, lnE }))
  }
  return Object.freeze(path)
}

const POINTS_OF_PATH = 100

/**
 * The family of each test. Those that decide are corrected together (Holm 1979), with a p-value of 1 for every test of a key of the plan that
 * was not tried. Those shown beside pay for the number of keys by themselves.
 */
function correct(
  assessments: readonly Assessment[],
  { keys, alpha }: { keys: number; alpha: number },
): readonly (readonly Family[])[] {
  const each = assessments[0]!.tests.filter(({ deciding }) => deciding).length
  const deciding = assessments.flatMap(({ tests }) => tests.filter((test) => test.deciding))
  const size = keys * each
  const untried = new Array<number>(size - deciding.length).fill(0)
  const { lnAdjusted } = holm([...deciding.map(({ lnP }) => lnP), ...untried], { alpha })
  const adjusted = new Map(deciding.map((test, i) => [test, lnAdjusted[i]!]))
  return assessments.map(({ tests, stopped }) =>
    tests.map((test): Family => {
      const tests = test.deciding ? size : keys
      if (tests === 1 && stopped.rule !== 'looks') return ALONE
      const lnAdjustedP = adjusted.get(test) ?? Math.min(0, test.lnP + Math.log(keys))
      return Object.freeze({ size: tests, method: 'holm', lnAdjustedP })
    }),
  )
}

type Exhibitor = (measurement: Measurement, candidate: Candidate) => DecoyExhibit | undefined

/**
 * Decoys for measurements. Their material, which may take a while to hash, is made when it is first needed; their sums are made once for
 * all keys that score the same pairs.
 */
function exhibitor(plan: Plan, observations: Observations, answers: Digest | undefined): Exhibitor {
  const { decoys: count, prompts } = plan
  const known = new Map<Sample, Map<string, readonly number[]>>()
  let material: Uint8Array | undefined
  return ({ sample, own }, { profile, tested }) => {
    // Under the burn rule the text depends on the key and not on the decoys: they are no draws of one law.
    if (count === 0 || prompts.marked || own.coefficients.length === 0) return undefined
    material ??= decoyMaterial(plan, observations, answers)
    const { key, lane } = tested
    const layer = `${profileDigest(profile)} ${key.range.from} ${key.range.to} ${key.format.lanes} ${lane}`
    const ofSample = known.get(sample) ?? new Map<string, readonly number[]>()
    known.set(sample, ofSample)
    const draws = ofSample.get(layer) ?? decoyDraws(own, tested, { material, count })
    ofSample.set(layer, draws)
    return decoyExhibit(own, tested, { material, count, draws, price: 1 / (sample.look?.share ?? 1) })
  }
}

function recordOf(
  inquiry: Inquiry,
  { candidate, tests, stopped }: Assessment,
  about: {
    families: readonly Family[]
    keys: number
    instrument: InstrumentCheck | undefined
    decoys: Exhibitor
  },
): Conclusion {
  const { plan, answered } = inquiry
  const { profile, tested } = candidate
  const { key, lane } = tested
  const findings = tests.map((test, i) =>
    findingOf(test, about.families[i]!, { candidate, decoys: about.decoys }),
  )
  const leading = leadingOf(findings)
  const measured = tests[findings.indexOf(leading)]!.measurement
  const decision = decisionOf(inquiry, findings, { instrument: about.instrument, measured })
  const reasons = [
    ...exploratoryReasons(plan, { keyId: key.keyId, lane, answered }),
    ...reasonsOfMark(candidate, findings),
  ]
  const power = measured && powerOf(plan, tested, measured, leading.verdict.family)
  const strength = strengthOf(inquiry, tested, tests, findings)
  const controls = controlsOf(inquiry, findings, about.instrument)
  const { part, verdict } = leading
  return Object.freeze({
    format: 'dyetrace/conclusion-1' as const,
    suspect: plan.suspect,
    plan: planDigest(plan),
    profile: profileDigest(profile),
    keyId: key.keyId,
    role: key.role,
    label: key.label,
    lane,
    access: plan.access,
    ...(plan.topK === undefined ? {} : { topK: plan.topK }),
    statistic: plan.statistic,
    decision,
    sentence: sentenceOf(plan.suspect, decision, verdict, { power, reasons, part }),
    ...(reasons.length === 0 ? {} : { exploratory: Object.freeze({ reasons: Object.freeze(reasons) }) }),
    findings: Object.freeze(findings),
    family: verdict.family,
    stopped,
    ...(power === undefined ? {} : { power }),
    ...(strength === undefined ? {} : { strength }),
    controls,
    notes: Object.freeze([...notesOf(inquiry, controls, measured), ...notesOnMark(tested)]),
  })
}

/** What the mark itself leaves open, whatever the plan says. */
function reasonsOfMark({ profile, tested }: Candidate, findings: readonly Finding[]): readonly string[] {
  const reasons: string[] = []
  if (profile.format === 'dyetrace/engine-profile-1')
    reasons.push(
      'nothing in the plan fixes the key of a mark that another engine writes: any key under the same label and settings would have fitted it',
    )
  const shown = findings.flatMap(({ deciding, decoys }) => (deciding ? [decoys] : []))
  if (tested.scheme.hash === 'open' && !shown.every((decoys) => decoys && areSpreadAsTheLaw(decoys)))
    reasons.push(
      'text can be built against the hash of this mark without its key, and no decoy keys show that their scores are spread as the null law says',
    )
  return reasons
}

function findingOf(
  { deciding, measurement, verdict }: Test,
  family: Family,
  { candidate, decoys }: { candidate: Candidate; decoys: Exhibitor },
): Finding {
  const made = verdict(family)
  if (measurement === undefined)
    return Object.freeze({
      statistic: made.method.startsWith('distill/contrast') ? ('contrast' as const) : ('count' as const),
      deciding,
      verdict: made,
      decoys: undefined,
    })
  const { sample } = measurement
  const lnP = sample.equal ? undefined : lnEstimate(measurement, candidate.tested.scheme.nullLaw)
  return Object.freeze({
    statistic: sample.statistic,
    deciding,
    ...(sample.part === undefined ? {} : { part: Object.freeze(sample.part) }),
    verdict: made,
    ...(lnP === undefined ? {} : { estimate: Object.freeze({ lnP, log10P: lnP / Math.LN10 }) }),
    decoys: decoys(measurement, candidate),
    ...(sample.beta === undefined ? {} : { beta: Object.freeze([...sample.beta]) }),
  })
}

/** The deciding finding with the smallest corrected p-value; the first of equals. */
function leadingOf(findings: readonly Finding[]): Finding {
  const corrected = ({ verdict }: Finding): number => verdict.family.lnAdjustedP ?? verdict.lnP
  return findings.filter(({ deciding }) => deciding).reduce((a, b) => (corrected(b) < corrected(a) ? b : a))
}

function decisionOf(
  { plan }: Inquiry,
  findings: readonly Finding[],
  { instrument, measured }: { instrument: InstrumentCheck | undefined; measured: Measurement | undefined },
): Decision {
  if (instrument && !instrument.passed) return 'protocol-mismatch'
  // The law of the burn rule speaks of the planned number; what was seen must be enough by itself.
  if (measured?.sample.counted !== undefined && measured.own.coefficients.length < plan.minimumCounted)
    return 'insufficient'
  const decisions = findings.filter(({ deciding }) => deciding).map(({ verdict }) => verdict.decision)
  return (['evidence', 'no-evidence'] as const).find((word) => decisions.includes(word)) ?? 'insufficient'
}

/** The effect that the leading test would have found, given what the correction leaves of alpha in the worst case. */
function powerOf(
  { alpha, power: wanted }: Plan,
  { scheme }: Tested,
  { sample, own, n }: Measurement,
  { size }: Family,
): Detectable | undefined {
  const law = scheme.nullLaw
  const lnAlpha = Math.log(alpha) - Math.log(size) - lnPrice(sample)
  const power = wanted?.target ?? DEFAULT_POWER
  if (sample.equal) return detectableCount(law, { n, lnAlpha, power })
  return detectableContrast(law, {
    coefficients: own.coefficients,
    positions: sample.positions,
    lnAlpha,
    power,
  })
}

const DEFAULT_POWER = 0.8

function strengthOf(
  { plan, observations, calibration }: Inquiry,
  tested: Tested,
  tests: readonly Test[],
  findings: readonly Finding[],
): Strength | undefined {
  if (plan.prompts.marked) return undefined
  if (plan.references.length > 0) return tiltOf(observations.list, tested, calibration)
  const i = tests.findIndex(
    ({ measurement }) => measurement?.sample.statistic === 'count' && measurement.sample.equal,
  )
  const measurement = tests[i]?.measurement
  return measurement && excessOf(findings[i]!.verdict.interval, measurement, nullMean(tested.scheme.nullLaw))
}

function controlsOf(
  { plan, observations, answered }: Inquiry,
  findings: readonly Finding[],
  instrument: InstrumentCheck | undefined,
): Controls {
  const exhibits = findings.flatMap(({ decoys }) => decoys ?? [])
  const { seen, list, repeatedWindow, burned, promptOverlap, notAligned } = observations
  return Object.freeze({
    instrument,
    ...(exhibits.length === 0
      ? {}
      : { decoysUniform: exhibits.every(({ uniformity }) => uniformity.uniform) }),
    references: plan.references,
    seen,
    kept: list.length,
    repeatedWindow,
    burned,
    promptOverlap,
    notAligned,
    prompts: Object.freeze({
      planned: plan.prompts.count,
      ...(answered === undefined ? {} : { answered: answered.count }),
      marked: plan.prompts.marked,
    }),
  })
}

function notesOf(
  { plan }: Inquiry,
  { instrument, decoysUniform }: Controls,
  measured: Measurement | undefined,
): string[] {
  const notes: string[] = []
  if (!instrument)
    notes.push('no instrument check: a wrong tokenizer, key or profile would look like "no evidence"')
  if (decoysUniform === false)
    notes.push(
      'decoy keys are not spread as the null law says: the instrument is out of order, or a few pairs carry the sum',
    )
  if (plan.prompts.marked)
    notes.push(
      'prompts hold text marked under a key of the family: only windows that are globally first were scored, and no decoys stand beside',
    )
  const planned = measured?.sample.counted
  if (planned !== undefined && measured!.own.coefficients.length < planned)
    notes.push(
      `${measured!.own.coefficients.length} of the ${planned} planned windows were seen; those missing count as scores of 0`,
    )
  return notes
}

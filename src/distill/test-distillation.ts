/**
 * The distillation test: was this model trained on text marked under this key? Observations that were made without the key
 * meet the key here, for the first time. Under the null the suspect does not depend on the key, so given everything that it
 * said the field numbers are the only thing that is random, and their law is known (docs/statistics.md, section 5).
 */
import { assertInteger, assertOptions, assertString } from '../assert.ts'
import type { Countable } from '../detect/countable.ts'
import type { Digest } from '../digest.ts'
import { assertMarkKeys, type MarkKey } from '../keys/mark-key.ts'
import { type Profile, parseProfile } from '../keys/profile.ts'
import type { Exposure } from '../plan/exposure.ts'
import { type Plan, parsePlan } from '../plan/plan.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import type { TokenIds } from '../tokens.ts'
import {
  answeredPrompts,
  assertKeyOf,
  assertObservedAsPlanned,
  assertPlanFits,
  assertPlannedExposure,
} from './as-planned.ts'
import type { Conclusion } from './conclusion.ts'
import { type Candidate, checkInstrument, conclude, type Inquiry } from './inquiry.ts'
import { assertObservations, type Observations } from './observations.ts'
import { assertCalibration, type StrengthCalibration } from './strength.ts'

/** What is asked about a suspect, whichever keys are tried. */
export interface SuspectTest {
  readonly plan: Plan
  readonly observations: Observations
  /** Text known to be marked under a tried key: the instrument check. Without it a wrong tokenizer reads as "no evidence". */
  readonly instrument?: Countable
  /** The exposure that the plan names. */
  readonly exposure?: Exposure
  /** All prompts of the plan, where only the first of them were answered. */
  readonly prompts?: readonly TokenIds[]
  /** Places of the prompts that were answered, ascending, where others before them were not: then the conclusion is exploratory. Needs `prompts`. */
  readonly asked?: readonly number[]
  /** Digest of the last line of the answer log: decoy keys are derived from it. @defaultValue the digest of the observations */
  readonly answers?: Digest
  /** What students of a known marked share showed, to speak of a share beside the tilt. @defaultValue none: no share is named */
  readonly calibration?: StrengthCalibration
}

/** What {@link testDistillation} is given. */
export interface DistillationTest extends SuspectTest {
  readonly profile: Profile
  readonly key: MarkKey
  /** The account's lane in the layer's key stream. @defaultValue 0 */
  readonly lane?: number
}

const SUSPECT_KEYS = [
  'plan',
  'observations',
  'instrument',
  'exposure',
  'prompts',
  'asked',
  'answers',
  'calibration',
] as const

/**
 * Tests one suspect against one key, as the plan says. Where the plan names a family of keys, the p-value is corrected for all of them: to try
 * several, use `attribute`, which loses less.
 * @returns a frozen conclusion; `count` is always among its findings, whichever statistic decides, unless the plan's rule is an e-process.
 * @throws TypeError or RangeError if plan, profile, key and observations do not belong together.
 * @example
 * // Answers of a model to key-blind prompts, as token ids; README.md, "Catch a student", has the whole chain.
 * // const plan = createPlan({ suspect: 'model-x', access: 'text', contextWidth: 1, vocabularySize: 2048, prompts, origin: 'public novels' })
 * // const observations = textObservations(answers, { contextWidth: 1, vocabularySize: 2048 })
 * // const { decision, sentence } = testDistillation({ plan, observations, profile, key, instrument })
 */
export function testDistillation(test: DistillationTest): Conclusion {
  assertOptions(test, { name: 'test', keys: [...SUSPECT_KEYS, 'profile', 'key', 'lane'] })
  const candidate = resolveCandidate(test, { name: 'test' })
  const inquiry = resolveInquiry(test, [candidate])
  const instrument =
    test.instrument === undefined
      ? undefined
      : checkInstrument(test.instrument, candidate, { name: 'test.instrument' })
  return conclude(inquiry, [candidate], instrument)[0]!
}

/** Checks a key to be tried against the profile that it is said to be of. */
export function resolveCandidate(
  given: { readonly profile: Profile; readonly key: MarkKey; readonly lane?: number },
  { name }: { name: string },
): Candidate {
  const { key, lane = 0 } = given
  assertMarkKeys([key], { name: `${name}.key` })
  const profile = parseProfile(given.profile)
  assertKeyOf(profile, key, { name: `${name}.key` })
  assertInteger(lane, { name: `${name}.lane`, max: key.format.lanes - 1 })
  return { profile, tested: { scheme: schemeOf(profile, { lanes: key.format.lanes }), key, lane } }
}

/** Checks what is asked about a suspect against its plan, and the plan against the keys to be tried. */
export function resolveInquiry(test: SuspectTest, candidates: readonly Candidate[]): Inquiry {
  const { observations, exposure, prompts, asked, answers, calibration } = test
  const plan = parsePlan(test.plan)
  for (const { profile } of candidates) assertPlanFits(plan, profile)
  assertObservations(observations, { name: 'test.observations' })
  assertObservedAsPlanned(plan, observations, { name: 'test.observations' })
  const answered = answeredPrompts(plan, observations, { prompts, asked })
  assertPlannedExposure(plan, exposure)
  if (answers !== undefined)
    assertString(answers, {
      name: 'test.answers',
      expected: 'a digest "sha256:" + 64 hex digits',
      pattern: /^sha256:[0-9a-f]{64}$/,
    })
  if (calibration !== undefined) assertCalibration(calibration, { name: 'test.calibration' })
  return { plan, observations, exposure, answered, answers, calibration }
}

/**
 * The distillation test: was this model trained on text marked under this key? Observations that were made without the key
 * meet the key here, for the first time. Under the null the suspect does not depend on the key, so given everything that it
 * said the field numbers are the only thing that is random, and their law is known (docs/statistics.md, section 5).
 */
import { assertInteger, assertOptions } from '../assert.ts'
import { assertCountable, type Countable } from '../detect/countable.ts'
import { detect } from '../detect/detect.ts'
import { type Decision, type VerdictSubject, verdictOf, weightedVerdictOf } from '../detect/verdict.ts'
import { assertKeyFits } from '../keys/key-fits.ts'
import { assertMarkKeys, type MarkKey } from '../keys/mark-key.ts'
import { type Profile, parseProfile, profileDigest, roleRanges } from '../keys/profile.ts'
import { type Plan, parsePlan, planDigest, type Statistic } from '../plan/plan.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import type { Scheme } from '../schemes/scheme.ts'
import { type Conclusion, type Finding, type InstrumentCheck, sentenceOf } from './conclusion.ts'
import { contrastPairs } from './contrast.ts'
import { countPairs } from './count.ts'
import { decoyExhibit, decoyMaterial } from './decoys.ts'
import { assertObservations, type Observations } from './observations.ts'
import { ownPairs, weightedScoreSum } from './score-pairs.ts'

/** What {@link testDistillation} is given. */
export interface DistillationTest {
  readonly plan: Plan
  readonly observations: Observations
  readonly profile: Profile
  readonly key: MarkKey
  /** The account's lane in the layer's key stream. @defaultValue 0 */
  readonly lane?: number
  /** Text known to be marked under this key: the instrument check. Without it a wrong tokenizer reads as "no evidence". */
  readonly instrument?: Countable
}

/**
 * Tests one suspect against one key, as the plan says.
 * @returns a frozen conclusion; `count` is always among its findings, whichever statistic decides.
 * @throws TypeError or RangeError if plan, profile, key and observations do not belong together.
 * @example
 * // Answers of a model to key-blind prompts, as token ids; README.md, "Catch a student", has the whole chain.
 * // const plan = createPlan({ suspect: 'model-x', access: 'text', contextWidth: 1, vocabularySize: 2048, prompts, origin: 'public novels' })
 * // const observations = textObservations(answers, { contextWidth: 1, vocabularySize: 2048 })
 * // const { decision, sentence } = testDistillation({ plan, observations, profile, key, instrument })
 */
export function testDistillation(test: DistillationTest): Conclusion {
  assertOptions(test, {
    name: 'test',
    keys: ['plan', 'observations', 'profile', 'key', 'lane', 'instrument'],
  })
  const { observations, key, lane = 0, instrument } = test
  assertMarkKeys([key], { name: 'test.key' })
  const profile = parseProfile(test.profile)
  assertKeyOf(profile, key)
  assertInteger(lane, { name: 'test.lane', max: key.format.lanes - 1 })
  const plan = parsePlan(test.plan)
  assertObservations(observations, { name: 'test.observations' })
  assertAsPlanned(plan, profile, observations)
  const scheme = schemeOf(profile, { lanes: key.format.lanes })
  const check = instrument === undefined ? undefined : checkInstrument(instrument, { key, lane })
  const findings = findingsOf({ plan, observations, scheme, key, lane })
  const deciding = findings.find((finding) => finding.deciding)!
  const decision: Decision = check && !check.passed ? 'protocol-mismatch' : deciding.verdict.decision
  const notes: string[] = []
  if (!check)
    notes.push('no instrument check: a wrong tokenizer, key or profile would look like "no evidence"')
  return Object.freeze({
    format: 'dyetrace/conclusion-1' as const,
    suspect: plan.suspect,
    plan: planDigest(plan),
    profile: profileDigest(profile),
    keyId: key.keyId,
    access: plan.access,
    decision,
    sentence: sentenceOf(plan.suspect, decision, deciding.verdict),
    findings: Object.freeze(findings),
    controls: Object.freeze({ instrument: check, repeatedWindows: observations.repeatedWindow }),
    notes: Object.freeze(notes),
  })
}

/** A checked test. */
interface Inquiry {
  readonly plan: Plan
  readonly observations: Observations
  readonly scheme: Scheme
  readonly key: MarkKey
  readonly lane: number
}

function findingsOf({ plan, observations, ...tested }: Inquiry): Finding[] {
  const { scheme, key, lane } = tested
  const law = scheme.nullLaw
  const decoys = { material: decoyMaterial(plan, observations), count: plan.decoys }
  const about = (statistic: Statistic): VerdictSubject => ({
    method: `distill/${statistic}`,
    scheme: scheme.id,
    keyId: key.keyId,
    role: key.role,
    lane,
    seen: observations.seen,
  })

  const counted = ownPairs(countPairs(observations.list, plan.contextWidth), key)
  const evidence = { sum: weightedScoreSum(counted, tested), n: counted.coefficients.length, law }
  const findings: Finding[] = [
    Object.freeze({
      statistic: 'count' as const,
      deciding: plan.statistic === 'count',
      verdict: verdictOf(evidence, about('count'), plan),
      decoys: decoyExhibit(counted, tested, decoys),
    }),
  ]
  if (plan.references.length > 0) {
    const { beta, ...contrast } = contrastPairs(observations.list, plan.contextWidth)
    const weighted = ownPairs(contrast, key)
    const sum = weightedScoreSum(weighted, tested)
    findings.push(
      Object.freeze({
        statistic: 'contrast' as const,
        deciding: plan.statistic === 'contrast',
        verdict: weightedVerdictOf(
          { sum, coefficients: weighted.coefficients, law },
          about('contrast'),
          plan,
        ),
        decoys: decoyExhibit(weighted, tested, decoys),
        beta: Object.freeze([...beta]),
      }),
    )
  }
  return findings
}

function checkInstrument(
  instrument: Countable,
  { key, lane }: { key: MarkKey; lane: number },
): InstrumentCheck {
  assertCountable(instrument, { name: 'test.instrument' })
  const { decision, counted, log10P } = detect(instrument, key, { lane })
  return Object.freeze({ passed: decision === 'evidence', counted, log10P })
}

/**
 * The profile committed to its keys before any text was marked: a key that it does not name could have been chosen afterwards.
 * A key that was derived for other shares would score windows of other layers.
 */
function assertKeyOf(profile: Profile, key: MarkKey): void {
  assertKeyFits(key, profile)
  const keyIds = profile.layers.map(({ keyId }) => keyId)
  const layer = profile.layers.find(({ keyId }) => keyId === key.keyId)
  if (!layer)
    throw new RangeError(
      `"test.key" expected a key of the profile (key id ${keyIds.join(' or ')}), got key id ${key.keyId}`,
    )
  const { from, to } = roleRanges(profile.layers).get(layer.role)!
  if (key.range.from !== from || key.range.to !== to)
    throw new RangeError(
      `"test.key" expected a key for route values ${from}..${to - 1} as the profile says, got one for ${key.range.from}..${key.range.to - 1}, derived for a profile with other shares`,
    )
}

/** The observations are those of the plan's prompts and access, and plan and profile speak of one mark. */
function assertAsPlanned(plan: Plan, profile: Profile, observations: Observations): void {
  for (const field of ['contextWidth', 'vocabularySize'] as const) {
    if (plan[field] !== profile[field])
      throw new RangeError(
        `"test.plan.${field}" expected ${profile[field]} as in the profile, got ${plan[field]}`,
      )
  }
  const planned = {
    access: plan.access,
    contextWidth: plan.contextWidth,
    vocabularySize: plan.vocabularySize,
    prompts: plan.prompts.digest,
    references: plan.references.length,
  }
  for (const field of ['access', 'contextWidth', 'vocabularySize', 'prompts', 'references'] as const) {
    if (observations[field] !== planned[field])
      throw new RangeError(
        `"test.observations.${field}" expected ${planned[field]} as planned, got ${observations[field]}`,
      )
  }
}

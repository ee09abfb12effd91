/**
 * The distillation test: was this model trained on text marked under this key? Observations that were made without the key
 * meet the key here, for the first time. Under the null the suspect does not depend on the key, so given everything that it
 * said the field numbers are the only thing that is random, and their law is known (docs/statistics.md, section 5).
 */
import { assertInteger, assertOptions, assertRecord } from '../assert.ts'
import { hexToBytes } from '../bytes.ts'
import { assertCountable, type Countable } from '../detect/countable.ts'
import { detect } from '../detect/detect.ts'
import { type Decision, type Verdict, verdictOf, weightedVerdictOf } from '../detect/verdict.ts'
import { digestJson } from '../digest.ts'
import { assertKeyFits } from '../keys/key-fits.ts'
import { assertMarkKeys, decoyKeys, type MarkKey } from '../keys/mark-key.ts'
import { type Profile, parseProfile, profileDigest } from '../keys/profile.ts'
import { type Plan, planDigest, type Statistic } from '../plan/plan.ts'
import { inLayer } from '../prf/fields.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import type { Scheme } from '../schemes/scheme.ts'
import { decoyP } from '../stats/decoys.ts'
import { nullMean } from '../stats/tail.ts'
import { weightedVariance } from '../stats/weighted.ts'
import { type Conclusion, type DecoyExhibit, type Finding, sentenceOf } from './conclusion.ts'
import { contrastPairs } from './contrast.ts'
import { countPairs } from './count.ts'
import type { Observations } from './observations.ts'
import type { WeightedPairs } from './pairs.ts'

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
 * // See README.md, "Catch a student": plan -> observations -> testDistillation({ plan, observations, profile, key })
 */
export function testDistillation(test: DistillationTest): Conclusion {
  assertOptions(test, {
    name: 'test',
    keys: ['plan', 'observations', 'profile', 'key', 'lane', 'instrument'],
  })
  const { plan, observations, key, instrument } = test
  assertRecord(observations, { name: 'test.observations' })
  assertMarkKeys([key], { name: 'test.key' })
  const profile = parseProfile(test.profile)
  assertKeyFits(key, profile)
  const lane = test.lane ?? 0
  assertInteger(lane, { name: 'test.lane', max: key.format.lanes - 1 })
  assertSamePlan(plan, profile, observations)
  const scheme = schemeOf(profile, { lanes: key.format.lanes })
  const inquiry: Inquiry = {
    plan,
    observations,
    scheme,
    key,
    lane,
    material: decoyMaterial(plan, observations),
  }
  const findings: Finding[] = [countFinding(inquiry)]
  if (plan.references.length > 0) findings.push(contrastFinding(inquiry))
  const deciding = findings.find((finding) => finding.deciding)!
  const check = instrument && checkInstrument(instrument, key, lane)
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

/** One suspect's observations on their way through the statistics. */
interface Inquiry {
  readonly plan: Plan
  readonly observations: Observations
  readonly scheme: Scheme
  readonly key: MarkKey
  readonly lane: number
  /** Public bytes that seed the decoys. */
  readonly material: Uint8Array
}

function countFinding(inquiry: Inquiry): Finding {
  const { plan, observations, scheme, key, lane } = inquiry
  const weighted = ownPairs(countPairs(observations.list, plan.contextWidth), key)
  const scores = scoresOf(weighted, inquiry, key)
  const sum = scores.reduce((total, score) => total + score, 0)
  const evidence = { sum, n: scores.length, law: scheme.nullLaw }
  const about = {
    method: 'distill/count',
    scheme: scheme.id,
    keyId: key.keyId,
    role: key.role,
    lane,
    seen: observations.seen,
  }
  return finding(inquiry, 'count', { weighted, verdict: verdictOf(evidence, about, plan) })
}

function contrastFinding(inquiry: Inquiry): Finding {
  const { plan, observations, scheme, key, lane } = inquiry
  const contrast = contrastPairs(observations.list, plan.contextWidth)
  const weighted = ownPairs(contrast, key)
  const about = {
    method: 'distill/contrast',
    scheme: scheme.id,
    keyId: key.keyId,
    role: key.role,
    lane,
    seen: observations.seen,
  }
  const excess = excessOf(weighted, inquiry, key)
  const verdict = weightedVerdictOf(
    { coefficients: weighted.coefficients, excess, law: scheme.nullLaw },
    about,
    plan,
  )
  return { ...finding(inquiry, 'contrast', { weighted, verdict }), beta: Object.freeze([...contrast.beta]) }
}

function finding(
  inquiry: Inquiry,
  statistic: Statistic,
  { weighted, verdict }: { weighted: WeightedPairs; verdict: Verdict },
): Finding {
  const decoys = decoyExhibit(weighted, inquiry)
  return Object.freeze({ statistic, deciding: statistic === inquiry.plan.statistic, verdict, decoys })
}

/** Pairs whose context belongs to the key's layer. Routing has a key of its own, so this choice is blind to the mark key. */
function ownPairs({ contextWidth, pairs, coefficients }: WeightedPairs, key: MarkKey): WeightedPairs {
  const stride = contextWidth + 1
  const own = [...coefficients.keys()].filter((i) =>
    inLayer(key, pairs.subarray(i * stride, (i + 1) * stride - 1)),
  )
  const kept = new Uint32Array(own.length * stride)
  own.forEach((i, at) => {
    kept.set(pairs.subarray(i * stride, (i + 1) * stride), at * stride)
  })
  return { contextWidth, pairs: kept, coefficients: Float64Array.from(own, (i) => coefficients[i]!) }
}

function scoresOf(
  { contextWidth, pairs, coefficients }: WeightedPairs,
  { scheme, lane }: Inquiry,
  key: MarkKey,
): Float64Array {
  const stride = contextWidth + 1
  return Float64Array.from(coefficients, (_, i) => {
    const context = pairs.subarray(i * stride, (i + 1) * stride - 1)
    return scheme.score(scheme.field(key, context, pairs[(i + 1) * stride - 1]!, lane))
  })
}

/** T = sum of a (score - null mean). */
function excessOf(weighted: WeightedPairs, inquiry: Inquiry, key: MarkKey): number {
  const mean = nullMean(inquiry.scheme.nullLaw)
  const scores = scoresOf(weighted, inquiry, key)
  return weighted.coefficients.reduce((sum, a, i) => sum + a * (scores[i]! - mean), 0)
}

function decoyExhibit(weighted: WeightedPairs, inquiry: Inquiry): DecoyExhibit | undefined {
  const { plan, scheme, key, material } = inquiry
  if (plan.decoys === 0 || weighted.coefficients.length === 0) return undefined
  const scale = Math.sqrt(weightedVariance(scheme.nullLaw, weighted.coefficients))
  const observed = excessOf(weighted, inquiry, key)
  const draws: number[] = []
  for (const decoy of decoyKeys(key, { material, count: plan.decoys }))
    draws.push(excessOf(weighted, inquiry, decoy))
  const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length
  const variance = draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / Math.max(1, draws.length - 1)
  const { p, floor } = decoyP(observed, draws)
  return Object.freeze({
    count: draws.length,
    p,
    floor,
    mean: mean / scale,
    standardDeviation: Math.sqrt(variance) / scale,
  })
}

function checkInstrument(
  instrument: Countable,
  key: MarkKey,
  lane: number,
): NonNullable<Conclusion['controls']['instrument']> {
  assertCountable(instrument, { name: 'test.instrument' })
  const verdict = detect(instrument, key, { lane })
  return Object.freeze({
    passed: verdict.decision === 'evidence',
    counted: verdict.counted,
    log10P: verdict.log10P,
  })
}

/** SHA-256 of the plan, then of what the suspect said: fixed before any key is used, and nobody's choice. */
function decoyMaterial(plan: Plan, { list }: Observations): Uint8Array {
  const answers = list.map(({ window, tokens, weights }) =>
    [window, tokens, weights].map((part) => Array.from(part)),
  )
  return hexToBytes((planDigest(plan) + digestJson(answers)).replaceAll('sha256:', ''))
}

function assertSamePlan(plan: Plan, profile: Profile, { list }: Observations): void {
  assertRecord(plan, { name: 'test.plan' })
  for (const field of ['contextWidth', 'vocabularySize'] as const) {
    if (plan[field] !== profile[field])
      throw new RangeError(
        `"test.plan.${field}" expected ${profile[field]} as in the profile, got ${plan[field]}`,
      )
  }
  for (const { window, references } of list) {
    if (window.length !== plan.contextWidth)
      throw new RangeError(
        `"test.observations" expected windows of ${plan.contextWidth} ids as planned, got one of ${window.length}`,
      )
    if (references.length !== plan.references.length)
      throw new RangeError(
        `"test.observations" expected ${plan.references.length} references as planned, got ${references.length}`,
      )
  }
}

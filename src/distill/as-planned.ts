/**
 * Whether a test is the one that was planned. What contradicts the plan is refused; what falls short of it makes the conclusion exploratory, and the
 * conclusion says why.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { assertArray, assertInteger } from '../assert.ts'
import { bytesToHex, utf8ToBytes } from '../bytes.ts'
import { canonicalJson } from '../digest.ts'
import { assertKeyFits } from '../keys/key-fits.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import { type Profile, roleRanges } from '../keys/profile.ts'
import { assertExposure, type Exposure } from '../plan/exposure.ts'
import { isOrdered, type Plan, promptsDigest } from '../plan/plan.ts'
import { schemeOf } from '../schemes/from-profile.ts'
import { assertTokenIds, type TokenIds } from '../tokens.ts'
import type { Observations } from './observations.ts'

/**
 * The profile committed to its keys before any text was marked: a key that it does not name could have been chosen afterwards.
 * A key that was derived for other shares would score windows of other layers.
 */
export function assertKeyOf(profile: Profile, key: MarkKey, { name }: { name: string }): void {
  assertKeyFits(key, profile)
  const keyIds = profile.layers.map(({ keyId }) => keyId)
  const layer = profile.layers.find(({ keyId }) => keyId === key.keyId)
  if (!layer)
    throw new RangeError(
      `"${name}" expected a key of the profile (key id ${keyIds.join(' or ')}), got key id ${key.keyId}`,
    )
  const { from, to } = roleRanges(profile.layers).get(layer.role)!
  if (key.range.from !== from || key.range.to !== to)
    throw new RangeError(
      `"${name}" expected a key for route values ${from}..${to - 1} as the profile says, got one for ${key.range.from}..${key.range.to - 1}, derived for a profile with other shares`,
    )
}

/** Plan and profile speak of one mark. */
export function assertPlanFits(plan: Plan, profile: Profile): void {
  for (const field of ['contextWidth', 'vocabularySize'] as const) {
    if (plan[field] !== profile[field])
      throw new RangeError(
        `"test.plan.${field}" expected ${profile[field]} as in the profile, got ${plan[field]}`,
      )
  }
  assertLawKnown(plan, profile)
}

/**
 * Refuses marks of other engines that no law of a model's answers is known for: where pairs share scores, which of them do depends on the key;
 * lists of fixed size make the scores of one context depend on each other, which a bet on one pair after another does not allow for.
 */
function assertLawKnown(plan: Plan, profile: Profile): void {
  const { identity, publicIdentity, nullLaw } = schemeOf(profile, { lanes: 1 })
  if (identity)
    throw new RangeError(
      `"test.profile" expected a scheme whose pairs all have scores of their own, got ${profile.scheme}: detect() reads its text, but the answers of a model cannot be tested for it`,
    )
  // Another window may stand for one that has come: no rule says of windows alone which of them are new.
  if (publicIdentity && windowRuleOf(plan) === 'globally-first')
    throw new RangeError(
      `"test.plan" expected key-blind prompts that were all fixed beforehand for ${profile.scheme}, whose windows can share their scores, got marked or fresh ones`,
    )
  if (publicIdentity && plan.stopping.rule === 'e-process')
    throw new RangeError(
      `"test.plan.stopping" expected another rule than "e-process" for ${profile.scheme}, whose windows can share their scores`,
    )
  if (plan.stopping.rule === 'e-process' && nullLaw.kind === 'bernoulli' && nullLaw.fixedSize)
    throw new RangeError(
      `"test.plan.stopping" expected another rule than "e-process" for ${profile.scheme}, whose lists have a fixed size`,
    )
}

/** The observations were made the way the plan says. */
export function assertObservedAsPlanned(
  plan: Plan,
  observations: Observations,
  { name }: { name: string },
): void {
  const planned = {
    access: plan.access,
    topK: plan.topK,
    contextWidth: plan.contextWidth,
    vocabularySize: plan.vocabularySize,
    references: plan.references.length,
    windows: windowRuleOf(plan),
  }
  const { markedText } = plan.prompts
  if (markedText !== undefined && observations.markedText !== markedText.digest)
    throw new RangeError(
      `"${name}.markedText" expected the ${markedText.documents} documents of digest ${markedText.digest} as planned, got others`,
    )
  if (isOrdered(plan) && observations.repeatedPrompts > 0)
    throw new RangeError(
      `"${name}" expected prompts that differ, for their order decides, got ${observations.repeatedPrompts} that were put before: their answers could be put in any order`,
    )
  for (const field of [
    'access',
    'topK',
    'contextWidth',
    'vocabularySize',
    'references',
    'windows',
  ] as const) {
    if (observations[field] !== planned[field])
      throw new RangeError(
        `"${name}.${field}" expected ${planned[field]} as planned, got ${observations[field]}`,
      )
  }
}

/** How many prompts were answered, and how many before the last of these were not. */
export interface Answered {
  readonly count: number
  readonly passedOver: number
}

/**
 * The observations are of the plan's prompts, or of some of them in the plan's order.
 * @param about.prompts all prompts of the plan, needed where not all of them were answered.
 * @param about.asked their places, where those that were answered are not the first ones.
 * @returns undefined where prompts are chosen while the test runs.
 */
export function answeredPrompts(
  plan: Plan,
  observations: Observations,
  about: { readonly prompts: readonly TokenIds[] | undefined; readonly asked: readonly number[] | undefined },
): Answered | undefined {
  const { stopping } = plan
  const { prompts, asked } = about
  if (observations.prompts === plan.prompts.digest) return { count: plan.prompts.count, passedOver: 0 }
  if (stopping.rule === 'e-process' && stopping.fresh) return undefined
  if (asked !== undefined) return answeredAt(plan, observations, { prompts, asked })
  const first = prompts === undefined ? undefined : firstPrompts(plan, observations, prompts)
  if (first !== undefined) return { count: first, passedOver: 0 }
  const also =
    prompts === undefined ? ' (or the first of them, with all as "test.prompts")' : ' or the first of them'
  throw new RangeError(
    `"test.observations.prompts" expected ${plan.prompts.digest} as planned${also}, got ${observations.prompts}`,
  )
}

/** The observations are of these prompts. Whatever was passed over, it is said. */
function answeredAt(
  plan: Plan,
  observations: Observations,
  { prompts, asked }: { prompts: readonly TokenIds[] | undefined; asked: readonly number[] },
): Answered {
  assertArray(asked, { name: 'test.asked', expected: 'an array of places of prompts' })
  assertArray(prompts, { name: 'test.prompts', expected: 'all prompts of the plan beside "test.asked"' })
  const all = prompts!
  if (promptsDigest(all) !== plan.prompts.digest)
    throw new RangeError(
      `"test.prompts" expected the prompts of the plan, with digest ${plan.prompts.digest}, got others`,
    )
  for (const [i, place] of asked.entries())
    assertInteger(place, {
      name: `test.asked[${i}]`,
      min: i === 0 ? 0 : asked[i - 1]! + 1,
      max: all.length - 1,
    })
  if (promptsDigest(asked.map((place) => all[place]!)) !== observations.prompts)
    throw new RangeError(
      `"test.observations.prompts" expected the prompts at "test.asked", got ${observations.prompts}`,
    )
  const passedOver = asked.length === 0 ? 0 : asked.at(-1)! + 1 - asked.length
  return { count: asked.length, passedOver }
}

/** The rule under which the plan's positions are kept: marked prompts burn windows, and so do prompts that are chosen on the way. */
export function windowRuleOf({ prompts, stopping }: Plan): Observations['windows'] {
  const burns = prompts.marked || (stopping.rule === 'e-process' && stopping.fresh)
  return burns ? 'globally-first' : 'distinct-pairs'
}

/** How many of the planned prompts, from the first on, have the digest of the observations. */
function firstPrompts(
  plan: Plan,
  observations: Observations,
  prompts: readonly TokenIds[],
): number | undefined {
  assertArray(prompts, { name: 'test.prompts', expected: 'an array of token id arrays' })
  const hash = sha256.create().update(utf8ToBytes('['))
  let answered: number | undefined
  let digest = ''
  for (const [i, ids] of prompts.entries()) {
    assertTokenIds(ids, { name: `test.prompts[${i}]`, vocabularySize: plan.vocabularySize })
    hash.update(utf8ToBytes(`${i === 0 ? '' : ','}${canonicalJson(Array.from(ids))}`))
    digest = `sha256:${bytesToHex(hash.clone().update(utf8ToBytes(']')).digest())}`
    if (digest === observations.prompts) answered = i + 1
  }
  if (digest !== plan.prompts.digest)
    throw new RangeError(
      `"test.prompts" expected the prompts of the plan, with digest ${plan.prompts.digest}, got others`,
    )
  return answered
}

/** The exposure is the plan's, and is there if the plan says so. */
export function assertPlannedExposure(plan: Plan, exposure: Exposure | undefined): void {
  if (exposure !== undefined) assertExposure(exposure, { name: 'test.exposure' })
  const got = exposure?.digest ?? 'none'
  const planned = plan.exposure?.digest ?? 'none'
  if (got !== planned) throw new RangeError(`"test.exposure" expected ${planned} as planned, got ${got}`)
  // The digest is of the documents; of these, windows of any width may have been counted.
  if (exposure !== undefined && exposure.contextWidth !== plan.contextWidth)
    throw new RangeError(
      `"test.exposure" expected counts of windows of ${plan.contextWidth} ids, got ${exposure.contextWidth}`,
    )
}

/** Why a conclusion is exploratory: everything that was open when the plan was made. */
export function exploratoryReasons(
  plan: Plan,
  { keyId, lane, answered }: { keyId: string; lane: number; answered: Answered | undefined },
): readonly string[] {
  const reasons: string[] = []
  const { family, prompts, stopping } = plan
  if (family === undefined)
    reasons.push('the plan names no family of keys, so how many keys were tried is not on record')
  else if (!family.some((planned) => planned.keyId === keyId && planned.lane === lane))
    reasons.push(`key ${keyId}, lane ${lane}, is not in the family that the plan names`)
  if (prompts.marked && prompts.markedText === undefined)
    reasons.push(
      'the plan does not say what its marked prompts were cut out of, or that they are whole texts, so windows that their writer had used may count as new',
    )
  if (stopping.rule === 'fixed' && answered !== undefined && answered.count < prompts.count)
    reasons.push(
      `${answered.count} of the ${prompts.count} planned prompts were answered, and the plan has no rule to stop early`,
    )
  else if (answered !== undefined && answered.passedOver > 0)
    reasons.push(
      `${answered.passedOver} of the first ${answered.count + answered.passedOver} planned prompts have no answer`,
    )
  return reasons
}

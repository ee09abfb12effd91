/**
 * The attribution record as it was read from a file: every field has its type, every number is one, and the decision is no stronger than the
 * numbers under it. It recomputes nothing from answers; that is what `case verify` does.
 */
import {
  assertArray,
  assertInteger,
  assertNumber,
  assertOneOf,
  assertRecord,
  assertString,
} from '../assert.ts'
import type { Attribution } from '../distill/attribution.ts'
import type { Conclusion } from '../distill/conclusion.ts'
import { ROLES } from '../keys/profile.ts'
import { assertBoolean } from '../plan/parts.ts'
import { type Plan, planDigest } from '../plan/plan.ts'
import { leadingOf, lnCorrected } from './leading.ts'

const DECISIONS = ['evidence', 'no-evidence', 'insufficient', 'protocol-mismatch'] as const
const DIGEST = /^sha256:[0-9a-f]{64}$/
const KEY_ID = /^[0-9a-f]{16}$/

/** Refuses what is not of its kind. Lists have limits well above what a test makes, so that no record makes a page large. */
type Check = (value: unknown, name: string) => void

const text: Check = (value, name) => assertString(value, { name, expected: 'words' })
const digest: Check = (value, name) => assertString(value, { name, expected: 'a digest', pattern: DIGEST })
const keyId: Check = (value, name) => assertString(value, { name, expected: 'a key id', pattern: KEY_ID })
const flag: Check = (value, name) => assertBoolean(value, { name })
const number: Check = (value, name) =>
  assertNumber(value, { name, expected: 'a number', holds: Number.isFinite })
const chance: Check = (value, name) =>
  assertNumber(value, { name, expected: 'the logarithm of a probability', holds: (x) => x <= 0 })
const share: Check = (value, name) =>
  assertNumber(value, { name, expected: 'a share', holds: (x) => x >= 0 && x <= 1 })
const count: Check = (value, name) => assertInteger(value, { name })
const positive: Check = (value, name) => assertInteger(value, { name, min: 1 })
const one =
  (...values: readonly string[]): Check =>
  (value, name) =>
    assertOneOf(value, { name, values })
const list =
  (each: Check, most = Infinity): Check =>
  (value, name) => {
    assertArray(value, { name })
    if ((value as unknown[]).length > most)
      throw new RangeError(`"${name}" expected at most ${most} entries, got ${(value as unknown[]).length}`)
    for (const [i, entry] of (value as unknown[]).entries()) each(entry, `${name}[${i}]`)
  }
const maybe =
  (check: Check): Check =>
  (value, name) => {
    if (value !== undefined) check(value, name)
  }
const record =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value, name) => {
    assertRecord(value, { name, keys: Object.keys(fields) })
    for (const [field, check] of Object.entries(fields)) check(value[field], `${name}.${field}`)
  }

const interval = record({ lower: number, upper: number, confidence: share })
const family = record({ size: positive, method: one('none', 'holm'), lnAdjustedP: maybe(chance) })

const law: Check = (value, name) => {
  assertRecord(value, { name })
  const kinds = {
    bernoulli: { p: share, fixedSize: maybe(flag) },
    exponential: { levels: maybe(number) },
    binomial: { trials: positive, p: share },
    hypoexponential: { alpha: share, levels: maybe(number) },
  }
  assertOneOf(value['kind'], { name: `${name}.kind`, values: Object.keys(kinds) })
  record({ kind: text, ...kinds[value['kind'] as keyof typeof kinds] })(value, name)
}

const verdict = record({
  format: one('dyetrace/verdict-1'),
  method: text,
  scheme: text,
  keyId,
  role: maybe(one(...ROLES)),
  lane: maybe(count),
  seen: count,
  counted: count,
  sum: number,
  law,
  weights: maybe(record({ total: number, absolute: number, squares: number, effective: number })),
  lnP: chance,
  log10P: chance,
  tail: one('exact', 'bound'),
  mean: number,
  effect: number,
  interval: maybe(interval),
  lnE: number,
  alpha: share,
  minimumCounted: positive,
  decision: one(...DECISIONS),
  family,
  notes: list(text, 20),
})

const uniformity = record({
  points: list(record({ z: number, expected: share, share }), 50),
  distance: share,
  limit: number,
  uniform: flag,
})

const finding = record({
  statistic: one('count', 'contrast'),
  deciding: flag,
  part: maybe(record({ windows: one('frequent', 'rare'), side: one('upper', 'lower') })),
  verdict,
  estimate: maybe(record({ lnP: number, log10P: number })),
  decoys: maybe(
    record({ count: positive, p: share, floor: share, mean: number, standardDeviation: number, uniformity }),
  ),
  beta: maybe(list(number)),
})

const stopped: Check = (value, name) => {
  assertRecord(value, { name })
  const rules = {
    fixed: {},
    looks: {
      planned: positive,
      look: maybe(count),
      looks: list(record({ index: count, observations: count, alpha: share, lnP: chance }), 30),
    },
    'e-process': {
      fresh: flag,
      lnE: number,
      lnMaxE: number,
      futile: flag,
      path: list(record({ observations: count, counted: count, lnE: number }), 200),
    },
  }
  assertOneOf(value['rule'], { name: `${name}.rule`, values: Object.keys(rules) })
  record({ rule: text, ...rules[value['rule'] as keyof typeof rules] })(value, name)
}

const conclusion = record({
  format: one('dyetrace/conclusion-1'),
  suspect: text,
  plan: digest,
  profile: digest,
  keyId,
  role: one(...ROLES),
  label: text,
  lane: count,
  access: one('text', 'top-k', 'rows'),
  topK: maybe(positive),
  statistic: one('count', 'contrast'),
  decision: one(...DECISIONS),
  sentence: text,
  exploratory: maybe(record({ reasons: list(text, 20) })),
  findings: list(finding, 20),
  family,
  stopped,
  power: maybe(
    record({
      power: share,
      effect: number,
      z: number,
      per: one('pair', 'position'),
      n: positive,
      law: one('exact', 'estimate'),
    }),
  ),
  strength: maybe(
    record({
      kind: one('tilt', 'excess'),
      value: number,
      interval,
      share: maybe(record({ value: number, interval, recipe: text })),
    }),
  ),
  controls: record({
    instrument: maybe(record({ passed: flag, counted: count, log10P: chance })),
    decoysUniform: maybe(flag),
    references: list(text),
    seen: count,
    kept: count,
    repeatedWindow: count,
    burned: count,
    promptOverlap: count,
    notAligned: count,
    prompts: record({ planned: positive, answered: maybe(count), marked: flag }),
  }),
  notes: list(text, 20),
})

const attributionRecord = record({
  format: one('dyetrace/attribution-1'),
  suspect: text,
  plan: digest,
  family: record({ size: positive, tried: positive, method: one('holm') }),
  conclusions: list(conclusion),
  hierarchy: list(record({ role: one(...ROLES), tried: count, found: list(count) })),
  narrowest: maybe(one(...ROLES)),
  list: list(record({ conclusion: count, lnE: number })),
})

/**
 * The record, checked.
 * @throws TypeError or RangeError that names the field, also where a decision is stronger than its numbers or is of another plan.
 */
export function readAttribution(value: unknown, { plan }: { plan: Plan }): Attribution {
  attributionRecord(value, 'attribution')
  const attribution = value as Attribution
  const { conclusions } = attribution
  if (conclusions.length === 0)
    throw new RangeError('"attribution.conclusions" expected at least one, got none')
  assertSame(attribution.plan, planDigest(plan), 'attribution.plan')
  assertSame(attribution.suspect, plan.suspect, 'attribution.suspect')
  for (const [i, each] of conclusions.entries()) assertCoherent(each, plan, `attribution.conclusions[${i}]`)
  for (const { conclusion: place } of attribution.list)
    if (place >= conclusions.length)
      throw new RangeError(`"attribution.list" expected places of conclusions, got ${place}`)
  return attribution
}

function assertSame(got: string, expected: string, name: string): void {
  if (got !== expected) throw new RangeError(`"${name}" expected what the plan has, got something else`)
}

/** A decision that its own numbers do not carry is refused, so that no page is made of it. */
function assertCoherent(each: Conclusion, plan: Plan, name: string): void {
  assertSame(each.plan, planDigest(plan), `${name}.plan`)
  assertSame(each.suspect, plan.suspect, `${name}.suspect`)
  const deciding = each.findings.filter((finding) => finding.deciding)
  if (deciding.length === 0) throw new RangeError(`"${name}.findings" expected one that decides, got none`)
  for (const { verdict } of each.findings) {
    const { alpha, lnP, log10P } = verdict
    if (alpha !== plan.alpha)
      throw new RangeError(`"${name}" expected the plan's alpha ${plan.alpha} in every finding, got ${alpha}`)
    if (Math.abs(lnP / Math.LN10 - log10P) > 1e-9 * (1 + Math.abs(log10P)))
      throw new RangeError(`"${name}" expected lnP and log10P of one p-value, got ${lnP} and ${log10P}`)
    if ((verdict.family.lnAdjustedP ?? lnP) < lnP - 1e-9 * (1 - lnP))
      throw new RangeError(`"${name}" expected a corrected p-value that is not below the one it corrects`)
  }
  const passed = each.controls.instrument?.passed
  if ((passed === false) !== (each.decision === 'protocol-mismatch'))
    throw new RangeError(
      `"${name}.decision" expected "protocol-mismatch" where the instrument check failed and nowhere else, got "${each.decision}"`,
    )
  if (each.decision !== 'evidence') return
  const { verdict } = leadingOf(each)
  if (!(lnCorrected(verdict) <= Math.log(plan.alpha)) || verdict.decision !== 'evidence')
    throw new RangeError(
      `"${name}.decision" expected what the numbers carry, got "evidence" with ln p = ${lnCorrected(verdict)}, above ln alpha`,
    )
}

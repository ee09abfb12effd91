/**
 * The attribution record as it was read from a file: every field has its type, every number is one, and every decision is what
 * the numbers under it make it, no more and no less. It recomputes nothing from answers; that is what `case verify` does.
 */
import {
  assertArray,
  assertInteger,
  assertNumber,
  assertOneOf,
  assertRecord,
  assertString,
} from '../assert.ts'
import type { Decision, Verdict } from '../detect/verdict.ts'
import { exploratoryReasons } from '../distill/as-planned.ts'
import type { Attribution } from '../distill/attribution.ts'
import type { Conclusion, Finding } from '../distill/conclusion.ts'
import type { DecoyExhibit } from '../distill/decoys.ts'
import { familySize } from '../distill/family-size.ts'
import { ROLES } from '../keys/profile.ts'
import { assertBoolean } from '../plan/parts.ts'
import { type Plan, planDigest } from '../plan/plan.ts'
import { lookShare } from '../plan/stopping.ts'
import { holm } from '../stats/multiplicity.ts'
import { lnLeastTail } from '../stats/tail.ts'
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
 * @throws TypeError or RangeError that names the field, also where a decision is not what its numbers and the plan make it, in either direction.
 */
export function readAttribution(value: unknown, { plan }: { plan: Plan }): Attribution {
  attributionRecord(value, 'attribution')
  const attribution = value as Attribution
  const { conclusions } = attribution
  if (conclusions.length === 0)
    throw new RangeError('"attribution.conclusions" expected at least one, got none')
  assertSame(attribution.plan, planDigest(plan), 'attribution.plan')
  assertSame(attribution.suspect, plan.suspect, 'attribution.suspect')
  assertOnce(conclusions)
  for (const [i, each] of conclusions.entries()) assertOfPlan(each, plan, `attribution.conclusions[${i}]`)
  assertPaid(attribution, plan)
  for (const [i, each] of conclusions.entries()) assertCoherent(each, plan, `attribution.conclusions[${i}]`)
  assertHierarchy(attribution)
  for (const { conclusion: place } of attribution.list)
    if (place >= conclusions.length)
      throw new RangeError(`"attribution.list" expected places of conclusions, got ${place}`)
  return attribution
}

function assertSame(got: unknown, expected: unknown, name: string): void {
  if (got !== expected) throw new RangeError(`"${name}" expected what the plan has, got something else`)
}

/** Rounding of logarithms differs between machines in the last bits. */
function isNear(a: number, b: number): boolean {
  return a === b || Math.abs(a - b) <= 1e-9 * (1 + Math.abs(a))
}

/** A conclusion that stands there twice would be counted twice. */
function assertOnce(conclusions: readonly Conclusion[]): void {
  const seen = new Set<string>()
  for (const [i, { keyId: id, lane }] of conclusions.entries()) {
    const tried = `key id ${id}, lane ${lane}`
    if (seen.has(tried))
      throw new RangeError(
        `"attribution.conclusions[${i}]" expected each key and lane once, got ${tried} again`,
      )
    seen.add(tried)
  }
}

/** It is about this plan: its suspect, access, statistic, rule and level. */
function assertOfPlan(each: Conclusion, plan: Plan, name: string): void {
  const { controls, stopped, findings } = each
  assertSame(each.plan, planDigest(plan), `${name}.plan`)
  for (const field of ['suspect', 'access', 'topK', 'statistic'] as const)
    assertSame(each[field], plan[field], `${name}.${field}`)
  assertSame(stopped.rule, plan.stopping.rule, `${name}.stopped.rule`)
  if (stopped.rule === 'looks' && plan.stopping.rule === 'looks')
    assertSame(stopped.planned, plan.stopping.looks, `${name}.stopped.planned`)
  if (stopped.rule === 'e-process' && plan.stopping.rule === 'e-process')
    assertSame(stopped.fresh, plan.stopping.fresh, `${name}.stopped.fresh`)
  assertSame(controls.prompts.planned, plan.prompts.count, `${name}.controls.prompts.planned`)
  assertSame(controls.prompts.marked, plan.prompts.marked, `${name}.controls.prompts.marked`)
  const isFresh = plan.stopping.rule === 'e-process' && plan.stopping.fresh
  if (controls.prompts.answered === undefined && !isFresh)
    throw new RangeError(`"${name}.controls.prompts.answered" expected a number, got none`)
  if (!findings.some(({ deciding }) => deciding))
    throw new RangeError(`"${name}.findings" expected one that decides, got none`)
  for (const { deciding, statistic, verdict } of findings) {
    const { alpha, minimumCounted } = verdict
    if (alpha !== plan.alpha)
      throw new RangeError(`"${name}" expected the plan's alpha ${plan.alpha} in every finding, got ${alpha}`)
    assertSame(minimumCounted, plan.minimumCounted, `${name}.findings, minimumCounted`)
    assertSame(verdict.keyId, each.keyId, `${name}.findings, keyId`)
    // From below nothing is taken off, so a class counts there whatever the plan's statistic is.
    if (deciding && statistic !== 'count')
      assertSame(statistic, plan.statistic, `${name}.findings, statistic`)
  }
}

/** Every p-value is corrected for its looks and its family as the plan and the other conclusions ask: Holm, computed again. */
function assertPaid({ conclusions, family: named }: Attribution, plan: Plan): void {
  const keys = familySize(plan, conclusions)
  if (named.size !== keys || named.tried !== conclusions.length)
    throw new RangeError(
      `"attribution.family" expected ${keys} keys paid for and ${conclusions.length} tried, got ${named.size} and ${named.tried}`,
    )
  const tests = conclusions.flatMap((each, i) =>
    each.findings.map((finding) => ({ ...finding, i, lnP: lnPaid(each, finding) })),
  )
  const deciding = tests.filter((test) => test.deciding)
  const own = conclusions[0]!.findings.filter((finding) => finding.deciding).length
  if (deciding.length !== own * conclusions.length)
    throw new RangeError('"attribution.conclusions" expected as many deciding findings in each, got others')
  const size = keys * own
  const untried = new Array<number>(size - deciding.length).fill(0)
  const { lnAdjusted } = holm([...deciding.map(({ lnP }) => lnP), ...untried], { alpha: plan.alpha })
  const adjusted = new Map(deciding.map((test, k) => [test, lnAdjusted[k]!]))
  for (const test of tests) {
    const name = `attribution.conclusions[${test.i}].findings`
    const { family: got, lnP, log10P } = test.verdict
    if (!isNear(lnP / Math.LN10, log10P))
      throw new RangeError(`"${name}" expected lnP and log10P of one p-value, got ${lnP} and ${log10P}`)
    const paid = test.deciding ? size : keys
    const expected = adjusted.get(test) ?? Math.min(0, test.lnP + Math.log(keys))
    if (got.size !== paid || !isNear(expected, lnCorrected(test.verdict)))
      throw new RangeError(
        `"${name}" expected ln p = ${expected}, corrected for ${paid} tests, got ${lnCorrected(test.verdict)} for ${got.size}`,
      )
  }
}

/** ln of the p-value with its look paid for. It must be that of the look, or of the e-process, that the record shows beside it. */
function lnPaid({ stopped }: Conclusion, { deciding, verdict: { lnP } }: Finding): number {
  if (stopped.rule === 'e-process' && deciding && !isNear(lnP, -Math.max(0, stopped.lnMaxE)))
    throw new RangeError(
      `"attribution.conclusions" expected ln p = ${-stopped.lnMaxE}, that of the e-process, got ${lnP}`,
    )
  if (stopped.rule !== 'looks') return lnP
  const { look, looks } = stopped
  if (deciding && look !== undefined && !looks.some((one) => one.index === look && isNear(one.lnP, lnP)))
    throw new RangeError(`"attribution.conclusions" expected ln p of look ${look}, got ${lnP}`)
  return Math.min(0, lnP - Math.log(lookShare(look ?? 0)))
}

/** The decision is the one that the numbers make, and what the record itself leaves open is said. */
function assertCoherent(each: Conclusion, plan: Plan, name: string): void {
  for (const { decoys, verdict } of each.findings) {
    assertVerdict(verdict, each, `${name}.findings`)
    if (decoys !== undefined) assertDecoys(decoys, each, `${name}.findings`)
  }
  const passed = each.controls.instrument?.passed
  if ((passed === false) !== (each.decision === 'protocol-mismatch'))
    throw new RangeError(
      `"${name}.decision" expected "protocol-mismatch" where the instrument check failed and nowhere else, got "${each.decision}"`,
    )
  const decisions = each.findings.flatMap(({ deciding, verdict }) => (deciding ? [verdict.decision] : []))
  const expected =
    (['evidence', 'no-evidence'] as const).find((word) => decisions.includes(word)) ?? 'insufficient'
  // Under the burn rule the law is of the planned windows, and how many were seen decides by itself.
  const mayBeFewer = plan.counted !== undefined && each.decision === 'insufficient'
  if (passed !== false && each.decision !== expected && !mayBeFewer)
    throw new RangeError(
      `"${name}.decision" expected what the numbers carry, "${expected}", got "${each.decision}" with ln p = ${lnCorrected(leadingOf(each).verdict)}`,
    )
  assertOpenSaid(each, plan, name)
}

/** In both directions: evidence needs a p-value at or below alpha and enough pairs, and no evidence one above it. */
function assertVerdict(verdict: Verdict, { stopped }: Conclusion, name: string): void {
  const { decision, alpha, minimumCounted, counted, weights, law, family } = verdict
  const limit = Math.log(alpha)
  const isSmall = lnCorrected(verdict) <= limit
  const isEnough = (weights ? Math.floor(weights.effective) : counted) >= minimumCounted
  // With coefficients, or more to come, the record does not hold what the highest scores would have given.
  const lnLeast = weights || stopped.rule === 'e-process' ? undefined : lnLeastTail(law, counted)
  const couldSay = lnLeast === undefined || lnLeast + Math.log(family.size) <= limit
  const allowed: readonly Decision[] = !isEnough
    ? ['insufficient']
    : isSmall
      ? ['evidence']
      : stopped.rule === 'e-process'
        ? ['no-evidence']
        : lnLeast === undefined
          ? ['no-evidence', 'insufficient']
          : [couldSay ? 'no-evidence' : 'insufficient']
  if (!allowed.includes(decision))
    throw new RangeError(
      `"${name}" expected what the numbers carry, "${allowed[0]}", got "${decision}" with ln p = ${lnCorrected(verdict)} from ${counted} pairs`,
    )
}

function assertDecoys({ count: drawn, p, floor }: DecoyExhibit, { stopped }: Conclusion, name: string): void {
  const price = stopped.rule === 'looks' && stopped.look !== undefined ? 1 / lookShare(stopped.look) : 1
  if (!isNear(floor, Math.min(1, price / (drawn + 1))) || p < floor - 1e-9)
    throw new RangeError(
      `"${name}.decoys" expected a p-value of ${drawn} decoys, at least ${Math.min(1, price / (drawn + 1))}, got ${p}`,
    )
}

/** Where plan and record show why a conclusion is exploratory, it says so. */
function assertOpenSaid(
  { exploratory, keyId: id, lane, controls }: Conclusion,
  plan: Plan,
  name: string,
): void {
  const { answered: got } = controls.prompts
  const answered = got === undefined ? undefined : { count: got, passedOver: 0 }
  const reasons = exploratoryReasons(plan, { keyId: id, lane, answered })
  const said = exploratory?.reasons ?? []
  if (exploratory !== undefined && said.length === 0)
    throw new RangeError(`"${name}.exploratory.reasons" expected at least one, got none`)
  if (reasons.length > 0 && exploratory === undefined)
    throw new RangeError(`"${name}.exploratory" expected reasons, as ${reasons.join('; ')}, got none`)
}

/** The summary by roles is that of the conclusions. */
function assertHierarchy({ conclusions, hierarchy, narrowest }: Attribution): void {
  for (const { role, tried, found } of hierarchy) {
    const own = [...conclusions.keys()].filter((i) => conclusions[i]!.role === role)
    const accused = own.filter((i) => conclusions[i]!.decision === 'evidence')
    if (tried !== own.length || found.length !== accused.length || !accused.every((i) => found.includes(i)))
      throw new RangeError(`"attribution.hierarchy" expected the conclusions of role ${role}, got others`)
  }
  const last = hierarchy.filter(({ found }) => found.length > 0).at(-1)?.role
  if (narrowest !== last)
    throw new RangeError('"attribution.narrowest" expected the narrowest role with evidence, got another')
}

/**
 * Verdicts that come back from a file, or from somebody else. A verdict is an accusation in a few numbers, so what can be recomputed
 * from it is: an exact one follows from sum, count and law, as does every one on text; another bound does not (it needs all coefficients), but its decision follows from
 * its p-value, level and floor, and its p-value from no fewer scores than it takes. A verdict that claims more than its own numbers is
 * refused.
 */
import {
  assertArray,
  assertInteger,
  assertNumber,
  assertOneOf,
  assertRecord,
  assertString,
  describe,
} from '../assert.ts'
import { parseJson } from '../json.ts'
import { ROLES } from '../keys/profile.ts'
import type { RateInterval } from '../stats/interval.ts'
import { assertNullLaw, EXPONENTIAL_MOST, type NullLaw } from '../stats/law.ts'
import { assertScoreSum, nullMean, nullVariance } from '../stats/tail.ts'
import { type CoefficientSums, type Family, resolveRule, tailOf, type Verdict, verdictOf } from './verdict.ts'

/**
 * Checks a verdict that came as JSON text or as a parsed object. The result is a frozen copy, equal to the verdict that was written.
 * It does not say that the verdict is true: only its text and the key can, by a new `detect`.
 * @throws TypeError or RangeError for a field that is missing, unknown, out of range or in contradiction to the others.
 * @example
 * import { countable, createProfile, deriveMarkKeys, detect, generateMasterKey, parseVerdict, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const [key] = deriveMarkKeys(master, profile)
 * if (!key) throw new Error('no layer')
 * const saved = JSON.stringify(detect(countable([{ ids: [0, 1, 2] }], profile), key))
 * parseVerdict(saved).decision // 'insufficient'
 */
export function parseVerdict(input: unknown): Verdict {
  const value = typeof input === 'string' ? parseJson(input, { start: '"verdict"' }) : input
  assertRecord(value, { name: 'verdict' })
  // Before unknown fields are named: of another record, "format" is the one that says what it is.
  assertOneOf(value['format'], { name: 'verdict.format', values: ['dyetrace/verdict-1'] })
  const fields = ownFields(value, { name: 'verdict', keys: VERDICT_KEYS })
  const verdict = copyOf(fields)
  if (verdict.tail === 'exact' || EXACT_METHODS.includes(verdict.method)) assertExact(verdict)
  else assertBound(verdict)
  return Object.freeze(verdict)
}

const DECISIONS = ['evidence', 'no-evidence', 'insufficient', 'protocol-mismatch'] as const
const VERDICT_KEYS = [
  'format',
  'method',
  'scheme',
  'keyId',
  'role',
  'lane',
  'seen',
  'counted',
  'sum',
  'law',
  'weights',
  'lnP',
  'log10P',
  'tail',
  'mean',
  'effect',
  'interval',
  'lnE',
  'alpha',
  'minimumCounted',
  'decision',
  'family',
  'notes',
] as const
type Fields = Record<(typeof VERDICT_KEYS)[number], unknown>

// Each field by itself.
function copyOf(fields: Fields): Verdict {
  const { method, scheme, keyId, role, lane, seen, counted, weights, tail, interval, decision, notes } =
    fields
  assertOneOf(fields.format, { name: 'verdict.format', values: ['dyetrace/verdict-1'] })
  assertString(method, { name: 'verdict.method', expected: 'the name of a test', pattern: NAME })
  assertString(scheme, { name: 'verdict.scheme', expected: 'the name of a scheme', pattern: NAME })
  assertString(keyId, {
    name: 'verdict.keyId',
    expected: '16 hex digits, or several times as many with + between',
    pattern: /^[0-9a-f]{16}(\+[0-9a-f]{16})*$/,
  })
  if (role !== undefined) assertOneOf(role, { name: 'verdict.role', values: ROLES })
  if (lane !== undefined) assertInteger(lane, { name: 'verdict.lane', max: 511 })
  assertInteger(seen, { name: 'verdict.seen' })
  assertInteger(counted, { name: 'verdict.counted' })
  assertOneOf(tail, { name: 'verdict.tail', values: ['exact', 'bound'] })
  assertOneOf(decision, { name: 'verdict.decision', values: DECISIONS })
  const rule = resolveRule({
    alpha: numberOf(fields, 'alpha'),
    minimumCounted: numberOf(fields, 'minimumCounted'),
  })
  const lnP = numberOf(fields, 'lnP')
  if (lnP > 0) refuse('lnP', 'the natural log of a probability', lnP)
  assertArray(notes, { name: 'verdict.notes', expected: 'an array of sentences' })
  const sentences = Array.from(notes as ArrayLike<unknown>, (note, i) => {
    assertString(note, { name: `verdict.notes[${i}]` })
    return note
  })
  return {
    format: 'dyetrace/verdict-1',
    ...{ method, scheme, keyId },
    ...(role === undefined ? {} : { role }),
    // JSON can say -0.
    ...(lane === undefined ? {} : { lane: lane + 0 }),
    ...{ seen: seen + 0, counted: counted + 0 },
    sum: numberOf(fields, 'sum'),
    law: parseLaw(fields.law),
    ...(weights === undefined ? {} : { weights: parseWeights(weights) }),
    ...{ lnP, log10P: numberOf(fields, 'log10P'), tail },
    mean: numberOf(fields, 'mean'),
    effect: numberOf(fields, 'effect'),
    ...(interval === undefined ? {} : { interval: parseInterval(interval) }),
    lnE: numberOf(fields, 'lnE'),
    ...rule,
    decision,
    family: parseFamily(fields.family, lnP),
    notes: Object.freeze(sentences),
  }
}

const NAME = /^[a-z0-9][a-z0-9/._-]{0,63}$/

function parseLaw(value: unknown): NullLaw {
  assertRecord(value, { name: 'verdict.law', keys: ['kind', 'trials', 'p', 'fixedSize', 'alpha', 'levels'] })
  // A copy first: what is checked is what is kept.
  const law: unknown = { ...value }
  assertNullLaw(law)
  switch (law.kind) {
    case 'bernoulli':
      return Object.freeze({
        kind: law.kind,
        p: law.p,
        ...(law.fixedSize ? { fixedSize: true as const } : {}),
      })
    case 'binomial':
      return Object.freeze({ kind: law.kind, trials: law.trials, p: law.p })
    case 'exponential':
      return Object.freeze({ kind: law.kind, ...levelsOf(law) })
    case 'hypoexponential':
      return Object.freeze({ kind: law.kind, alpha: law.alpha, ...levelsOf(law) })
  }
}

function levelsOf({ levels }: { readonly levels?: number }): { levels?: number } {
  return levels === undefined ? {} : { levels }
}

function parseWeights(value: unknown): CoefficientSums {
  const keys = ['total', 'absolute', 'squares', 'effective'] as const
  const fields = ownFields(value, { name: 'verdict.weights', keys })
  return Object.freeze({
    total: numberOf(fields, 'total', 'weights.total'),
    absolute: numberOf(fields, 'absolute', 'weights.absolute'),
    squares: numberOf(fields, 'squares', 'weights.squares'),
    effective: numberOf(fields, 'effective', 'weights.effective'),
  })
}

function parseInterval(value: unknown): RateInterval {
  const keys = ['lower', 'upper', 'confidence'] as const
  const fields = ownFields(value, { name: 'verdict.interval', keys })
  return Object.freeze({
    lower: numberOf(fields, 'lower', 'interval.lower'),
    upper: numberOf(fields, 'upper', 'interval.upper'),
    confidence: numberOf(fields, 'confidence', 'interval.confidence'),
  })
}

function parseFamily(value: unknown, lnP: number): Family {
  const keys = ['size', 'method', 'lnAdjustedP'] as const
  const { size, method, lnAdjustedP } = ownFields(value, { name: 'verdict.family', keys })
  assertOneOf(method, { name: 'verdict.family.method', values: ['none', 'holm'] })
  if (method === 'none') {
    assertInteger(size, { name: 'verdict.family.size', min: 1, max: 1 })
    if (lnAdjustedP !== undefined) refuse('family.lnAdjustedP', 'none without a correction', lnAdjustedP)
    return Object.freeze({ size, method })
  }
  assertInteger(size, { name: 'verdict.family.size', min: 1 })
  // No correction makes a p-value smaller.
  assertNumber(lnAdjustedP, {
    name: 'verdict.family.lnAdjustedP',
    expected: `a number from lnP (${lnP}) to 0`,
    holds: (x) => x >= lnP && x <= 0,
  })
  return Object.freeze({ size, method, lnAdjustedP })
}

// What these say can be made again, also where the law is a bound. A forger who called it a bound by coefficients would be asked for less.
const EXACT_METHODS: readonly string[] = ['detect', 'detect/joint', 'identify']

/** A verdict that follows from what was counted is made again. */
function assertExact(verdict: Verdict): void {
  const { sum, counted: n, law, alpha, minimumCounted, family, weights, decision } = verdict
  if (verdict.tail !== tailOf(law))
    refuse('tail', `"${tailOf(law)}", as of every verdict by ${verdict.method} under this law`, verdict.tail)
  if (weights) refuse('weights', 'none beside a tail that follows from the law', weights)
  const scores = law.kind === 'binomial' ? n * law.trials : n
  if (scores > MOST_SCORES) refuse('counted', `at most ${MOST_SCORES} scores, or trials of scores`, scores)
  if (ON_TEXT.test(verdict.method) && n > verdict.seen)
    refuse('counted', `at most the ${verdict.seen} positions seen`, n)
  assertScoreSum(law, { sum, n })
  const made = verdictOf({ sum, n, law }, verdict, { alpha, minimumCounted }, family)
  for (const field of ['lnP', 'log10P', 'mean', 'effect', 'lnE'] as const)
    assertNear(verdict[field], made[field], field)
  for (const field of ['lower', 'upper', 'confidence'] as const)
    assertNear(verdict.interval?.[field], made.interval?.[field], `interval.${field}`)
  // The instrument check knows more than the numbers, but it can only withhold a decision.
  if (decision !== made.decision && decision !== 'protocol-mismatch')
    refuse('decision', `${JSON.stringify(made.decision)}, as the numbers say`, decision)
}

/** A bound cannot be made again; what follows from it can. */
function assertBound(verdict: Verdict): void {
  const { sum, counted, law, weights, lnP, mean, alpha, minimumCounted, decision, family } = verdict
  assertNear(verdict.log10P, lnP / Math.LN10, 'log10P')
  if (weights) assertSums(weights, { counted })
  assertWithinReach(verdict)
  const excess = sum - nullMean(law) * (weights ? weights.total : counted)
  const size = weights ? weights.absolute : counted
  assertNear(mean, nullMean(law) + (size === 0 ? 0 : excess / size), 'mean')
  assertNear(verdict.effect, (mean - nullMean(law)) / Math.sqrt(nullVariance(law)), 'effect')
  if (decision !== 'evidence' && decision !== 'no-evidence') return
  const enough = Math.floor(weights ? weights.effective : counted) >= minimumCounted
  const agrees = (family.lnAdjustedP ?? lnP) <= Math.log(alpha) === (decision === 'evidence')
  if (!enough || !agrees) refuse('decision', 'what its p-value, level and floor say', decision)
}

/** No coefficients have other sums (Cauchy and Schwarz). */
function assertSums(
  { total, absolute, squares, effective }: CoefficientSums,
  { counted }: { counted: number },
): void {
  if (squares < 0) refuse('weights.squares', 'a number of at least 0', squares)
  const slack = 1 + TOLERANCE
  const most = Math.sqrt(counted * squares) * slack
  if (!(absolute >= Math.abs(total) / slack && absolute <= most))
    refuse('weights.absolute', `a number from |total| to ${most}`, absolute)
  if (!(effective >= 0 && effective <= counted * slack))
    refuse('weights.effective', `a number from 0 to the ${counted} counted`, effective)
}

/** Sums and p-values that these many scores can give: a tail is no smaller than the chance of the unlikeliest scores there are. */
function assertWithinReach({ law, counted, sum, weights, lnP, lnE }: Verdict): void {
  const { most, lnUnlikeliest } = reachOf(law)
  const { total, absolute } = weights ?? { total: counted, absolute: counted }
  const slack = TOLERANCE * (1 + most * absolute)
  const [least, largest] = [(most * (total - absolute)) / 2 - slack, (most * (total + absolute)) / 2 + slack]
  if (sum < least || sum > largest) refuse('sum', `a number in ${least}..${largest}`, sum)
  const floor = counted * lnUnlikeliest * (1 + TOLERANCE)
  if (lnP < floor) refuse('lnP', `${floor} or more, as no ${counted} scores are less likely`, lnP)
  if (lnE > -floor) refuse('lnE', `${-floor} or less, as no ${counted} scores are less likely`, lnE)
}

/** The largest score, and ln of the chance of the unlikeliest. */
function reachOf(law: NullLaw): { most: number; lnUnlikeliest: number } {
  switch (law.kind) {
    case 'bernoulli':
      return { most: 1, lnUnlikeliest: Math.log(Math.min(law.p, 1 - law.p)) }
    case 'binomial':
      return { most: law.trials, lnUnlikeliest: law.trials * Math.log(Math.min(law.p, 1 - law.p)) }
    case 'exponential':
      // A score is made of one of 2^32 numbers.
      return { most: EXPONENTIAL_MOST, lnUnlikeliest: -32 * Math.LN2 }
    case 'hypoexponential':
      // Of two of them.
      return { most: EXPONENTIAL_MOST, lnUnlikeliest: -64 * Math.LN2 }
  }
}

// Far more than a test counts; beyond, the tails have no numbers.
const MOST_SCORES = 1e12
// A test on text counts a position once; a test of a model can count several tokens at one.
const ON_TEXT = /^(?:detect|detect\/joint|identify|localise)$/

// Logarithms differ between engines in the last bit, and sums of weighted scores by their rounding.
const TOLERANCE = 1e-9

function assertNear(value: number | undefined, expected: number | undefined, field: string): void {
  if (value === expected) return
  if (value === undefined || expected === undefined) refuse(field, String(expected), value)
  if (!(Math.abs(value - expected) <= TOLERANCE * (1 + Math.abs(expected))))
    refuse(field, `${expected}, as the other numbers say`, value)
}

function numberOf<Key extends string>(fields: Record<Key, unknown>, key: Key, name: string = key): number {
  const value = fields[key]
  assertNumber(value, { name: `verdict.${name}`, expected: 'a finite number', holds: () => true })
  // JSON can say -0.
  return value + 0
}

function refuse(field: string, expected: string, got: unknown): never {
  throw new RangeError(`"verdict.${field}" expected ${expected}, got ${describe(got)}`)
}

// Reads each field once, and none that is inherited: a getter or a proxy could answer the check and the use differently.
function ownFields<const Key extends string>(
  value: unknown,
  { name, keys }: { name: string; keys: readonly Key[] },
): Record<Key, unknown> {
  assertRecord(value, { name, keys })
  const fields = keys.map((key) => [key, Object.hasOwn(value, key) ? value[key] : undefined])
  return Object.fromEntries(fields) as Record<Key, unknown>
}

/**
 * Attribution: which of many keys does a suspect depend on? The layers of a mark narrow the answer: the provider's key says that it is our mark, an
 * epoch when, a cohort through which group of accounts, a canary which planted text. Routing gives every window to one layer, so the layers do
 * not dilute each other. Every key that the plan names counts in the correction, tried or not, and every one that was tried is in the report.
 *
 * Two answers stand side by side. `conclusions` carry a claim each, and the chance that any of them accuses wrongly is at most alpha (Holm 1979).
 * `list` is for looking further: of the keys on it an expected share of at most alpha is wrong, whatever their dependence (e-BH: Wang and Ramdas 2022).
 */
import { assertArray, assertOptions, assertRecord } from '../assert.ts'
import type { Digest } from '../digest.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import type { Profile, Role } from '../keys/profile.ts'
import { planDigest } from '../plan/plan.ts'
import { lookShare } from '../plan/stopping.ts'
import { eBenjaminiHochberg } from '../stats/multiplicity.ts'
import type { Conclusion, InstrumentCheck } from './conclusion.ts'
import { familySize } from './family-size.ts'
import { type Candidate, checkInstrument, conclude } from './inquiry.ts'
import { resolveCandidate, resolveInquiry, type SuspectTest } from './test-distillation.ts'

/** A key to be tried. */
export interface AttributionCandidate {
  readonly profile: Profile
  readonly key: MarkKey
  /** @defaultValue 0 */
  readonly lane?: number
}

/** What {@link attribute} is given. */
export interface AttributionTest extends SuspectTest {
  /** At least one, each key and lane once. The instrument's text must be marked under one of them at least. */
  readonly candidates: readonly AttributionCandidate[]
}

/** One role of the hierarchy. */
export interface AttributedRole {
  readonly role: Role
  /** Keys of this role that were tried. */
  readonly tried: number
  /** Those with evidence, by their place among the conclusions; smallest p-value first. */
  readonly found: readonly number[]
}

/** What the keys showed together. Frozen. */
export interface Attribution {
  readonly format: 'dyetrace/attribution-1'
  readonly suspect: string
  readonly plan: Digest
  /** Keys that were paid for, and those that were tried. */
  readonly family: { readonly size: number; readonly tried: number; readonly method: 'holm' }
  /** One a candidate, in their order. */
  readonly conclusions: readonly Conclusion[]
  /** From the widest role to the narrowest, those with candidates. */
  readonly hierarchy: readonly AttributedRole[]
  /** The narrowest role with evidence. */
  readonly narrowest?: Role
  /** Keys whose e-values pass e-BH at the plan's alpha, by their place among the conclusions; largest e-value first. */
  readonly list: readonly { readonly conclusion: number; readonly lnE: number }[]
}

const HIERARCHY: readonly Role[] = ['provider', 'epoch', 'cohort', 'canary']

/**
 * Tries many keys on one suspect.
 * @throws TypeError or RangeError as `testDistillation`, and for a candidate that is there twice.
 * @example
 * // const { narrowest, conclusions } = attribute({ plan, observations, candidates: allKeys(ring), instrument })
 */
export function attribute(test: AttributionTest): Attribution {
  assertOptions(test, {
    name: 'test',
    keys: [
      'plan',
      'observations',
      'candidates',
      'instrument',
      'exposure',
      'prompts',
      'asked',
      'answers',
      'calibration',
    ],
  })
  const candidates = resolveCandidates(test.candidates)
  const inquiry = resolveInquiry(test, candidates)
  const { plan } = inquiry
  const conclusions = conclude(inquiry, candidates, checkAny(test, candidates))
  const hierarchy = hierarchyOf(conclusions)
  const narrowest = hierarchy.filter(({ found }) => found.length > 0).at(-1)?.role
  const size = familySize(
    plan,
    candidates.map(({ tested: { key, lane } }) => ({ keyId: key.keyId, lane })),
  )
  return Object.freeze({
    format: 'dyetrace/attribution-1' as const,
    suspect: plan.suspect,
    plan: planDigest(plan),
    family: Object.freeze({ size, tried: candidates.length, method: 'holm' as const }),
    conclusions: Object.freeze(conclusions),
    hierarchy,
    ...(narrowest === undefined ? {} : { narrowest }),
    list: listOf(conclusions, { size, alpha: plan.alpha }),
  })
}

function resolveCandidates(given: readonly AttributionCandidate[]): readonly Candidate[] {
  assertArray(given, { name: 'test.candidates', expected: 'an array of { profile, key, lane }' })
  if (given.length === 0) throw new RangeError('"test.candidates" expected at least one key to try, got none')
  const tried = new Set<string>()
  return Array.from(given, (candidate, i) => {
    const name = `test.candidates[${i}]`
    assertRecord(candidate, { name, keys: ['profile', 'key', 'lane'] })
    const resolved = resolveCandidate(candidate as unknown as AttributionCandidate, { name })
    const { key, lane } = resolved.tested
    const label = `key id ${key.keyId}, lane ${lane}`
    if (tried.has(label))
      throw new RangeError(`"${name}" expected each key and lane once, got ${label} again`)
    tried.add(label)
    return resolved
  })
}

/** Known marked text must light up under one of the keys that could know it. */
function checkAny(
  { instrument }: AttributionTest,
  candidates: readonly Candidate[],
): InstrumentCheck | undefined {
  if (instrument === undefined) return undefined
  const checks = candidates
    .filter(({ profile }) => instrument.profile === undefined || sameMark(instrument.profile, profile))
    .map((candidate) => checkInstrument(instrument, candidate, { name: 'test.instrument' }))
  if (checks.length === 0) return checkInstrument(instrument, candidates[0]!, { name: 'test.instrument' })
  return checks.reduce((a, b) => (b.log10P < a.log10P ? b : a))
}

/** Positions can be scored under keys of the same format. */
function sameMark(a: Profile, b: Profile): boolean {
  return (['scheme', 'contextWidth', 'bits', 'param', 'tokenizer', 'vocabularySize'] as const).every(
    (field) => a[field] === b[field],
  )
}

function hierarchyOf(conclusions: readonly Conclusion[]): readonly AttributedRole[] {
  const roles = HIERARCHY.map((role) => {
    const own = [...conclusions.keys()].filter((i) => conclusions[i]!.role === role)
    const found = own.filter((i) => conclusions[i]!.decision === 'evidence')
    found.sort((a, b) => Math.sign(lnBest(conclusions[a]!) - lnBest(conclusions[b]!)))
    return Object.freeze({ role, tried: own.length, found: Object.freeze(found) })
  })
  return Object.freeze(roles.filter(({ tried }) => tried > 0))
}

function lnBest({ findings }: Conclusion): number {
  return Math.min(...findings.filter(({ deciding }) => deciding).map(({ verdict }) => verdict.lnP))
}

function listOf(
  conclusions: readonly Conclusion[],
  { size, alpha }: { size: number; alpha: number },
): Attribution['list'] {
  const lnEs = conclusions.map(lnEOf)
  const untried = new Array<number>(size - lnEs.length).fill(-Infinity)
  const { rejected } = eBenjaminiHochberg([...lnEs, ...untried], { alpha })
  const list = conclusions.flatMap(({ decision }, i) =>
    rejected[i] && decision !== 'protocol-mismatch' ? [Object.freeze({ conclusion: i, lnE: lnEs[i]! })] : [],
  )
  return Object.freeze(list.sort((a, b) => Math.sign(b.lnE - a.lnE)))
}

/**
 * An e-value of a conclusion that holds under its stopping rule. The mixtures of a fixed test and of a process are used as they are; for looks and
 * classes, which choose among several, 1 / (2 sqrt p) is an e-value of the corrected p (its mean under a uniform p is 1; Vovk and Wang 2021).
 */
function lnEOf({ stopped, findings }: Conclusion): number {
  const deciding = findings.filter((finding) => finding.deciding)
  if (stopped.rule === 'e-process') return stopped.lnE
  if (stopped.rule === 'fixed' && deciding.length === 1) return deciding[0]!.verdict.lnE
  const prices = deciding.map(({ verdict }) => verdict.lnP + lnPriceOf(stopped, deciding.length))
  return -Math.LN2 - Math.min(0, ...prices) / 2
}

function lnPriceOf(stopped: Conclusion['stopped'], tests: number): number {
  const look = stopped.rule === 'looks' ? stopped.look : undefined
  return Math.log(tests) - (look === undefined ? 0 : Math.log(lookShare(look)))
}

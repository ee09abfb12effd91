/**
 * How many token edits a verdict survives, whoever makes them: robustness that is proved and not measured. Countable positions and a key
 * in, the largest number of insertions, deletions and substitutions out after which `detect` still says "evidence", for every way to
 * make them, also with the key at hand. docs/statistics.md, section 9, has the proof.
 *
 * In short: an edit takes away at most B of the distinct pairs that are counted and brings at most B new ones (`pairsPerEdit`). The worst
 * that e edits can do is to bring e B pairs that score nothing and to take away some number x <= e B of pairs, the best ones first. The bound
 * is the largest p-value over x.
 *
 * It refuses text that was read with an end-of-text id: one such id, inserted, hides everything after it.
 */
import { assertInteger, assertOptions } from '../assert.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import type { Scheme } from '../schemes/scheme.ts'
import type { NullLaw } from '../stats/law.ts'
import { lnUpperTail } from '../stats/tail.ts'
import { type Countable, pairsOf } from './countable.ts'
import { scorePairs } from './evidence.ts'
import { testedKey } from './tested-key.ts'
import { type DecisionRule, resolveRule } from './verdict.ts'

/** What edits cannot undo. */
export interface Certificate {
  readonly format: 'dyetrace/certificate-1'
  readonly scheme: string
  readonly keyId: string
  readonly lane: number
  /** Distinct pairs scored before any edit, and their sum. */
  readonly counted: number
  readonly sum: number
  readonly alpha: number
  readonly minimumCounted: number
  /** Distinct pairs that one edit can take away, and bring, at most. */
  readonly pairsPerEdit: number
  /** The verdict stays "evidence" after this many edits, whatever they are. null where it is not "evidence" to begin with. */
  readonly edits: number | null
  /** Natural log of the largest p-value after `edits` edits (without any, where `edits` is null). */
  readonly lnPBound: number
}

/** Options of {@link certificate}. */
export interface CertificateOptions extends DecisionRule {
  /** The account's lane in the layer's key stream. @defaultValue 0 */
  readonly lane?: number
}

/**
 * The largest number of token edits after which `detect` with the same key and rule still says "evidence". Edits are insertions,
 * deletions and substitutions of ids, anywhere in the documents; a prompt's length goes with the edits inside it, and whether an id survives
 * as text (`skip`) with the id. One key of a family
 * of m, as in `detectAny`, is certified by alpha / m.
 * @param positions from `countable`, without the option `endOfText`.
 * @throws TypeError or RangeError as `detect`, and for positions that were read with an end-of-text id.
 * @example
 * import { certificate, countable, createMarker, createProfile, deriveMarkKeys, generateMasterKey, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b']), vocabularySize: 256,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const [key] = deriveMarkKeys(master, profile)
 * if (!key) throw new Error('no layer')
 * const marker = createMarker(profile, [key])
 * const ids = [0]
 * for (let i = 0; i < 100; i++) {
 *   // A model that repeats no token.
 *   const row = new Float32Array(256).map((_, id) => (ids.includes(id) ? -9 : id / 256))
 *   marker.mark(row, ids)
 *   ids.push(row.indexOf(Math.max(...row)))
 * }
 * certificate(countable([{ ids }], profile), key).pairsPerEdit // 2, and `edits` of them leave the verdict as it is
 */
export function certificate(
  positions: Countable,
  key: MarkKey,
  options: CertificateOptions = {},
): Certificate {
  const { scheme, lane, rule, n, sum, worst } = prepare(positions, key, options)
  const { alpha, minimumCounted } = rule
  const each = pairsPerEdit(scheme)
  const limit = Math.log(alpha)
  const stands = (edits: number): boolean => n - edits * each >= minimumCounted && worst(edits) <= limit
  let edits: number | null = null
  if (stands(0)) {
    // The bound grows with the number of edits, and n edits are always too many.
    let [most, tooMany] = [0, n]
    while (tooMany - most > 1) {
      const middle = Math.floor((most + tooMany) / 2)
      if (stands(middle)) most = middle
      else tooMany = middle
    }
    edits = most
  }
  return Object.freeze({
    format: 'dyetrace/certificate-1' as const,
    scheme: scheme.id,
    keyId: key.keyId,
    lane,
    counted: n,
    sum,
    alpha,
    minimumCounted,
    pairsPerEdit: each,
    edits,
    lnPBound: worst(edits ?? 0),
  })
}

/**
 * Natural log of the largest p-value that `detect` can give after a number of edits, whatever they are: one point of the curve whose
 * crossing with alpha is the certificate.
 * @param options.edits number of edits, 0 or more; with 0, the p-value of `detect`.
 * @throws TypeError or RangeError as `certificate`
 * @example
 * import { countable, createProfile, deriveMarkKeys, generateMasterKey, lnPAfterEdits, tokenizerDigest } from 'dyetrace'
 * const master = generateMasterKey()
 * const profile = createProfile(master, {
 *   scheme: 'green-list', contextWidth: 1, gamma: 0.25, delta: 2,
 *   tokenizer: tokenizerDigest(['a', 'b', 'c']), vocabularySize: 3,
 *   layers: [{ role: 'provider', label: 'acme' }], created: '2026-11-24',
 * })
 * const [key] = deriveMarkKeys(master, profile)
 * if (!key) throw new Error('no layer')
 * lnPAfterEdits(countable([{ ids: [0, 1, 2] }], profile), key, { edits: 10 }) // 0: nothing is left of so short a text
 */
export function lnPAfterEdits(
  positions: Countable,
  key: MarkKey,
  options: { readonly edits: number; readonly lane?: number },
): number {
  assertOptions(options, { name: 'options', keys: ['edits', 'lane'] })
  const { edits, ...rest } = options
  assertInteger(edits, { name: 'options.edits', max: MOST_EDITS })
  return prepare(positions, key, rest).worst(edits)
}

// Beyond any text, and within the range of the tails.
const MOST_EDITS = 1e9

/**
 * Distinct counted pairs that one edit can take away, and that it can bring. Where pairs count, the windows over the edited place: one
 * more than the context is wide. Where the first use of a context counts, an edit also changes which use that is, so it is the number of
 * contexts whose uses change: those lost, those new, and the one before the edited place.
 */
function pairsPerEdit({ countOnce, contextWidth }: Scheme): number {
  switch (countOnce) {
    case 'pair':
      return contextWidth + 1
    case 'context':
      return 2 * contextWidth + 1
  }
}

/** Checks the question and gathers what all bounds need. */
function prepare(
  positions: Countable,
  key: MarkKey,
  options: CertificateOptions,
): {
  scheme: Scheme
  lane: number
  rule: Required<DecisionRule>
  n: number
  sum: number
  worst: (edits: number) => number
} {
  const pairs = pairsOf(positions)
  assertOptions(options, { name: 'options', keys: ['alpha', 'minimumCounted', 'lane'] })
  const rule = resolveRule(options)
  const tested = testedKey(positions.profile, { key, lane: options.lane }, { name: 'options.lane' })
  if (positions.options.endOfText !== undefined)
    throw new RangeError(
      `"positions" expected text that was read without an end-of-text id, got one read with ${positions.options.endOfText}: inserted, it would hide all that follows, so nothing can be certified; read the text without the option`,
    )
  const scores = scorePairs(pairs, tested).scores.sort().reverse()
  // losses[x]: the most that x lost pairs can take with them. Scores are on a grid, so the sums are exact.
  const losses = new Float64Array(scores.length + 1)
  for (const [x, score] of scores.entries()) losses[x + 1] = losses[x]! + score
  const { scheme, lane } = tested
  const each = pairsPerEdit(scheme)
  return {
    scheme,
    lane,
    rule,
    n: scores.length,
    sum: losses.at(-1)!,
    worst: (edits) => lnWorstTail(losses, { law: scheme.nullLaw, budget: edits * each }),
  }
}

// The two tails that are compared, bound and p-value, are each right to 1e-11 (section 3.1); the bound takes both errors on itself.
const ROUNDING = 1e-10

/**
 * The largest ln p where `budget` pairs that score nothing come in and x <= budget of the old ones go, with the most that x can take
 * with them. More pairs for the same sum, or less sum for the same pairs, only make p larger; between losing a pair and keeping it
 * neither is always better, since fewer pairs make the rest more surprising. So all x are compared, most of them by the bound of a range.
 */
function lnWorstTail(losses: Float64Array, { law, budget }: { law: NullLaw; budget: number }): number {
  const n = losses.length - 1
  const sum = losses[n]!
  if (budget === 0) return lnUpperTail(law, { sum, n })
  let worst = Number.NEGATIVE_INFINITY
  const ranges: [least: number, most: number][] = [[0, Math.min(n, budget)]]
  for (let range = ranges.pop(); range; range = ranges.pop()) {
    const [least, most] = range
    // No x of the range leaves more pairs than its least, or less sum than its most.
    const above = lnUpperTail(law, { sum: sum - losses[most]!, n: n + budget - least })
    if (above <= worst) continue
    if (least === most) worst = above
    else {
      const middle = Math.floor((least + most) / 2)
      ranges.push([least, middle], [middle + 1, most])
    }
  }
  // + 0 makes +0 of -0, which would not come back from JSON as itself.
  return worst * (1 - ROUNDING) + 0
}

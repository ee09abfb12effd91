/**
 * The top-token test of Sander, Fernandez, Durmus, Douze and Furon 2024 (arXiv 2402.14904), written from its description: an open-weight
 * suspect reads texts, its most likely next token in each position is scored under the mark's key, and the number of green ones is held
 * against a binomial law. Taken from there: the top token as what is scored; de-duplication, each (window, token) pair being scored once; the proportion
 * test, whose p-value P(S >= s) is the regularised incomplete beta function I_gamma(s, n - s + 1), here with its own code.
 *
 * What differs. There the suspect reads text that the provider generated under the mark, and windows that the text itself repeats are kept out
 * of the score; here it reads the key-blind text that all tests of the benchmark read, so that all stand on the same positions. Their green lists come
 * from a permutation and have a fixed size; here each token is green by itself, and the binomial law is exact. Their supervised variant, which reads the
 * suspect's own training prompts, and the filters for closed models are left out: they need what a provider seldom has. Nothing of
 * dyetrace is used, so that the comparison checks both.
 */

/** A position: the ids that choose the green list, oldest first, and the suspect's most likely next token. */
export interface TopToken {
  readonly window: readonly number[]
  readonly token: number
}

/** What the test found. */
export interface TopTokenResult {
  /** Distinct pairs. */
  readonly scored: number
  readonly green: number
  /** (green - gamma n) / sqrt(gamma (1 - gamma) n); 0 where nothing was scored. */
  readonly z: number
  /** Natural log of the p-value; 0 where nothing was scored. */
  readonly lnP: number
}

/** Runs the test. @param isGreen whether the mark's key makes a token green after a window. */
export function topTokenTest(
  positions: Iterable<TopToken>,
  { gamma, isGreen }: { gamma: number; isGreen: (window: readonly number[], token: number) => boolean },
): TopTokenResult {
  const seen = new Set<string>()
  let green = 0
  for (const { window, token } of positions) {
    const pair = `${window.join()}|${token}`
    if (seen.has(pair)) continue
    seen.add(pair)
    if (isGreen(window, token)) green++
  }
  const scored = seen.size
  const z = scored === 0 ? 0 : (green - gamma * scored) / Math.sqrt(gamma * (1 - gamma) * scored)
  return { scored, green, z, lnP: green === 0 ? 0 : lnIncompleteBeta(gamma, green, scored - green + 1) }
}

/** ln I_x(a, b), by the continued fraction DLMF 8.17.22 and Lentz's method (Press et al. 2007, Numerical Recipes, section 6.4). */
function lnIncompleteBeta(x: number, a: number, b: number): number {
  // The fraction converges quickly below the mean; above it the other tail is the small one.
  if (x > (a + 1) / (a + b + 2)) return Math.log1p(-Math.exp(lnIncompleteBeta(1 - x, b, a)))
  const front = a * Math.log(x) + b * Math.log1p(-x) + lnGamma(a + b) - lnGamma(a) - lnGamma(b)
  const tiny = 1e-300
  let c = 1
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1), tiny)
  let fraction = d
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / awayFromZero(1 + even * d, tiny)
    c = awayFromZero(1 + even / c, tiny)
    fraction *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / awayFromZero(1 + odd * d, tiny)
    c = awayFromZero(1 + odd / c, tiny)
    fraction *= d * c
    if (Math.abs(d * c - 1) < 1e-15) break
  }
  return front - Math.log(a) + Math.log(fraction)
}

function awayFromZero(value: number, tiny: number): number {
  return Math.abs(value) < tiny ? tiny : value
}

/** ln of the gamma function by Stirling's series (DLMF 5.11.1), lifted above 10 by the recurrence; relative error near 1e-15. */
function lnGamma(x: number): number {
  let product = 1
  let y = x
  for (; y < 10; y++) product *= y
  const s = 1 / (y * y)
  const series = (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188))))) / y
  return (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + series - Math.log(product)
}

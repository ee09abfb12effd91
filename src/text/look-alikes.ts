/**
 * Cyrillic and Greek letters that look like Latin ones. Source: Unicode Technical Standard 39, confusables.txt, version 16.0:
 * both letters of a pair have one skeleton there. A selection: only letters whose shape is that of the Latin letter in
 * ordinary fonts, of the same case; small Greek letters that serve as symbols (alpha, nu, rho, sigma and others) are left out,
 * for undoing those would change formulas. No letter stands for two Latin ones, so what was replaced can be put back.
 */

/** Where a look-alike comes from. */
export type LookAlikeScript = 'cyrillic' | 'greek'

// Code points beside each Latin letter. I is paired by the shape of its capital (confusables.txt folds I and l into one).
const CYRILLIC: readonly (readonly [latin: string, ...codePoints: number[]])[] = [
  ['a', 0x0430],
  ['c', 0x0441],
  ['d', 0x0501],
  ['e', 0x0435],
  ['h', 0x04bb],
  ['i', 0x0456],
  ['j', 0x0458],
  ['o', 0x043e],
  ['p', 0x0440],
  ['q', 0x051b],
  ['s', 0x0455],
  ['v', 0x0475],
  ['w', 0x051d],
  ['x', 0x0445],
  ['y', 0x0443, 0x04af],
  ['A', 0x0410],
  ['B', 0x0412],
  ['C', 0x0421],
  ['E', 0x0415],
  ['G', 0x050c],
  ['H', 0x041d],
  ['I', 0x0406],
  ['J', 0x0408],
  ['K', 0x041a],
  ['M', 0x041c],
  ['O', 0x041e],
  ['P', 0x0420],
  ['S', 0x0405],
  ['T', 0x0422],
  ['V', 0x0474],
  ['W', 0x051c],
  ['X', 0x0425],
  ['Y', 0x0423, 0x04ae],
]

const GREEK: typeof CYRILLIC = [
  ['c', 0x03f2],
  ['j', 0x03f3],
  ['o', 0x03bf],
  ['A', 0x0391],
  ['B', 0x0392],
  ['C', 0x03f9],
  ['E', 0x0395],
  ['F', 0x03dc],
  ['H', 0x0397],
  ['I', 0x0399],
  ['J', 0x037f],
  ['K', 0x039a],
  ['M', 0x039c],
  ['N', 0x039d],
  ['O', 0x039f],
  ['P', 0x03a1],
  ['T', 0x03a4],
  ['X', 0x03a7],
  ['Y', 0x03a5],
  ['Z', 0x0396],
]

/** One look-alike: the Latin letter it resembles, and its own script. */
export interface LookAlike {
  readonly letter: string
  readonly latin: string
  readonly script: LookAlikeScript
}

/** Every pair, Cyrillic before Greek, in the order of the alphabet. */
export const LOOK_ALIKES: readonly LookAlike[] = Object.freeze(
  (
    [
      ['cyrillic', CYRILLIC],
      ['greek', GREEK],
    ] as const
  ).flatMap(([script, rows]) =>
    rows.flatMap(([latin, ...codePoints]) =>
      codePoints.map((codePoint) =>
        Object.freeze({ letter: String.fromCodePoint(codePoint), latin, script }),
      ),
    ),
  ),
)

/**
 * Words of others, made fit to be shown: a suspect's answers and every name in a case are hostile. Nothing is dropped silently. Characters that
 * do not print, turn the direction of writing or stack on each other are shown by their code point, and what is too long is cut, with its length.
 */

/** Controls, format characters (bidi and zero width among them), private use, unassigned, surrogate halves, line and paragraph separators. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/u
/** A fourth combining mark in a row and all that follow. */
const MARKS_IN_A_ROW = 3

/**
 * Text with everything unseen made visible.
 * @param options most: characters to keep. lines: whether line feeds and tabs stay what they are.
 */
export function shown(
  text: string,
  { most = 500, lines = false }: { most?: number; lines?: boolean } = {},
): string {
  // A code unit more than is kept tells whether there is more; 10 MB are not gone through.
  const points = Array.from(text.slice(0, 2 * most + 2))
  let marks = 0
  const kept = points.slice(0, most).map((point) => {
    marks = /\p{M}/u.test(point) ? marks + 1 : 0
    if (lines && (point === '\n' || point === '\t')) return point
    return UNSEEN.test(point) || marks > MARKS_IN_A_ROW ? codeOf(point) : point
  })
  const cut = points.length > most ? ` … (cut; ${grouped(text.length)} characters in all)` : ''
  return kept.join('') + cut
}

function codeOf(point: string): string {
  return `⟨U+${point.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`
}

/** An integer with its thousands apart. */
export function grouped(value: number): string {
  return String(value).replace(/^-?\d+/, (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ','))
}

/**
 * Around a name of others in a sentence of ours: what stands between is set apart, so that a name in Arabic or Hebrew does not carry off the
 * numbers beside it. No text that went through `shown` has these two characters of the private use area.
 */
export const APART = { open: '\ue000', close: '\ue001' } as const

/** The sentence without the marks. */
export function joined(text: string): string {
  return text.replaceAll(APART.open, '').replaceAll(APART.close, '')
}

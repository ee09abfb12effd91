/**
 * A text as words and what stands between them, without loss. A word is a run of letters, digits and combining marks, with single
 * apostrophes inside it. Scripts that put no spaces between words make long "words"; edit those by tokens.
 * Which characters are letters is for the engine's Unicode tables to say, so newly assigned ones may be split otherwise by an older engine.
 */

/** `gaps[i]` stands before `words[i]`; one gap more than words, and no gap between two words is empty. */
export interface Words {
  readonly words: readonly string[]
  readonly gaps: readonly string[]
}

const WORD = /[\p{L}\p{N}\p{M}]+(?:['’][\p{L}\p{N}\p{M}]+)*/gu
const ONE_WORD = new RegExp(`^${WORD.source}$`, 'u')

/** Takes a text apart. */
export function splitWords(text: string): Words {
  const words: string[] = []
  const gaps: string[] = []
  let end = 0
  for (const match of text.matchAll(WORD)) {
    gaps.push(text.slice(end, match.index))
    words.push(match[0])
    end = match.index + match[0].length
  }
  gaps.push(text.slice(end))
  return { words, gaps }
}

/** Puts a text together. */
export function joinWords({ words, gaps }: Words): string {
  return gaps.map((gap, i) => gap + (words[i] ?? '')).join('')
}

/** True if the string is one word and nothing else. */
export function isWord(text: string): boolean {
  return ONE_WORD.test(text)
}

/** Without the words at these ascending places. Each takes one of the spaces around it along, so that spaces do not pile up. */
export function withoutWords({ words, gaps }: Words, places: readonly number[]): Words {
  const left: string[] = []
  const between: string[] = []
  let gap = [gaps[0]!]
  let at = 0
  for (const [i, word] of words.entries()) {
    const after = gaps[i + 1]!
    if (places[at] === i) {
      at++
      joinGap(gap, after)
    } else {
      between.push(gap.join(''))
      left.push(word)
      gap = [after]
    }
  }
  between.push(gap.join(''))
  return { words: left, gaps: between }
}

// Adds what stands after a word that goes to what stands before it, in parts, for many may follow. A gap between two words keeps a
// character at least: only one of two spaces goes, or the one before a punctuation mark.
function joinGap(before: string[], after: string): void {
  const last = before.at(-1)!
  const spaced = last === '' || /\s$/u.test(last)
  if (spaced && /^\s/u.test(after)) {
    if (after.length > 1) before.push(after.slice(1))
    return
  }
  if (spaced) before[before.length - 1] = last.slice(0, -1)
  if (before.at(-1) === '' && before.length > 1) before.pop()
  if (after !== '') before.push(after)
}

/** The words `start..end - 1` and what stands between them, as they stand in the text. */
export function wordRange({ words, gaps }: Words, { start, end }: { start: number; end: number }): string {
  if (end <= start) return ''
  return joinWords({ words: words.slice(start, end), gaps: ['', ...gaps.slice(start + 1, end), ''] })
}

/**
 * Words of a message that may be a key, left out. A word is refused unseen where it is a key (no-secrets.ts); this is for those that only contain one: `KEY=...`,
 * a path that ends in one, a list of bytes. Whole words go, for what stands beside a key may be the rest of it. Digests written `sha256:...` stay.
 */

const WORDS = /[^\s'"`]+/g
const DIGEST = /sha256:[0-9a-f]{64}(?![0-9a-f])/g
const BYTES = /(?<!\d)\d{1,3}(?:\s*,\s*\d{1,3}){4,}(?!\d)/g
const HEX = /[0-9a-f]{32}/i
// Overlapping: every place where 40 such characters begin.
const BASE64 = /(?=([A-Za-z0-9+/_-]{40}))/g
// Between lower case, capitals and digits. Of 40 random characters it has 23 on average, and fewer than 7 with a chance of 3.5e-7; paths have few,
// and a message that hides every long path helps nobody.
const CHANGES = /[a-z](?=[A-Z0-9])|[A-Z](?=[a-z0-9])|[0-9](?=[A-Za-z])/g
const LEAST_CHANGES = 7

/** The text without words that contain 32 hex digits, 40 characters of base64 or base64url that look random, or 5 bytes as decimals, in a row. */
export function masked(text: string): string {
  return text
    .replace(BYTES, (list) => (list.split(',').every((byte) => Number(byte) < 256) ? HIDDEN : list))
    .replace(WORDS, (word) => {
      const rest = word.replace(DIGEST, '')
      if (!HEX.test(rest) && !isRandom(rest)) return word
      // The end of a sentence is not of the word.
      return `${HIDDEN}${/[:;,.)]*$/.exec(word)![0]}`
    })
}

function isRandom(word: string): boolean {
  for (const [, run = ''] of word.matchAll(BASE64))
    if ((run.match(CHANGES)?.length ?? 0) >= LEAST_CHANGES) return true
  return false
}

const HIDDEN = '(a word that may be a key; it is not shown)'

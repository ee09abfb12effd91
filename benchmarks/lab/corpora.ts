/**
 * Key-blind text for the lab: two novels that neither the teacher nor any student was trained on (build-teacher/README.md names
 * their source). One gives prompts for the teacher, the other the contexts in which suspects are tested.
 */
import { readFile } from 'node:fs/promises'

/** Bundled novels, by their part in the lab. */
const novels = {
  /** Robert Louis Stevenson, Treasure Island (1883). */
  teaching: 'Stevenson_Treasure_1883.txt',
  /** Arthur Conan Doyle, The Hound of the Baskervilles (1902). */
  testing: 'Doyle_Hound_1902.txt',
}

/**
 * Evenly spaced, non-overlapping excerpts of a novel as token ids, in the order of the book.
 * @throws RangeError if the book is too short for so many.
 */
export async function excerpts(
  part: keyof typeof novels,
  options: { count: number; length: number; encode: (text: string) => number[] },
): Promise<number[][]> {
  const { count, length, encode } = options
  const text = await readFile(new URL(`./corpora/${novels[part]}`, import.meta.url), 'utf8')
  const ids = encode(text)
  const stride = Math.floor(ids.length / count)
  if (stride < length)
    throw new RangeError(
      `corpus ${novels[part]} expected to hold ${count * length} tokens (${count} excerpts of ${length}), got ${ids.length}`,
    )
  return Array.from({ length: count }, (_, e) => ids.slice(e * stride, e * stride + length))
}

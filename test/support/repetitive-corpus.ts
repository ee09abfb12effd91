/** A corpus of ten million ids with heavy repetition: phrases, copies of documents, and a few marked ones. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import seedrandom from 'seedrandom'
import { type Mark, markedIds } from './marked-texts.ts'

/** Writes seven files of JSON lines; 21 documents carry the mark. */
export function writeRepetitiveCorpus(
  cwd: string,
  mark: Mark,
  vocabularySize: number,
): { paths: readonly string[]; tokens: number } {
  const random = seedrandom('scale')
  const some = (most: number): number => Math.floor(most * random())
  const phrases = Array.from({ length: 3000 }, () =>
    Array.from({ length: 20 }, () => Math.floor(vocabularySize * random() ** 3)),
  )
  let tokens = 0
  const paths = Array.from({ length: 7 }, (_, file) => {
    const kept: string[] = []
    const lines = Array.from({ length: 2900 }, (_row, row) => {
      if (row % 10 === 9) return kept[some(kept.length)]!
      const ids =
        row % 1000 === 500
          ? markedIds(mark, { length: 500, choices: 6, seed: `${file} ${row}` })
          : Array.from({ length: 25 }, () =>
              random() < 0.5 ? phrases[some(3000)]! : Array.from({ length: 20 }, () => some(vocabularySize)),
            ).flat()
      const line = JSON.stringify({ ids })
      if (kept.length < 200) kept.push(line)
      return line
    })
    for (const line of lines) tokens += line.split(',').length
    writeFileSync(join(cwd, `${file}.jsonl`), `${lines.join('\n')}\n`)
    return `${file}.jsonl`
  })
  return { paths, tokens }
}

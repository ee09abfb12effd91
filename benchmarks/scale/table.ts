/** The record of the scale benchmark as a table, and what it says of growth and of sizes that nobody scanned here. */
import type { ScaleResult } from './result.ts'

/** docs/scan.md's table stands between these two lines. */
export const TABLE_BEGIN = '<!-- scale-table: written by npm run bench:scale -- --table -->'
export const TABLE_END = '<!-- /scale-table -->'

/** Head and body. */
export function cellsOf(result: ScaleResult): { head: string[]; body: string[][] } {
  const rate = (tokens: number, seconds: number): string =>
    `${Number((tokens / seconds / 1e6).toPrecision(2))} M/s`
  return {
    head: [
      'tokens',
      'distinct pairs',
      'read',
      'into pairs',
      'counted',
      'whole scan',
      'seconds',
      'memory',
      'disk',
    ],
    body: result.rows.map(({ tokens, pairs, seconds, memory, disk }) => [
      tokens.toExponential(0).replace('+', ''),
      pairs.toLocaleString('en-GB'),
      rate(tokens, seconds.read),
      rate(tokens, seconds.pairs),
      rate(tokens, seconds.count),
      rate(tokens, seconds.whole),
      seconds.whole.toPrecision(2),
      `${(memory / 2 ** 30).toPrecision(2)} GiB`,
      `${(disk / 2 ** 30).toPrecision(2)} GiB`,
    ]),
  }
}

/** Time a token of the largest corpus against that of the smallest of at least 1e7 tokens: below, starting up is a good part. */
export function growthOf({ rows }: Pick<ScaleResult, 'rows'>): number {
  const large = rows.filter(({ tokens }) => tokens >= 1e7)
  const [first, last] = [large[0] ?? rows[0]!, rows.at(-1)!]
  return last.seconds.whole / last.tokens / (first.seconds.whole / first.tokens)
}

/**
 * Hours that a corpus takes on so many cores, on paper: the time a token of the largest corpus, spread evenly; from text, what its tokenizer takes beside. Assumes that shards share nothing
 * and that counting is spread as pairs are, by their hash.
 */
export function hoursFor(
  { rows, workers, tokenise }: Pick<ScaleResult, 'rows' | 'workers' | 'tokenise'>,
  { tokens, cores, isText }: { tokens: number; cores: number; isText: boolean },
): number {
  const { seconds, tokens: measured } = rows.at(-1)!
  const coreSeconds = (seconds.whole * workers) / measured + (isText ? 1 / tokenise : 0)
  return (tokens * coreSeconds) / cores / 3600
}

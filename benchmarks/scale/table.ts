/** The record of the scale benchmark as a table, and what it says of growth and of sizes that nobody scanned here. */
import { markdownOf, withParts } from '../paper.ts'
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

/** Markdown, columns padded to one width. */
export function markdownTable(result: ScaleResult): string {
  return markdownOf(cellsOf(result))
}

/** What the figures stand for, and what they say of 1e11 tokens. */
export function caption(result: ScaleResult): string {
  const { machine, workers, memoryLimit, tokenise, score, created } = result
  const hours = (cores: number, isText: boolean): string =>
    `${Number(hoursFor(result, { tokens: 1e11, cores, isText }).toPrecision(2))} h`
  return [
    `Parquet files of token ids, 1,000 a document, a third of them copies from a pool; one key, green list, width 2; ${workers} threads, a memory limit of ${memoryLimit / 2 ** 30} GiB. "Into pairs" is reading, splitting,`,
    'each document\'s own evidence and writing; "counted" is finding the distinct pairs and scoring each once; rates are tokens of the corpus a second. Starting up is shared by more tokens as corpora grow:',
    `a token takes ${growthOf(result).toPrecision(2)} times as long at 1e8 as at 1e7.`,
    `A thread scores ${Math.round(score / 1e6)} million pairs a second. Text is tokenised in JavaScript at ${Math.round(tokenise / 1000)} thousand tokens a second and thread, which then takes most of the time: corpora of ids are quicker by far.`,
    `On paper, 1e11 ids take ${hours(16, false)} on 16 cores and ${hours(100, false)} on 100, and 1e11 tokens of text ${hours(16, true)} and ${hours(100, true)}: the processor time a token of the largest corpus here, spread evenly over shards that share nothing,`,
    'with disks that keep up and pairs as repetitive as here. Nobody ran that.',
    `Node ${machine.node.slice(1)}, ${machine.cores} cores (${machine.cpu}), DuckDB ${machine.packages['@duckdb/node-api']}; measured ${created}.`,
  ].join('\n')
}

/** A paper with the table of this result in the place that its two markers keep. @throws Error if there is not one place. */
export function withTable(paper: string, result: ScaleResult): string {
  const parts = [markdownTable(result), caption(result)]
  return withParts(paper, { begin: TABLE_BEGIN, end: TABLE_END, parts })
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

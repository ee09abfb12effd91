/** Which parts of a scan are not there: every stream must have its blocks from the first to one that says it is the last. */
import type { DonePart } from './distinct-documents.ts'
import type { Shard } from './parts.ts'
import type { Missing } from './scan-record.ts'
import type { ScanHeader } from './spec.ts'

const MOST_SAID = 3

/** What is missing; undefined where nothing is. Shards that ended say which others did not. */
export function missingParts(
  parts: readonly DonePart[],
  { streams }: ScanHeader,
  shards: readonly Shard[],
): Missing | undefined {
  const blocks = streams.map(() => new Set<number>())
  const lasts = new Map<number, number>()
  for (const { account } of parts) {
    blocks[account.stream]?.add(account.block)
    if (account.isLast) lasts.set(account.stream, account.block)
  }
  const first: string[] = []
  let count = 0
  for (const [place, { name }] of streams.entries()) {
    const said = gapsOf(blocks[place]!, lasts.get(place))
    if (said === undefined) continue
    count++
    if (first.length < MOST_SAID) first.push(`${JSON.stringify(name)}: ${said}`)
  }
  if (count === 0) return undefined
  return { shards: missingShards(shards), streams: count, first }
}

function gapsOf(blocks: ReadonlySet<number>, last: number | undefined): string | undefined {
  if (blocks.size === 0) return 'nothing is there'
  const end = last ?? [...blocks].reduce((most, block) => Math.max(most, block), 0)
  const gaps: number[] = []
  for (let block = 0; block <= end; block++) if (!blocks.has(block)) gaps.push(block)
  if (last === undefined) gaps.push(end + 1)
  if (gaps.length === 0) return undefined
  const more = last === undefined ? ' and perhaps later ones' : ''
  const said = gaps.slice(0, 5).join(', ')
  return `${gaps.length === 1 ? 'block' : 'blocks'} ${said}${gaps.length > 5 ? ` and ${gaps.length - 5} more` : ''}${more}`
}

/** Of every number of shards that was used. */
function missingShards(shards: readonly Shard[]): readonly string[] {
  const numbers = [...new Set(shards.map(({ of }) => of))].sort((a, b) => a - b)
  return numbers.flatMap((of) => {
    const ended = new Set(shards.filter((shard) => shard.of === of).map(({ index }) => index))
    return Array.from({ length: of }, (_, i) => i + 1)
      .filter((index) => !ended.has(index))
      .map((index) => `${index}/${of}`)
  })
}

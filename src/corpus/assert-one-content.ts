/**
 * Refuses parts that are not of one content of each source. Shards read their sources by themselves: one that has changed between them, with its name and size as they were, gives
 * parts that stand side by side and are no corpus, and what only the other content had would be missing without a word. Each part names all that stood before it, so that
 * neighbours that do not go together are seen; and none may stand behind the last.
 */
import type { DonePart } from './distinct-documents.ts'
import { followedBy, partName } from './parts.ts'
import type { ScanHeader } from './spec.ts'

/** @throws RangeError for parts of two contents, and for records of parts under a name that is not theirs. */
export function assertOneContent(parts: readonly DonePart[], { streams }: ScanHeader): void {
  const known = new Map(parts.map(({ name, account }) => [name, account]))
  // The first that says so: whatever is behind it is of another content.
  const lasts = new Map<number, number>()
  for (const { name, account } of parts) {
    const { stream, block, isLast } = account
    if (streams[stream] === undefined || name !== partName(stream, block))
      throw new RangeError(`part ${name}: expected the record of this part, got that of another`)
    if (isLast) lasts.set(stream, Math.min(block, lasts.get(stream) ?? block))
  }
  for (const { account } of parts) {
    const { stream, block, input, before } = account
    const next = known.get(partName(stream, block + 1))
    const isBehind = block > (lasts.get(stream) ?? block)
    if (!isBehind && (next === undefined || next.before === followedBy(before, input))) continue
    const at = isBehind ? block : block + 1
    throw new RangeError(
      `source ${JSON.stringify(streams[stream]!.name)}: expected blocks of one content, got block ${at} of another: it has changed between shards; scan it again in a folder of its own`,
    )
  }
}

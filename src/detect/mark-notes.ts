/**
 * What a verdict must say of a mark, whatever came out: that its hash is not keyed throughout, and that its key is known to everybody.
 */
import { isPublishedEngineKey } from '../keys/engine-published.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import type { Scheme } from '../schemes/scheme.ts'

const OPEN_HASH =
  'p is for text that was not built against this hash: without the key, text can be made on which too many keys score high; compare with fresh keys on the same text, which is exact for any (docs/engines.md)'

const PUBLISHED_KEY =
  'this key is published, as a default or an example: anybody can have marked with it, and evidence of it points to nobody'

/** Sentences for the notes of a verdict on a mark. */
export function notesOnMark({
  scheme,
  key,
}: {
  readonly scheme: Pick<Scheme, 'hash'>
  /** Left out where only its name is known. */
  readonly key?: MarkKey
}): readonly string[] {
  return [
    ...(scheme.hash === 'open' ? [OPEN_HASH] : []),
    ...(key !== undefined && isPublishedEngineKey(key) ? [PUBLISHED_KEY] : []),
  ]
}

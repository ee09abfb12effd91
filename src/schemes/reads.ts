/**
 * Which contexts a key says anything about: those of its layer, but for those whose scores are the same under every key.
 */
import type { Context } from '../context.ts'
import type { MarkKey } from '../keys/mark-key.ts'
import { inLayer } from '../prf/fields.ts'
import type { Scheme } from './scheme.ts'

/** True if a score in this context depends on the key. Blind to what the score is. */
export function reads(
  { key, scheme }: { readonly key: MarkKey; readonly scheme?: Scheme | undefined },
  context: Context,
): boolean {
  return inLayer(key, context) && scheme?.isKeyed?.(context) !== false
}

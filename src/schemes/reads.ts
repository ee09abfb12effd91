/**
 * Which contexts a key says anything about: those of its layer, but for those whose scores are the same under every key.
 */
import type { Context } from '../context.ts'
import { type MarkKey, routeKeyWords } from '../keys/mark-key.ts'
import { inLayer } from '../prf/fields.ts'
import { routeValues } from '../prf/pair-fields.ts'
import type { Scheme } from './scheme.ts'

/** True if a score in this context depends on the key. Blind to what the score is. */
export function reads(
  { key, scheme }: { readonly key: MarkKey; readonly scheme?: Scheme | undefined },
  context: Context,
): boolean {
  return inLayer(key, context) && scheme?.isKeyed?.(context) !== false
}

/**
 * As {@link reads} for the contexts of many pairs, `contextWidth + 1` words each: 1 for each that the key says anything about, 0 for the others. Undefined where
 * it does about all of them.
 */
export function readsOf(
  pairs: Uint32Array,
  { key, scheme, contextWidth }: { key: MarkKey; scheme?: Scheme | undefined; contextWidth: number },
): Uint8Array | undefined {
  const stride = contextWidth + 1
  const route = routeKeyWords(key)
  const isKeyed = scheme?.isKeyed
  if (!route && !isKeyed) return undefined
  const own = new Uint8Array(pairs.length / stride)
  if (route) {
    const { from, to } = key.range
    const values = routeValues(pairs, { route, contextWidth })
    // A comparison without a branch: which layer a context has is chance.
    for (let i = 0; i < own.length; i++) own[i] = Number(values[i]! >= from) & Number(values[i]! < to)
  } else own.fill(1)
  if (isKeyed)
    for (let i = 0; i < own.length; i++)
      if (!isKeyed.call(scheme, pairs.subarray(i * stride, (i + 1) * stride - 1))) own[i] = 0
  return own
}

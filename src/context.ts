/**
 * A context: the ids that choose the field numbers of a position, oldest first, exactly as many as the context width.
 */

/** Ids before a position, oldest first. */
export type Context = ArrayLike<number>

/** The widest context of wire format `dyetrace/1`. */
export const MAX_CONTEXT_WIDTH = 4

/**
 * The last `contextWidth` ids before position `i`, prompt included; undefined where there are fewer.
 */
export function lastIds(
  ids: ArrayLike<number>,
  i: number,
  { contextWidth }: { contextWidth: number },
): Context | undefined {
  if (i < contextWidth) return undefined
  const context: number[] = new Array(contextWidth)
  for (let j = 0; j < contextWidth; j++) context[j] = ids[i - contextWidth + j]!
  return context
}

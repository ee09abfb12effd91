/**
 * How many keys a conclusion must pay for: all that the plan names, tried or not, and any that was tried beside them. A key that was tried and
 * left out of the count would be the search for a lucky key that the count exists to prevent.
 */
import type { Plan } from '../plan/plan.ts'

/** Number of distinct (key, lane) among the plan's family and the candidates. */
export function familySize(
  { family = [] }: Plan,
  candidates: readonly { readonly keyId: string; readonly lane: number }[],
): number {
  return new Set([...family, ...candidates].map(({ keyId, lane }) => `${keyId}/${lane}`)).size
}

export { keystream } from './keystream'
/** What marks and scores are measured against: the whole row plus a constant, nothing else. */
export function addToAll(row: usize, count: u32, step: f32): void {
  const steps = f32x4.splat(step)
  for (let i: usize = 0; i < (<usize>count) << 2; i += 16) v128.store(row + i, f32x4.add(v128.load(row + i), steps))
}

/** First byte that the module's own data leaves free. */
export function firstFree(): usize {
  return __heap_base
}
export { ln } from './ln'
export { buildTable, fieldsAt, gatherMasses, isSampleable, markGreenList, massesFrom, possible, race, scaleAndGatherMasses, scaleAndTilt, sharesOf, survey, tilt, weigh } from './mark'
export { countZeros } from './count-zeros'
export { laneFields, pairFields, planPairs } from './pairs'
export { scoresBelow, scoresExponential, scoresOnes, sumLanes, sumOf } from './scores'
export { murmurFields, philoxFields } from './engines'

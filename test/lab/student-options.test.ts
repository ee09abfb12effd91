import seedrandom from 'seedrandom'
import { expect, test } from 'vitest'
import { type StudentOptions, trainStudent } from '../../benchmarks/lab/student.ts'

const train = (documents: readonly number[][], options: Partial<StudentOptions> = {}) =>
  trainStudent(documents, {
    name: 'toy',
    vocabularySize: 16,
    random: seedrandom('student options'),
    ...options,
  })

/** The next id is a fixed, random-looking one of the two before it, nine times in ten. */
function byTwo(seed: string, count: number): number[][] {
  const table = seedrandom('table')
  const next = Array.from({ length: 256 }, () => Math.floor(16 * table()))
  const random = seedrandom(seed)
  return Array.from({ length: count }, () => {
    const ids = [0, 1]
    while (ids.length < 200)
      ids.push(random() < 0.9 ? next[16 * ids.at(-2)! + ids.at(-1)!]! : Math.floor(16 * random()))
    return ids
  })
}

test('with rows for two tokens it learns what follows them sooner', async () => {
  const documents = byTwo('train', 10)
  const [without, with_] = [await train(documents), await train(documents, { pairRows: 4096 })]
  expect(with_.parameters - without.parameters).toBe(4096 * 16)
  expect(with_.loss).toBeLessThan(without.loss)
  const held = byTwo('held out', 2)
  const loss = async (student: typeof with_): Promise<number> => {
    const rows = await student.rows(held)
    const nats = held.flatMap((ids, d) =>
      ids.slice(2).map((id, i) => -Math.log(rows[d]![(i + 1) * 16 + id]!)),
    )
    return nats.reduce((a, b) => a + b) / nats.length
  }
  expect(await loss(with_)).toBeLessThan((await loss(without)) - 0.1)
})

test('what it is trained on later is what it says then', async () => {
  const [zeros, ones] = [0, 1].map((id) => Array.from({ length: 8 }, () => new Array<number>(64).fill(id)))
  const before = await train(zeros!)
  const after = await train(zeros!, { later: ones! })
  expect([before.trainingTokens, after.trainingTokens]).toEqual([512, 1024])
  const ofOnes = async (student: typeof before): Promise<number> =>
    (await student.rows([[1, 1, 1, 1]]))[0]![3 * 16 + 1]!
  expect(await ofOnes(before)).toBeLessThan(0.1)
  expect(await ofOnes(after)).toBeGreaterThan(0.9)
})

test.each([-1, 1.5])('%s rows for two tokens are refused', async (pairRows) => {
  await expect(train([[0]], { pairRows })).rejects.toThrow('"options.pairRows" expected')
})

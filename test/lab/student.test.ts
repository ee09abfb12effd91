import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { type Student, type StudentOptions, trainStudent } from '../../benchmarks/lab/student.ts'
import { createMarker } from '../../src/integrations/marker.ts'
import { sampleFromLogits } from '../../src/logits.ts'
import { profileWithKey } from '../support/keys.ts'

/** Documents of 200 ids; `next` draws an id from all ids before it. */
function sampleDocuments(count: number, next: (ids: readonly number[]) => number): number[][] {
  return Array.from({ length: count }, () => {
    const ids: number[] = []
    while (ids.length < 200) ids.push(next(ids))
    return ids
  })
}

/** After token a come a + 1 and 3a + 1 (mod 16), each half of the time: ln 2 nats a token, and every token is as frequent. */
function markovChain(seed: string): (ids: readonly number[]) => number {
  const random = seedrandom(seed)
  return (ids) => {
    const a = ids.at(-1) ?? Math.floor(random() * 16)
    return (random() < 0.5 ? a + 1 : 3 * a + 1) % 16
  }
}

/** Nine times in ten one more (mod 8) than four ids before, else any id: ids nearer than that tell nothing. */
function fourBack(seed: string): (ids: readonly number[]) => number {
  const random = seedrandom(seed)
  return (ids) => (random() < 0.9 && ids.length >= 4 ? ids.at(-4)! + 1 : Math.floor(random() * 8)) % 8
}

/** Mean loss from the fifth id of each document on, in nats. */
async function heldOutLoss(student: Student, documents: readonly number[][]): Promise<number> {
  const rows = await student.rows(documents)
  const losses = documents.flatMap((ids, d) =>
    ids.slice(4).map((id, i) => -Math.log(rows[d]![(i + 3) * student.vocabularySize + id]!)),
  )
  return losses.reduce((a, b) => a + b, 0) / losses.length
}

function train(
  documents: readonly number[][],
  options: Partial<StudentOptions> & { seed?: string } = {},
): Promise<Student> {
  const { seed = 'student', ...rest } = options
  return trainStudent(documents, { name: 'toy', vocabularySize: 16, random: seedrandom(seed), ...rest })
}

describe('training', () => {
  test('learns a Markov chain: unigram entropy ln 16 = 2.77 nats, true entropy ln 2 = 0.69', async () => {
    const student = await train(sampleDocuments(20, markovChain('train')))
    expect(student.trainingTokens).toBe(4000)
    expect(student.loss).toBeLessThan(1)
    expect(await heldOutLoss(student, sampleDocuments(5, markovChain('held out')))).toBeLessThan(0.9)
  })

  test('reads the token four back: less knows ln 8 = 2.08 nats, the true entropy is 0.47', async () => {
    const student = await train(sampleDocuments(20, fourBack('train')), { vocabularySize: 8, epochs: 8 })
    expect(await heldOutLoss(student, sampleDocuments(5, fourBack('held out')))).toBeLessThan(1)
  })

  test('is a function of documents and seed', async () => {
    const documents = sampleDocuments(3, markovChain('train'))
    const rowsOf = async (seed: string) => (await (await train(documents, { seed })).rows([[1, 2, 3]]))[0]
    const rows = await rowsOf('a')
    expect(await rowsOf('a')).toEqual(rows)
    expect(await rowsOf('b')).not.toEqual(rows)
  })

  test('reports progress up to the end, over all epochs', async () => {
    const seen: number[] = []
    await train([Array.from({ length: 300 }, (_, i) => i % 16)], {
      epochs: 2,
      onProgress: (done, total) => seen.push(done, total),
    })
    expect(seen).toEqual([128, 600, 256, 600, 300, 600, 428, 600, 556, 600, 600, 600])
  })

  test('counts its weights', async () => {
    const student = await train([[0]], { epochs: 1 })
    const tables = 17 * 32 + 17 * 16
    const layers = (4 * 32 + 1) * 64 + (64 + 1) * 16
    expect(student.parameters).toBe(tables + layers)
  })

  test('refuses what it cannot learn from', async () => {
    await expect(train([])).rejects.toThrow(
      new RangeError('"documents" expected at least one token, got none'),
    )
    await expect(train([[1], [2, 16]])).rejects.toThrow(
      /"documents\[1\]\[1\]" expected a token id in 0\.\.15, got 16/,
    )
    await expect(train([[1]], { epochs: 0 })).rejects.toThrow(/"options.epochs" expected an integer in 1/)
    await expect(train([[1]], { batch: 3 } as object)).rejects.toThrow(
      /expected only the keys .* got "batch"/,
    )
  })
})

describe('asking', () => {
  const student = train(sampleDocuments(20, markovChain('train')))

  test('rows are laws, one a position, whatever is asked beside them', async () => {
    const sequences = [[3], [], Array.from({ length: 150 }, (_, i) => (5 * i) % 16)]
    const rows = await (await student).rows(sequences)
    expect(rows.map(({ length }) => length)).toEqual([16, 0, 150 * 16])
    for (const matrix of rows) {
      for (let from = 0; from < matrix.length; from += 16)
        expect(matrix.subarray(from, from + 16).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5)
    }
    const [alone] = await (await student).rows([sequences[2]!])
    expect(alone).toEqual(rows[2])
  })

  test('completions have maxTokens ids, follow the chain and depend on the seed only', async () => {
    const prompts = Array.from({ length: 150 }, (_, p) => (p === 0 ? [] : [p % 16]))
    const ask = async (seed: string) =>
      (await student).complete(prompts, { maxTokens: 5, random: seedrandom(seed) })
    const completions = await ask('a')
    expect(completions.map(({ length }) => length)).toEqual(prompts.map(() => 5))
    const pairs = completions.flatMap((ids) => ids.slice(1).map((id, i) => [ids[i]!, id] as const))
    const lawful = pairs.filter(([a, b]) => b === (a + 1) % 16 || b === (3 * a + 1) % 16)
    // An untrained student would make 2 in 16.
    expect(lawful.length / pairs.length).toBeGreaterThan(0.8)
    expect(await ask('a')).toEqual(completions)
    expect(await ask('b')).not.toEqual(completions)
  })

  test('no tokens asked, none drawn', async () => {
    expect(await (await student).complete([[1], [2]], { maxTokens: 0, random: seedrandom('a') })).toEqual([
      [],
      [],
    ])
  })

  test('refuses ids outside its vocabulary', async () => {
    const { complete, rows } = await student
    await expect(rows([[0], [-1]])).rejects.toThrow(/"sequences\[1\]\[0\]" expected a token id in 0\.\.15/)
    await expect(complete([[16]], { maxTokens: 1, random: seedrandom('a') })).rejects.toThrow(
      /"prompts\[0\]\[0\]"/,
    )
  })
})

describe('inheritance', () => {
  const vocabularySize = 32
  const { profile, key } = profileWithKey('student', { vocabularySize })
  const marker = createMarker(profile, [key])

  /** A teacher that likes all tokens alike, with or without the mark. */
  function teacher(seed: string, marked: boolean): (ids: readonly number[]) => number {
    const random = seedrandom(seed)
    return (ids) => {
      const logits = new Float32Array(vocabularySize)
      if (marked) marker.mark(logits, ids)
      return sampleFromLogits(logits, { temperature: 1, random })
    }
  }

  /** By how much the green mass of the student's rows exceeds that of the unmarked teacher, mean over all contexts. */
  async function excessGreenMass(student: Student): Promise<number> {
    const rows = await student.rows(Array.from({ length: vocabularySize }, (_, a) => [a]))
    const excess = rows.map((row, a) => {
      const marks = new Float32Array(vocabularySize)
      marker.mark(marks, [a])
      return row.reduce((sum, p, token) => sum + (marks[token]! > 0 ? p - 1 / vocabularySize : 0), 0)
    })
    return excess.reduce((a, b) => a + b, 0) / vocabularySize
  }

  // The mark itself moves 0.25 e^2 / (0.25 e^2 + 0.75) - 0.25 = 0.46. Unmarked, 6,000 tokens leave about 6 draws a pair, so
  // relative noise of 0.4 in 1,024 probabilities: the standard deviation of the mean is 0.4 sqrt(0.1875 / 1024) = 0.0055,
  // and 0.027 is passed once in a million corpora.
  test.each([
    { marked: true, from: 0.25, to: 0.6 },
    { marked: false, from: -0.027, to: 0.027 },
  ])('marked $marked: excess green mass between $from and $to', async ({ marked, from, to }) => {
    const student = await train(sampleDocuments(30, teacher(`marked ${marked}`, marked)), { vocabularySize })
    const excess = await excessGreenMass(student)
    expect(excess).toBeGreaterThan(from)
    expect(excess).toBeLessThan(to)
  })
})

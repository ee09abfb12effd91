/** Ten million tokens with heavy repetition: in memory by one thread, and in shards on disk by several, with one of them twice: one record. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mergeScans, scanCorpus, scanShard } from '../../src/corpus/scan.ts'
import { expandSources } from '../../src/corpus/sources.ts'
import { markOf, TWO_LAYERS } from '../support/marked-texts.ts'
import { writeRepetitiveCorpus } from '../support/repetitive-corpus.ts'

const VOCABULARY = 20_000

test('1e7 tokens: embedded, in shards, in threads: the same bits', async () => {
  const green = markOf({ vocabularySize: VOCABULARY, layers: TWO_LAYERS })
  const gumbel = markOf({ scheme: 'gumbel', vocabularySize: VOCABULARY })
  const marks = [green, gumbel].flatMap(({ profile, keys }) => keys.map((key) => ({ profile, key })))
  const cwd = mkdtempSync(join(tmpdir(), 'dyetrace-scale-'))
  try {
    const { paths, tokens } = writeRepetitiveCorpus(cwd, green, VOCABULARY)
    expect(tokens).toBeGreaterThan(1e7)
    const options = { sources: await expandSources(paths, { cwd }), marks }
    const whole = await scanCorpus({ ...options, workers: 0 })
    expect(whole.account.ids).toBe(tokens)
    expect(whole.account.repeated).toBeGreaterThan(1500)
    expect(whole.smallest.decision).toBe('evidence')
    expect(whole.found.documents.filter(({ row }) => row % 1000 === 500)).toHaveLength(21)
    const folders = [3, 1, 2].map((index) => ({ index, folder: join(cwd, `shard-${index}`) }))
    for (const { index, folder } of folders)
      await scanShard({ ...options, folder, shard: { index, of: 3 }, workers: 2, memory: 2 ** 30 })
    const again = join(cwd, 'again')
    await scanShard({ ...options, folder: again, shard: { index: 5, of: 9 }, workers: 0 })
    const merged = await mergeScans([again, ...folders.map(({ folder }) => folder)], {
      marks,
      workers: 2,
      memory: 2 ** 28,
    })
    expect(merged).toEqual(whole)
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}, 1_800_000)

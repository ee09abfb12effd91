/**
 * Ten million tokens with heavy repetition, in memory and in a cluster's store, in shards: one record. Minutes, so only where DYETRACE_SLOW is set.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mergeScans, scanCorpus, scanShard } from '../../src/corpus/scan.ts'
import { expandSources } from '../../src/corpus/sources.ts'
import { clickhouseStore } from '../../src/corpus/stores/clickhouse.ts'
import { markOf, TWO_LAYERS } from '../support/marked-texts.ts'
import { writeRepetitiveCorpus } from '../support/repetitive-corpus.ts'
import { ask, PASSWORD, startEngine, USER } from './engine.ts'

const VOCABULARY = 20_000

test.skipIf(process.env['DYETRACE_SLOW'] === undefined)(
  '1e7 tokens: in memory and in a cluster, the same bits',
  async () => {
    const green = markOf({ vocabularySize: VOCABULARY, layers: TWO_LAYERS })
    const gumbel = markOf({ scheme: 'gumbel', vocabularySize: VOCABULARY })
    const marks = [green, gumbel].flatMap(({ profile, keys }) => keys.map((key) => ({ profile, key })))
    const cwd = mkdtempSync(join(tmpdir(), 'dyetrace-scale-'))
    const engine = await startEngine()
    try {
      const { paths, tokens } = writeRepetitiveCorpus(cwd, green, VOCABULARY)
      expect(tokens).toBeGreaterThan(1e7)
      const options = { sources: await expandSources(paths, { cwd }), marks, workers: 0 }
      const whole = await scanCorpus(options)
      expect(whole.account.ids).toBe(tokens)
      await ask(engine, 'CREATE DATABASE scale')
      const store = (): ReturnType<typeof clickhouseStore> =>
        clickhouseStore({ url: engine.url, username: USER, password: PASSWORD, database: 'scale' })
      const folders = [2, 1, 2].map((index, i) => ({ index, folder: join(cwd, `${i}`) }))
      for (const { index, folder } of folders) {
        const own = await store()
        await scanShard({ ...options, folder, shard: { index, of: 2 }, store: own })
        await own.close()
      }
      const own = await store()
      const merged = await mergeScans(
        folders.map(({ folder }) => folder),
        { marks, workers: 0, store: own },
      )
      await own.close()
      expect(merged).toEqual(whole)
    } finally {
      await engine.remove()
      rmSync(cwd, { recursive: true, force: true })
    }
  },
  3_600_000,
)

/**
 * One corpus, three ways: in memory, in shards with DuckDB, in shards with ClickHouse, through scans as users run them. The records are equal to the last bit, whatever the order of
 * shards, one of them twice, and a server that is killed meanwhile.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import seedrandom from 'seedrandom'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mergeScans, scanCorpus, scanShard } from '../../src/corpus/scan.ts'
import { expandSources } from '../../src/corpus/sources.ts'
import type { PairStore } from '../../src/corpus/store.ts'
import { clickhouseStore } from '../../src/corpus/stores/clickhouse.ts'
import type { KnownMark } from '../../src/detect/known-marks.ts'
import { engineMark } from '../support/engine-marks.ts'
import { type Mark, markedIds, markOf, TWO_LAYERS } from '../support/marked-texts.ts'
import { ask, type Engine, openWire, PASSWORD, startEngine, USER, type Wire } from './engine.ts'

let engine: Engine
let wire: Wire
let folder = ''

beforeAll(async () => {
  engine = await startEngine()
  wire = await openWire(engine.url)
  folder = mkdtempSync(join(tmpdir(), 'dyetrace-cluster-'))
})
afterAll(async () => {
  await wire.close()
  await engine.remove()
  rmSync(folder, { recursive: true, force: true })
})

const green = markOf({ layers: TWO_LAYERS, vocabularySize: 400 })
const gumbel = markOf({ seed: 3, scheme: 'gumbel', contextWidth: 4, vocabularySize: 400 })
const marksOf = ({ profile, keys }: Mark): KnownMark[] => keys.map((key) => ({ profile, key }))
// Two readings, one with three tests; one that a mark shows in.
const ours = [...marksOf(green), ...marksOf(gumbel)]

/** Ids with much repetition, some of them marked, in three files. */
async function corpus(name: string): Promise<Awaited<ReturnType<typeof expandSources>>> {
  const random = seedrandom(name)
  const paths = [120, 70, 1].map((rows, file) => {
    const lines = Array.from({ length: rows }, (_, row) => {
      const length = 150 + Math.floor(80 * random())
      const ids =
        row % 9 === 2
          ? markedIds(green, { length, choices: 4, seed: `${file} ${row}` })
          : Array.from({ length }, () => Math.floor(400 * random() ** 3))
      return JSON.stringify({ ids })
    })
    const path = join(folder, `${name}-${file}.jsonl`)
    writeFileSync(path, `${lines.join('\n')}\n`)
    return path
  })
  return expandSources(paths, { cwd: folder })
}

async function cluster(database: string): Promise<() => Promise<PairStore>> {
  await ask(engine, `CREATE DATABASE ${database}`)
  return () =>
    clickhouseStore({
      url: wire.url,
      username: USER,
      password: PASSWORD,
      database,
      retries: 6,
      pairsPerQuery: 10_000,
      wait: async () => {
        await engine.start()
      },
    })
}

test('embedded, sharded and in a cluster: one record', async () => {
  const sources = await corpus('one')
  const options = { sources, marks: ours, workers: 0, block: { rows: 40, size: 2 ** 22 } }
  const whole = await scanCorpus(options)
  expect(whole.decision).toBe('evidence')

  const local = [1, 2].map((index) => join(folder, `local-${index}`))
  for (const [i, place] of local.entries())
    await scanShard({ ...options, folder: place, shard: { index: i + 1, of: 2 } })
  expect(await mergeScans(local, { marks: ours, workers: 0 })).toEqual(whole)

  const open = await cluster('one')
  const places = [3, 1, 2].map((index) => ({ index, place: join(folder, `cluster-${index}`) }))
  for (const { index, place } of places) {
    const store = await open()
    if (index === 1) wire.cutAfter(20_000, () => engine.kill())
    await scanShard({ ...options, store, folder: place, shard: { index, of: 3 } })
    await store.close()
  }
  expect(wire.cuts).toBe(1)
  const store = await open()
  // The same shard on another machine, which knows nothing: all its parts are in the cluster.
  const again = join(folder, 'cluster-again')
  await scanShard({ ...options, store, folder: again, shard: { index: 1, of: 3 } })
  const folders = places.map(({ place }) => place)
  expect(await mergeScans(folders, { marks: ours, workers: 0, store })).toEqual(whole)
  await expect(mergeScans(folders.slice(1), { marks: ours, workers: 0, store })).rejects.toThrow()
  await store.close()
}, 240_000)

test('marks of engines, of which some pairs share a score', async () => {
  const marks = [
    engineMark('vLLM gumbel', [0x1234567890abcdefn], { vocabularySize: 400 }),
    engineMark('SGLang gumbel', [0x1234567890abcdefn], { vocabularySize: 400 }),
  ]
  const options = { sources: await corpus('two'), marks, workers: 0 }
  const whole = await scanCorpus(options)
  const open = await cluster('two')
  const store = await open()
  const place = join(folder, 'engines')
  await scanShard({ ...options, store, folder: place })
  expect(await mergeScans([place], { marks, workers: 0, store })).toEqual(whole)
  await store.close()
}, 120_000)

/**
 * A corpus that is scanned in any split, order and store, with parts done twice, has one record: that of all documents judged together by `identify`, bit for bit. What is
 * missing, damaged, changed or another scan's is refused.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import seedrandom from 'seedrandom'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CorpusDocument } from '../../src/corpus/document.ts'
import { mergeScans, scanCorpus, scanShard } from '../../src/corpus/scan.ts'
import type { ScanRecord } from '../../src/corpus/scan-record.ts'
import { expandSources } from '../../src/corpus/sources.ts'
import type { PairBlock, PairStore, PartRecord, ScoredBlock } from '../../src/corpus/store.ts'
import { NOT_OWN } from '../../src/corpus/store.ts'
import { memoryStore } from '../../src/corpus/stores/memory.ts'
import type { TokenDocument } from '../../src/detect/countable.ts'
import { identify, type KnownMark } from '../../src/detect/identify.ts'
import { engineMark } from '../support/engine-marks.ts'
import { documentsOf, type Mark, markedIds, markOf, marks, TWO_LAYERS } from '../support/marked-texts.ts'

let folder = ''
let made = 0
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dyetrace-scan-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A place of its own in the folder of these tests. */
const fresh = (name = 'scan'): string => join(folder, `${name}-${made++}`)

const marksOf = ({ profile, keys }: Mark): KnownMark[] => keys.map((key) => ({ profile, key }))

function corpusOf(documents: readonly TokenDocument[]): CorpusDocument[] {
  return documents.map(({ ids, promptLength }, row) => ({
    kind: 'document',
    source: 'here',
    row,
    ids: Uint32Array.from(ids),
    ...(promptLength === undefined ? {} : { promptLength }),
  }))
}

/** Verdicts by key and lane, as `identify` on all documents at once has them. */
function wholeOf(documents: readonly TokenDocument[], own: readonly KnownMark[]): object[] {
  const { ranked } = identify(documents, own, { alpha: 1e-6 / 2 })
  const order = own.flatMap(({ key, lanes }, candidate) =>
    (lanes ?? Array.from({ length: key.format.lanes }, (_, lane) => lane)).map((lane) => ({
      candidate,
      lane,
    })),
  )
  return order.map(({ candidate, lane }) => ({
    ...ranked.find((one) => one.candidate === candidate && one.verdict.lane === lane)!.verdict,
    method: 'scan',
  }))
}

const verdictsOf = ({ tests }: ScanRecord): object[] => tests.map(({ verdict }) => ({ ...verdict }))

/** A store that adds up itself, as a cluster does: exact tuples with their scores. */
function scoreStore(): PairStore & { readonly rows: Map<string, Map<string, number[]>> } {
  const rows = new Map<string, Map<string, number[]>>()
  const parts = new Map<string, PartRecord>()
  return {
    rows,
    wants: 'scores',
    async put(record, blocks) {
      for (const { reading, contextWidth, pairs, tests, scores } of blocks as readonly ScoredBlock[]) {
        const width = contextWidth + 1
        const own = rows.get(String(reading)) ?? new Map<string, number[]>()
        rows.set(String(reading), own)
        for (let i = 0; i * width < pairs.length; i++)
          own.set(
            pairs.subarray(i * width, (i + 1) * width).join(),
            Array.from(scores.subarray(i * tests, (i + 1) * tests)),
          )
      }
      parts.set(record.name, record)
    },
    parts: async () => [...parts.values()],
    async totals(_scan, tests) {
      return tests.map((count, reading) =>
        Array.from({ length: count }, (_, t) => {
          let [n, units] = [0n, 0n]
          for (const scores of rows.get(String(reading))?.values() ?? []) {
            if (scores[t] === NOT_OWN) continue
            n++
            units += BigInt(scores[t]!)
          }
          return { n, units }
        }),
      )
    },
    async close() {},
  }
}

const vllm = engineMark('vLLM gumbel', [0x1234567890abcdefn], { vocabularySize: 40 })
const sglang = engineMark('SGLang gumbel', [0x1234567890abcdefn], { vocabularySize: 40 })

describe('one record, however it came about', () => {
  test('is that of identify on all documents, for every scheme, in memory and where the store adds up', async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        marks.chain((mark) => fc.tuple(fc.constant(mark), documentsOf(mark, { most: 6, length: 40 }))),
        async ([mark, documents]) => {
          const own = marksOf(mark)
          const corpus = corpusOf(documents)
          const record = await scanCorpus({ documents: corpus, marks: own, workers: 0 })
          expect(verdictsOf(record)).toEqual(wholeOf(documents, own))
          const added = await scanCorpus({
            documents: corpus,
            marks: own,
            workers: 0,
            store: scoreStore(),
          })
          expect(added).toEqual(record)
          if (record.tests[0]!.verdict.counted > 0) seen.add(mark.profile.scheme)
        },
      ),
      { seed: 1, numRuns: 40 },
    )
    expect(seen.size).toBe(3)
  })

  test('of engines too, also where different pairs share a score under every key', async () => {
    const random = seedrandom('engines')
    const documents = Array.from({ length: 12 }, () => ({
      ids: Array.from({ length: 120 }, () => Math.floor(40 * random() * random())),
    }))
    for (const own of [[vllm], [sglang], [vllm, sglang]]) {
      const record = await scanCorpus({ documents: corpusOf(documents), marks: own, workers: 0 })
      expect(verdictsOf(record)).toEqual(wholeOf(documents, own))
      const options = { documents: corpusOf(documents), marks: own, workers: 0 }
      expect(await scanCorpus({ ...options, store: scoreStore() })).toEqual(record)
      if (own.length > 1) expect(await scanCorpus({ ...options, folder: fresh() })).toEqual(record)
    }
  })

  test('of pairs that share a score under every key, in documents far apart, one counts', async () => {
    // TextSeal adds up 10000019 a + 10000247 b + 100000007 token: these two windows have one sum.
    const [dx, dy] = [10000247, 10000019]
    const mark = engineMark('TextSeal', [0x1234567890abcdefn, 0x234567890abcdef1n], {
      contextWidth: 2,
      vocabularySize: 3e7,
    })
    const texts = Array.from({ length: 70 }, (_, i) => {
      const [a, b, token] = [11 * i, dy + 13 * i, 17 * i]
      return [
        [a, b, token],
        [a + dx, b - dy, token],
      ]
    })
    const documents = [...texts.map(([one]) => one!), ...texts.map(([, two]) => two!)].map((ids) => ({ ids }))
    const whole = wholeOf(documents, [mark])
    expect(whole[0]).toMatchObject({ counted: 70 })
    const options = {
      documents: corpusOf(documents),
      marks: [mark],
      workers: 0,
      block: { rows: 9, size: 2 ** 20 },
    }
    for (const more of [{}, { store: scoreStore() }, { folder: fresh() }])
      expect(verdictsOf(await scanCorpus({ ...options, ...more }))).toEqual(whole)
  })
})

/** JSON lines of ids, in files of a folder. */
async function filesOf(corpora: readonly (readonly CorpusDocument[])[]): Promise<{
  readonly cwd: string
  readonly paths: readonly string[]
}> {
  const cwd = fresh('sources')
  const { mkdirSync } = await import('node:fs')
  mkdirSync(cwd)
  const paths = corpora.map((documents, i) => {
    const path = `${i}.jsonl`
    const lines = documents.map(({ ids, group }) => JSON.stringify({ ids: Array.from(ids!), year: group }))
    writeFileSync(join(cwd, path), lines.map((line) => `${line}\n`).join(''))
    return path
  })
  return { cwd, paths }
}

/** Much repetition: few ids, phrases that come again, documents twice; some of them marked. */
function repetitiveCorpus(mark: Mark, count: number, seed: string): CorpusDocument[] {
  const random = seedrandom(seed)
  const phrases = Array.from({ length: 8 }, () => Array.from({ length: 12 }, () => Math.floor(40 * random())))
  const texts: number[][] = []
  for (let i = 0; i < count; i++) {
    if (i % 5 === 4) {
      texts.push(texts[Math.floor(random() * texts.length)]!)
      continue
    }
    if (i % 29 === 3) {
      texts.push(markedIds(mark, { length: 200, choices: 4, seed: `${seed} ${i}` }))
      continue
    }
    texts.push(Array.from({ length: 3 }, () => phrases[Math.floor(random() * phrases.length)]!).flat())
  }
  return texts.map((ids, row) => ({
    kind: 'document',
    source: 'here',
    row,
    ids: Uint32Array.from(ids),
    group: String(2020 + (row % 3)),
  }))
}

/** What is changed by hand of a header and of a part's record. */
interface Written {
  readonly streams: object[]
  readonly spec: { readonly reading: { minimumCounted: number } }
  readonly files: object[]
  readonly record: { readonly account: { documents: number } }
}

describe('shards', () => {
  const mark = markOf({ layers: TWO_LAYERS, vocabularySize: 400 })
  const own = marksOf(mark)
  // Of 100 rows each: the long file has three.
  const corpora = [repetitiveCorpus(mark, 220, 'a'), repetitiveCorpus(mark, 60, 'b'), []]
  let options: Parameters<typeof scanCorpus>[0]
  let whole: ScanRecord
  let cwd = ''
  beforeAll(async () => {
    const files = await filesOf(corpora)
    cwd = files.cwd
    options = {
      sources: await expandSources(files.paths, files),
      columns: { groupColumn: 'year' },
      marks: own,
      workers: 0,
      block: { rows: 100, size: 2 ** 22 },
    }
    whole = await scanCorpus(options)
  })

  test('the whole is that of identify on all documents', () => {
    const documents = corpora.flat().map(({ ids }) => ({ ids: ids! }))
    expect(verdictsOf(whole)).toEqual(wholeOf(documents, own))
    expect(whole.account).toMatchObject({ documents: documents.length, parts: 5, sources: 3, skipped: {} })
    expect(whole.account.ids).toBe(documents.reduce((total, { ids }) => total + ids.length, 0))
    const distinct = new Set(documents.map(({ ids }) => ids.join())).size
    expect(whole.account.repeated).toBe(documents.length - distinct)
    expect(whole.groups!.map(({ group }) => group)).toEqual(['2020', '2021', '2022'])
    expect(whole.groups!.reduce((total, { documents: n }) => total + n, 0)).toBe(distinct)
    expect(whole.decision).toBe('evidence')
  })

  test.each([
    [3, false],
    [4, true],
  ])(
    '%i of them in folders of their own, in any order and twice, are the whole; files shared: %s',
    async (of, shares) => {
      const folders: string[] = []
      for (let index = of; index >= 1; index--) {
        const own = fresh()
        folders.push(own)
        const report = await scanShard({ ...options, folder: own, shard: { index, of } })
        expect(report.sharesFiles).toBe(shares)
      }
      const again = fresh()
      await scanShard({ ...options, folder: again, shard: { index: 1, of } })
      const merged = await mergeScans([again, ...folders], { marks: own, workers: 0 })
      expect(merged).toEqual(whole)
      // Shards of another split of the same corpus hold the same parts.
      const other = fresh()
      await scanShard({ ...options, folder: other, shard: { index: 2, of: 2 } })
      expect(await mergeScans([other, ...folders], { marks: own, workers: 0 })).toEqual(whole)
    },
  )

  test('in one folder, on disk, and in a store that adds up', async () => {
    const folder = fresh()
    for (const index of [2, 1]) await scanShard({ ...options, folder, shard: { index, of: 2 } })
    expect(await mergeScans([folder], { marks: own, workers: 0 })).toEqual(whole)
    // A second run finds everything done, and says the same.
    const report = await scanShard({ ...options, folder, shard: { index: 1, of: 2 } })
    expect(report.parts).toBe(0)
    expect(await scanCorpus({ ...options, folder })).toEqual(whole)
    const store = scoreStore()
    const places = [fresh(), fresh()]
    for (const [i, place] of places.entries())
      await scanShard({ ...options, store, folder: place, shard: { index: i + 1, of: 2 } })
    expect(await mergeScans(places, { marks: own, workers: 0, store })).toEqual(whole)
  })

  test('one that never ran is named, and there is no verdict but of what is there', async () => {
    const places = [fresh(), fresh()]
    await scanShard({ ...options, folder: places[0]!, shard: { index: 1, of: 4 } })
    await scanShard({ ...options, folder: places[1]!, shard: { index: 3, of: 4 } })
    await expect(mergeScans(places, { marks: own, workers: 0 })).rejects.toThrow(
      /not finished: shards 2\/4, 4\/4 did not end; parts of 2 sources are missing \("0.jsonl": block 1; "1.jsonl": nothing is there/,
    )
    const partial = await mergeScans(places, { marks: own, workers: 0, partial: true })
    expect(partial.missing).toMatchObject({ shards: ['2/4', '4/4'], streams: 2 })
    expect(partial.account.documents).toBeLessThan(whole.account.documents)
    expect(partial.notes.join()).toContain('not of the corpus')
    expect(partial.notes.join()).toContain('alpha is the level of one look')
  })

  test('of another scan, of other marks, or of a source that has changed are refused', async () => {
    const place = fresh()
    await scanShard({ ...options, folder: place, shard: { index: 1, of: 1 } })
    const others = markOf({ seed: 'other', vocabularySize: 400 })
    const foreign = fresh()
    await scanShard({ ...options, marks: marksOf(others), folder: foreign })
    await expect(mergeScans([place, foreign], { marks: own, workers: 0 })).rejects.toThrow(
      /expected a scan with the same profiles, keys and lanes, got another/,
    )
    await expect(mergeScans([place], { marks: marksOf(others), workers: 0 })).rejects.toThrow(
      /"marks" expected the profiles, keys and lanes that the scan was begun for/,
    )
    await expect(scanCorpus({ ...options, minimumCounted: 32, folder: place })).rejects.toThrow(
      /same way to read text/,
    )
    const files = await filesOf(corpora)
    const sources = await expandSources(files.paths, files)
    const kept = fresh()
    await scanShard({ ...options, sources, folder: kept })
    const path = join(files.cwd, '1.jsonl')
    const text = readFileSync(path, 'utf8')
    // Touched and not changed is no change.
    utimesSync(path, 1e9, 1e9)
    expect((await scanShard({ ...options, sources, folder: kept })).parts).toBe(0)
    // As long as it was, another id.
    writeFileSync(
      path,
      text.replace(/\d(?=,)/, (digit) => String((Number(digit) + 1) % 10)),
    )
    await expect(scanShard({ ...options, sources, folder: kept })).rejects.toThrow(
      /source "1.jsonl": expected block 0 as it was when it was worked off, got other content: it has changed/,
    )
    // Longer: the list of sources says so.
    writeFileSync(path, `${text}{"ids": [1, 2, 3]}\n`)
    const longer = await expandSources(files.paths, files)
    await expect(scanShard({ ...options, sources: longer, folder: kept })).rejects.toThrow(
      /expected source "1.jsonl" with \d+ bytes, as when the scan began, got \d+: it has changed/,
    )
    // Parts of the changed source beside those of the old one.
    writeFileSync(
      path,
      text.replace(/\d(?=,)/, (digit) => String((Number(digit) + 1) % 10)),
    )
    const second = fresh()
    await scanShard({ ...options, sources, folder: second })
    await expect(mergeScans([kept, second], { marks: own, workers: 0 })).rejects.toThrow(
      /part s0000001-b0000000: expected one content in all folders, got two/,
    )
    expect(cwd).not.toBe('')
  })

  test('of two contents that stand side by side without a gap are refused', async () => {
    const listOf = (rows: number, first: number): CorpusDocument[] =>
      corpusOf(Array.from({ length: rows }, (_, row) => ({ ids: [first, row % 300, row % 7] })))
    const merged = async (one: CorpusDocument[], two: CorpusDocument[]): Promise<ScanRecord> => {
      const places = [fresh(), fresh()]
      for (const [i, documents] of [one, two].entries())
        await scanShard({
          ...{ marks: own, workers: 0, block: { rows: 10, size: 2 ** 22 }, documents },
          ...{ folder: places[i]!, shard: { index: i + 1, of: 2 } },
        })
      return mergeScans(places, { marks: own, workers: 0 })
    }
    const long = listOf(95, 1)
    expect((await merged(long, long)).account.documents).toBe(95)
    // Blocks 0, 2, 4, 6, 8 of ten and 1, 3 of four, the last: every block to the last one is there.
    await expect(merged(long, listOf(40, 1))).rejects.toThrow(
      /source "documents": expected blocks of one content, got block \d of another: it has changed between shards/,
    )
    // As many blocks, other documents in all of them, or in one.
    await expect(merged(long, listOf(95, 2))).rejects.toThrow(/got block 1 of another/)
    await expect(merged(long, [...long.slice(0, 75), ...listOf(1, 2), ...long.slice(76)])).rejects.toThrow(
      /got block 8 of another/,
    )
  })

  test('whose lists lost a source or a file of pairs are refused', async () => {
    const place = fresh()
    await scanShard({ ...options, folder: place })
    const changed = async (file: string, change: (value: Written) => void): Promise<void> => {
      const path = join(place, file)
      const text = readFileSync(path, 'utf8')
      const value = JSON.parse(text)
      change(value)
      writeFileSync(path, JSON.stringify(value))
      await expect(mergeScans([place], { marks: own, workers: 0 })).rejects.toThrow(/as it was written/)
      writeFileSync(path, text)
    }
    await changed('scan.json', ({ streams }) => streams.pop())
    await changed('scan.json', ({ spec }) => {
      spec.reading.minimumCounted = 1
    })
    const part = 'pairs/s0000000-b0000002.json'
    await changed(part, ({ files }) => files.pop())
    await changed(part, ({ record }) => {
      record.account.documents--
    })
    expect(await mergeScans([place], { marks: own, workers: 0 })).toEqual(whole)
  })

  test('damaged files are refused, and parts without a record are worked off again', async () => {
    const place = fresh()
    await scanShard({ ...options, folder: place })
    const pairs = join(place, 'pairs/reading=0')
    const file = join(pairs, readdirSync(pairs)[0]!)
    const bytes = readFileSync(file)
    const merge = () => mergeScans([place], { marks: own, workers: 0 })
    writeFileSync(file, bytes.subarray(0, bytes.length - 1))
    await expect(merge()).rejects.toThrow(/\.parquet: is not as it was written/)
    writeFileSync(file, bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1))
    await expect(merge()).rejects.toThrow(/\.parquet: is not as it was written/)
    writeFileSync(file, bytes)
    const lines = join(place, 'documents/s0000000-b0000001.jsonl')
    const text = readFileSync(lines, 'utf8')
    writeFileSync(lines, text.replace('"lnP":', '"lnP":-'))
    await expect(merge()).rejects.toThrow(/b0000001.jsonl: is not as it was written/)
    rmSync(lines)
    await expect(merge()).rejects.toThrow(/the list of its documents is in none of the folders/)
    const record = join(place, 'pairs/s0000000-b0000001.json')
    writeFileSync(record, readFileSync(record, 'utf8').slice(0, 100))
    await expect(merge()).rejects.toThrow(/b0000001.json: is not as it was written/)
    rmSync(record)
    await expect(merge()).rejects.toThrow(/"0.jsonl": block 1/)
    expect((await scanShard({ ...options, folder: place })).parts).toBe(1)
    expect(await merge()).toEqual(whole)
  })

  test('records that were changed by hand are refused, whatever was changed', async () => {
    const place = fresh()
    await scanShard({ ...options, folder: place, shard: { index: 1, of: 1 } })
    const merge = (...others: string[]): Promise<ScanRecord> =>
      mergeScans([place, ...others], { marks: own, workers: 0 })
    const changed = async (name: string, edit: (text: string) => string, said: RegExp): Promise<void> => {
      const path = join(place, name)
      const text = readFileSync(path, 'utf8')
      expect(edit(text)).not.toBe(text)
      writeFileSync(path, edit(text))
      await expect(merge()).rejects.toThrow(said)
      writeFileSync(path, text)
    }
    for (const edit of [
      () => '{"format":"dyetrace/scan-part-1"}',
      () => '{"format":"dyetrace/scan-part-1","record":null,"files":[]}',
      (text: string) => text.replace(/"documents":\d+/, '"documents":1e12'),
      (text: string) => text.replace(/"name":"[^"]*"/, '"name":"../../other"'),
      (text: string) => text.replace(/"contextWidth":\d/, '"contextWidth":1e9'),
      (text: string) => text.replace(/"file":"[^"]*"/, '"file":"../../../other.parquet"'),
    ])
      await changed(
        'pairs/s0000000-b0000000.json',
        edit,
        /is not as it was written; remove it and run the same/,
      )
    for (const edit of [
      () => '{"format":"dyetrace/scan-header-1"}',
      (text: string) => text.replace(/"minimumCounted":\d+/, '"minimumCounted":1'),
      (text: string) => text.replace(/"name":"[^"]*"/, '"name":"somebody else\'s"'),
    ])
      await changed('scan.json', edit, /expected the scan.json of a scan, as it was written/)
    await expect(merge(fresh())).rejects.toThrow(/folder .*: expected a scan, got a folder without one/)
    writeFileSync(join(place, 'streams/0.json'), 'damaged')
    expect((await scanShard({ ...options, folder: place })).kept).toBeGreaterThan(0)
    expect((await merge()).account.parts).toBeGreaterThan(0)
  })

  test('what stops half-way goes on from there', async () => {
    const place = fresh()
    const stop = new AbortController()
    await expect(
      scanCorpus({
        ...options,
        folder: place,
        signal: stop.signal,
        onProgress: ({ parts }) => parts === 2 && stop.abort(new Error('stopped')),
      }),
    ).rejects.toThrow('stopped')
    let failures = 0
    const failing = async (): Promise<PairStore> => {
      const store = memoryStore()
      return {
        ...store,
        put: async (record, blocks: readonly PairBlock[]) => {
          if (failures++ === 1) throw new Error('the engine has gone')
          await store.put(record, blocks)
        },
      }
    }
    const store = await failing()
    await expect(scanCorpus({ ...options, store })).rejects.toThrow('the engine has gone')
    // It comes back with what it had.
    expect(await scanCorpus({ ...options, store })).toEqual(whole)
    let kept = 0
    const record = await scanCorpus({
      ...options,
      folder: place,
      onProgress: (progress) => {
        kept = progress.kept
      },
    })
    expect(kept).toBeGreaterThanOrEqual(2)
    expect(record).toEqual(whole)
  })
})

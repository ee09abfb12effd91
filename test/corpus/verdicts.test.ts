/**
 * What a scan accuses of, and what it does not: templates and repeats without a mark are not flagged, whatever the key; one marked document in a thousand is found; lists have the
 * share of errors that they say. Counting pairs once a document instead of once a corpus, the commonest mistake, is caught.
 */
import seedrandom from 'seedrandom'
import { describe, expect, test } from 'vitest'
import { addTotals } from '../../src/corpus/add-totals.ts'
import type { CorpusDocument } from '../../src/corpus/document.ts'
import { type ScanCorpusOptions, scanCorpus } from '../../src/corpus/scan.ts'
import type { PairBlock, PairStore } from '../../src/corpus/store.ts'
import { memoryStore } from '../../src/corpus/stores/memory.ts'
import { countable } from '../../src/detect/countable.ts'
import { detect } from '../../src/detect/detect.ts'
import type { KnownMark } from '../../src/detect/identify.ts'
import { benjaminiHochberg } from '../../src/stats/multiplicity.ts'
import { engineMark } from '../support/engine-marks.ts'
import { markedIds, markOf } from '../support/marked-texts.ts'
import { schemeWithKeys } from '../support/schemes.ts'
import { binomialBand } from '../support/tolerance.ts'

const VOCABULARY = 400

function documentsOf(texts: readonly (readonly number[])[]): CorpusDocument[] {
  return texts.map((ids, row) => ({ kind: 'document', source: 'here', row, ids: Uint32Array.from(ids) }))
}

/** Forms that were filled in: long templates with a few words of their own, some of them twice. */
function templates(count: number, seed: string): number[][] {
  const random = seedrandom(seed)
  const words = (length: number): number[] => Array.from({ length }, () => Math.floor(VOCABULARY * random()))
  const forms = Array.from({ length: 5 }, () => Array.from({ length: 10 }, () => words(10)))
  const texts: number[][] = []
  for (let i = 0; i < count; i++) {
    const form = forms[Math.floor(random() * forms.length)]!
    texts.push(i % 9 === 8 ? texts[i - 5]! : form.flatMap((line) => [...line, ...words(1)]))
  }
  return texts
}

/** Independent marks that nobody used. */
function strangers(count: number): KnownMark[] {
  return Array.from({ length: count }, (_, i) => {
    const { profile, keys } = markOf({ seed: `stranger ${i}`, vocabularySize: VOCABULARY })
    return { profile, key: keys[0]! }
  })
}

/** Adds up every part by itself: with a document a part, each pair counts once a document. */
function oncePerPart(): PairStore {
  const store = memoryStore()
  const blocks: PairBlock[] = []
  return {
    ...store,
    async put(record, own) {
      blocks.push(...(own as readonly PairBlock[]))
      await store.put(record, own)
    },
    async totals(_scan, tests, sum) {
      const totals = tests.map((count) => Array.from({ length: count }, () => ({ n: 0n, units: 0n })))
      for (const block of blocks)
        totals[block.reading] = [...addTotals(totals[block.reading]!, await sum(block))]
      return totals
    },
  }
}

describe('a corpus of templates and repeats without marks', () => {
  const documents = documentsOf(templates(120, 'templates'))
  // 400 keys, one verdict each on the same text: only keys are random, so rejections are independent. False alarm of this test: 1e-6.
  const marks = strangers(400)
  const level = 0.01
  const { hi } = binomialBand(marks.length, level, 1e-6)
  const rejected = async (options: Partial<ScanCorpusOptions>): Promise<number> => {
    const { tests } = await scanCorpus({ documents, marks, workers: 0, ...options })
    return tests.filter(({ verdict }) => verdict.lnP <= Math.log(level)).length
  }

  test('is flagged by a key as often as the level says', async () => {
    expect(await rejected({})).toBeLessThanOrEqual(hi)
  })

  test('positive control: pairs counted once a document accuse it', async () => {
    expect(await rejected({ store: oncePerPart(), block: { rows: 1, size: 1 } })).toBeGreaterThan(2 * hi)
  })

  test('is not evidence of any of them, pooled or in a document, at the default level', async () => {
    const record = await scanCorpus({ documents, marks: marks.slice(0, 40), workers: 0 })
    expect(record.decision).toBe('no-evidence')
    expect(record.smallest.decision).toBe('no-evidence')
    expect(record.account).toMatchObject({ documents: 120, repeated: 13, tested: 107 })
  })
})

describe('one marked document in a thousand', () => {
  const count = 2000
  const places = [307, 1411]
  const kinds: Record<string, { mark: KnownMark; ids: (seed: string) => number[] }> = {}
  for (const scheme of ['green list', 'gumbel', 'tournament, 30 rounds'] as const) {
    const own = markOf({ scheme, vocabularySize: VOCABULARY })
    kinds[scheme] = {
      mark: { profile: own.profile, key: own.keys[0]! },
      ids: (seed) => markedIds(own, { length: 130, choices: 12, seed }),
    }
  }
  const { profile, key } = engineMark('vLLM gumbel', [0x1234567890abcdefn], { vocabularySize: VOCABULARY })
  kinds['vLLM Philox'] = {
    mark: { profile, key },
    ids: (seed) =>
      markedIds({ profile, keys: [key], master: undefined as never }, { length: 130, choices: 12, seed }),
  }

  test.each(Object.entries(kinds))('is found, and nothing else: %s', async (_, { mark, ids }) => {
    const texts = templates(count, 'thousand').map((text) => text.slice(0, 80))
    for (const place of places) texts[place] = ids(`marked ${place}`)
    const record = await scanCorpus({ documents: documentsOf(texts), marks: [mark], workers: 0 })
    expect(record.decision).toBe('evidence')
    expect(record.smallest.decision).toBe('evidence')
    // Expected of the list: at most one in a hundred is wrong. These two are far from it.
    expect(record.found.documents.map(({ row }) => row).sort((a, b) => a - b)).toEqual(places)
    for (const { row, lnP, counted, passages } of record.found.documents) {
      const verdict = detect(countable([{ ids: texts[row]! }], mark.profile), mark.key)
      expect({ lnP, counted }).toEqual({ lnP: verdict.lnP, counted: verdict.counted })
      expect(passages[0]!.to - passages[0]!.from).toBeGreaterThan(90)
    }
  })
})

describe('the list of documents', () => {
  const own = markOf({ vocabularySize: VOCABULARY })
  const marks = [{ profile: own.profile, key: own.keys[0]! }]
  const random = seedrandom('list')
  const texts = Array.from({ length: 300 }, (_, i) =>
    i % 4 === 0
      ? markedIds(own, { length: 90, choices: 1 + (i % 3), seed: i })
      : Array.from({ length: i % 7 === 0 ? 20 : 90 }, () => Math.floor(VOCABULARY * random())),
  )
  // Some of them twice.
  texts.push(...texts.slice(0, 40))

  test('is that of Benjamini and Hochberg over distinct documents that are long enough', async () => {
    const record = await scanCorpus({
      documents: documentsOf(texts),
      marks,
      workers: 0,
      falseDiscoveryRate: 0.05,
    })
    const judged = texts
      .slice(0, 300)
      .map((ids, row) => ({ row, verdict: detect(countable([{ ids }], own.profile), own.keys[0]!) }))
      .filter(({ verdict }) => verdict.counted >= 64)
    const { rejected, lnAdjusted } = benjaminiHochberg(
      judged.map(({ verdict }) => verdict.lnP),
      { alpha: 0.05 },
    )
    const expected = judged.flatMap(({ row, verdict: { lnP } }, i) =>
      rejected[i] ? [{ row, lnP, lnAdjustedP: lnAdjusted[i]! }] : [],
    )
    expect(expected.length).toBeGreaterThan(30)
    expect(record.found.count).toBe(expected.length)
    expect(record.account.tested).toBe(judged.length)
    expect(
      record.found.documents
        .map(({ row, lnP, lnAdjustedP }) => ({ row, lnP, lnAdjustedP }))
        .sort((a, b) => a.row - b.row),
    ).toEqual(expected.map((one) => ({ ...one, lnAdjustedP: expect.closeTo(one.lnAdjustedP, 10) })))
    const [least] = record.found.documents
    expect(record.smallest.document).toEqual({
      ...least,
      lnAdjustedP: expect.closeTo(least!.lnP + Math.log(judged.length), 10),
    })
  })

  test('does not depend on how many names fit the memory', async () => {
    const options = { documents: documentsOf(texts), marks, workers: 0 }
    const { eachDocument } = await import('../../src/corpus/distinct-documents.ts')
    const { memoryRecords } = await import('../../src/corpus/records.ts')
    const record = await scanCorpus(options)
    const records = memoryRecords()
    const lines = texts.map((ids, row) =>
      JSON.stringify({
        row,
        hash: (ids[0]! * 2 ** 20 + ids.length * 1000 + ids[1]!).toString(16).padStart(32, '0'),
      }),
    )
    await records.putLines('a', `${lines.join('\n')}\n`)
    const part = { name: 'a', account: { documents: texts.length } as never }
    const repeatsAt = async (memory: number): Promise<number[]> => {
      const rows: number[] = []
      await eachDocument([part], { records, memory }, ({ row }, _part, isRepeat) => {
        if (isRepeat) rows.push(row)
      })
      return rows.sort((a, b) => a - b)
    }
    const all = await repeatsAt(2 ** 30)
    expect(all.length).toBeGreaterThanOrEqual(40)
    expect(await repeatsAt(64 * 50)).toEqual(all)
    expect(record.account.repeated).toBe(40)
  })
})

describe('the share of marked documents', () => {
  const own = markOf({ vocabularySize: 5000 })
  const marks = [{ profile: own.profile, key: own.keys[0]! }]
  const random = seedrandom('share')
  // A tenth of 400 is marked, far beyond doubt: the interval is that of 40 ones among 400, about 0.07 to 0.13.
  const texts = Array.from({ length: 400 }, (_, i) =>
    i % 10 === 0
      ? markedIds(own, { length: 130, choices: 10, seed: i })
      : Array.from({ length: 130 }, () => Math.floor(5000 * random())),
  )

  const options = { marks, workers: 0, block: { rows: 37, size: 2 ** 22 } }

  test('is found from documents whose pairs are their own, each once; and is 0 where nothing is marked', async () => {
    const { shares } = await scanCorpus({ ...options, documents: documentsOf(texts) })
    const [of] = shares
    expect(of).toMatchObject({ test: 0, documents: 400, sampled: 400, confidence: 0.95 })
    expect(of!.interval!.lower).toBeGreaterThan(0.06)
    expect(of!.interval!.lower).toBeLessThan(0.1)
    expect(of!.interval!.upper).toBeGreaterThan(0.1)
    expect(of!.interval!.upper).toBeLessThan(0.15)
    expect(of!.atLeast).toBeGreaterThan(30)
    expect(of!.atLeast).toBeLessThanOrEqual(40)
    const twice = await scanCorpus({ ...options, documents: documentsOf([...texts, ...texts]) })
    expect(twice.shares).toEqual(shares)
    const clean = documentsOf(texts.filter((_, i) => i % 10 !== 0))
    expect((await scanCorpus({ ...options, documents: clean })).shares[0]).toMatchObject({
      atLeast: 0,
      interval: { lower: 0 },
    })
  })

  test('accuses no clean corpus of the lane that shows most of 512', async () => {
    const { profile, key } = schemeWithKeys(
      'inn3',
      { scheme: 'green-list', gamma: 0.5, delta: 2 },
      { vocabularySize: 5000, layers: [{ role: 'cohort', label: 'a', lanes: 512 }] },
    )
    const drawn = seedrandom('innocent3')
    const clean = Array.from({ length: 250 }, () =>
      Array.from({ length: 130 }, () => Math.floor(5000 * drawn())),
    )
    const { shares } = await scanCorpus({
      documents: documentsOf(clean),
      marks: [{ profile, key }],
      workers: 0,
    })
    // One of these lanes has a document with a p-value below 0.025 / 250, as more than half of such corpora do.
    expect(shares.map(({ atLeast, interval }) => [atLeast, interval!.lower])).toEqual(Array(4).fill([0, 0]))
  })

  test('is of the beginnings of documents: books leave room for each other', async () => {
    const drawn = seedrandom('books')
    // Together more ids than a sample has, and one prompt that is longer than what is kept of a document.
    const books = Array.from({ length: 12 }, () =>
      // What comes after 6,000 ids says nothing, and costs no time.
      Uint32Array.from({ length: 190_000 }, (_, i) => (i < 6000 ? Math.floor(5000 * drawn()) : 0)),
    )
    const { shares } = await scanCorpus({
      marks,
      workers: 0,
      documents: books.map((ids, row) => ({
        ...{ kind: 'document', source: 'here', row, ids },
        ...(row === 3 ? { promptLength: 5000 } : {}),
      })),
    })
    expect(shares[0]).toMatchObject({ sampled: 12, documents: 11, tooShort: 1, atLeast: 0 })
  })

  test('is of a sample where there are many documents, drawn by their ids', async () => {
    const whole = { marks, workers: 0, documents: documentsOf(texts) }
    const [of] = (await scanCorpus(whole)).shares
    expect(of).toMatchObject({ sampled: 256, documents: 256 })
    // In another order another document is first, but the sample is the same.
    const turned = documentsOf(texts.toReversed())
    expect((await scanCorpus({ ...whole, documents: turned })).shares).toEqual([of])
  })
})

describe('what a scan refuses', () => {
  test.each<[string, object, RegExp]>([
    [
      'ids as a list',
      { kind: 'document', ids: [1, 2, 3] },
      /"documents\[0\]" expected a document with text or a Uint32Array of ids/,
    ],
    ['nothing to read', { kind: 'document' }, /"documents\[0\]" expected a document with text/],
    [
      'rows of another kind',
      { kind: 'row', ids: Uint32Array.of(1) },
      /"documents\[0\].kind" expected document or skipped/,
    ],
  ])('documents that are none: %s', async (_, row, message) => {
    const documents = [{ source: 'here', row: 0, ...row }] as unknown as CorpusDocument[]
    await expect(scanCorpus({ documents, marks: strangers(1), workers: 0 })).rejects.toThrow(message)
  })

  const own = markOf({ vocabularySize: VOCABULARY })
  const marks = [{ profile: own.profile, key: own.keys[0]! }]

  test('totals that no scores can give', async () => {
    const store = memoryStore()
    const lying = { ...store, totals: async () => [[{ n: 3n, units: 4n }]] }
    const documents = documentsOf([[1, 2, 3, 4]])
    await expect(scanCorpus({ documents, marks, workers: 0, store: lying })).rejects.toThrow(/evidence.sum/)
    await expect(
      scanCorpus({ documents, marks, workers: 0, store: { ...store, totals: async () => [[]] } }),
    ).rejects.toThrow(/fewer totals than there are tests/)
  })

  test('marks of which only the key tells which pairs share a score', async () => {
    const marks = [engineMark('HF selfhash', [12345n], { vocabularySize: VOCABULARY })]
    await expect(scanCorpus({ documents: [], marks })).rejects.toThrow(/pairs all have scores of their own/)
  })

  test('text without a tokenizer, and another tokenizer', async () => {
    const text: CorpusDocument = { kind: 'document', source: 'here', row: 0, text: 'abc' }
    await expect(scanCorpus({ documents: [text], marks, workers: 0 })).rejects.toThrow(
      /"tokenizer" expected one, as there is text among the documents, got none/,
    )
    const { readFileSync } = await import('node:fs')
    const json = readFileSync(new URL('../../benchmarks/lab/teacher/tokenizer.json', import.meta.url), 'utf8')
    await expect(scanCorpus({ documents: [text], marks, tokenizer: { json } })).rejects.toThrow(
      /"tokenizer" expected the profiles', sha256:/,
    )
  })

  test('nothing of the rest: ids of another vocabulary and rows that are no documents are counted and named', async () => {
    const documents = [
      ...documentsOf([
        [1, 2, 3],
        [1, VOCABULARY, 3],
      ]),
      {
        kind: 'skipped' as const,
        source: 'here',
        row: 2,
        reason: 'not-json' as const,
        message: 'expected JSON, got none',
      },
    ]
    const { account, notes } = await scanCorpus({ documents, marks, workers: 0 })
    expect(account.skipped).toEqual({ 'other-vocabulary': 1, 'not-json': 1 })
    expect(account.firstSkips.map(({ row, reason }) => [row, reason])).toEqual([
      [1, 'other-vocabulary'],
      [2, 'not-json'],
    ])
    expect(account.documents).toBe(1)
    expect(notes[0]).toContain('2 rows')
  })

  test.each([
    [{ marks: [] }, /"marks" expected at least one mark/],
    [{ alpha: 0 }, /"options.alpha" expected a level/],
    [{ falseDiscoveryRate: 1 }, /"options.falseDiscoveryRate"/],
    [{ memory: 1000 }, /"options.memory" expected an integer/],
    [{ workers: -1 }, /"options.workers"/],
    [{ block: { rows: 0, size: 1 } }, /"options.block.rows"/],
    [{ endOfText: VOCABULARY }, /"options.endOfText"/],
    [{ sources: [] }, /sources or documents, got both/],
    [{ documents: undefined }, /sources or documents, got neither/],
    [{ nonsense: 1 }, /only the keys/],
  ])('options that are none: %o', async (options, message) => {
    await expect(scanCorpus({ documents: [], marks, workers: 0, ...options } as never)).rejects.toThrow(
      message,
    )
  })

  test('and no documents at all say nothing', async () => {
    const record = await scanCorpus({ documents: [], marks, workers: 0 })
    expect([record.decision, record.smallest.decision]).toEqual(['insufficient', 'insufficient'])
    expect(record.found).toMatchObject({ count: 0, lnLimit: null })
    expect(Object.isFrozen(record.tests[0]!.verdict)).toBe(true)
  })
})

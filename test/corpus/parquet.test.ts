/** Parquet as DuckDB writes it: read back in order, columns by name, and damaged. */
import { readFile } from 'node:fs/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CorpusDocument, Skipped } from '../../src/corpus/document.ts'
import { fileOf, inShort, readAll, temporaryFolder } from './read.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder.remove())

/** Bytes of a Parquet file with the rows of a query. */
async function parquet(query: string, options = ''): Promise<Uint8Array> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  const path = `${folder.path}/made.parquet`
  await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet${options})`)
  connection.closeSync()
  instance.closeSync()
  return new Uint8Array(await readFile(path))
}

const read = async (bytes: Uint8Array, options = {}, name = 'read.parquet') =>
  readAll(await fileOf(`${folder.path}/${name}`, bytes, { format: 'parquet', compression: 'none' }), options)

const COUNT = 20_000
const TEXTS = `SELECT 'text ' || range || ' é' AS text, range AS number, DATE '2026-01-01' + CAST(range // 1000 AS INTEGER) AS day FROM range(${COUNT})`

describe('Parquet', () => {
  test('rows in order, with a group, over several row groups; a name with signs of patterns is a name', async () => {
    const bytes = await parquet(TEXTS, ', ROW_GROUP_SIZE 2048')
    const got = (await read(bytes, { groupColumn: 'day' }, 'x=1 [a]*?.parquet')) as CorpusDocument[]
    expect(got.map(({ row, text }) => [row, text])).toEqual(
      Array.from({ length: COUNT }, (_, i) => [i, `text ${i} é`]),
    )
    expect(got[4999]!.group).toBe('2026-01-05')
  })

  test.each(['INTEGER[]', 'BIGINT[]', 'USMALLINT[]', 'UINTEGER[]', 'INTEGER[3]'])(
    'ids of type %s',
    async (type) => {
      const bytes = await parquet(
        `SELECT CAST([range, 7, range + 1] AS ${type}) AS ids, CAST(range % 3 AS TINYINT) AS "promptLength" FROM range(3000)`,
      )
      const got = (await read(bytes)) as CorpusDocument[]
      expect(got.map(({ ids, promptLength }) => [ids, promptLength])).toEqual(
        Array.from({ length: 3000 }, (_, i) => [Uint32Array.of(i, 7, i + 1), i % 3]),
      )
    },
  )

  test('rows that are no documents', async () => {
    const ids = await parquet(
      `SELECT * FROM (VALUES ([1, 2]), (NULL), ([]), ([1, NULL]), ([-1]), ([5000000000]), ([100]), ([7 FOR x IN range(300)])) AS t(ids)`,
    )
    const got = await read(ids, { vocabularySize: 100, maximumBytes: 1000 })
    const wrong = 'wrong-type'
    expect(got.map(inShort)).toEqual([[1, 2], wrong, [], wrong, wrong, wrong, wrong, 'too-large'])
    const text = await parquet(
      `SELECT * FROM (VALUES ('a'), (NULL), (repeat('x', 1000)), (repeat('x', 1001)), ('')) AS t(text)`,
    )
    expect((await read(text, { maximumBytes: 1000 })).map(inShort)).toEqual([
      'a',
      wrong,
      'x'.repeat(1000),
      'too-large',
      '',
    ])
    const blob = await parquet(
      `SELECT * FROM (VALUES ('a'::BLOB), ('\\xC3\\xA9'::BLOB), ('\\xE9'::BLOB)) AS t(text)`,
    )
    expect((await read(blob)).map(inShort)).toEqual(['a', 'é', 'not-utf8'])
  })

  test.each<[string, string, object, RegExp]>([
    [
      'no column',
      'SELECT 1 AS "Text", 2 AS b',
      {},
      /a column "text" or "ids", got a file without it; its columns are "Text", "b"/,
    ],
    ['not the named column', "SELECT 'a' AS text", { textColumn: 'body' }, /"body".*its columns are "text"/],
    ['no such group', "SELECT 'a' AS text", { groupColumn: 'day' }, /"day".*its columns are "text"/],
    ['two that may be meant', "SELECT 'a' AS text, [1] AS ids", {}, /name the one to read/],
    ['text that is a number', 'SELECT 1 AS text', {}, /"text" of strings, got one of type INTEGER/],
    ['ids with a point', 'SELECT [1.5] AS ids', {}, /"ids" of lists of integers/],
    ['a group of lists', "SELECT 'a' AS text, [1] AS g", { groupColumn: 'g' }, /"g" of plain values/],
  ])('%s: an error that says what is there', async (_, query, options, message) => {
    await expect(read(await parquet(query), options)).rejects.toThrow(message)
  })

  test('a column whose name has quotation marks', async () => {
    const bytes = await parquet(`SELECT 'a' AS "the ""text"""`)
    expect((await read(bytes, { textColumn: 'the "text"' })).map(inShort)).toEqual(['a'])
  })

  test('damaged pages: what came before counts, the rest is one skip with the number of rows', async () => {
    const bytes = await parquet(`SELECT text FROM (${TEXTS})`, ', ROW_GROUP_SIZE 2048, COMPRESSION zstd')
    // The third row group stands behind the others.
    const changed = Uint8Array.from(bytes)
    for (let at = Math.floor(bytes.length * 0.85); at < bytes.length * 0.86; at++) changed[at]! ^= 0xff
    const got = await read(changed)
    const skip = got.at(-1) as Skipped
    expect(skip).toMatchObject({ kind: 'skipped', reason: 'unreadable', row: got.length - 1 })
    // DuckDB may end the rows without an error; the footer then says that there should be more.
    expect(skip.message).toMatch(/expected .*20000 rows.*, got .*; what follows row \d+ is left out/)
    expect(got.length).toBeGreaterThan(2000)
    expect(got.slice(0, -1).map(inShort)).toEqual(
      Array.from({ length: got.length - 1 }, (_, i) => `text ${i} é`),
    )
  })

  test.each<[string, (bytes: Uint8Array) => Uint8Array]>([
    ['nothing', () => new Uint8Array(0)],
    ['a text', () => new TextEncoder().encode('{"text":"a"}\n')],
    ['half a file', (bytes) => bytes.subarray(0, bytes.length / 2)],
    [
      'no footer',
      (bytes) => bytes.map((byte, i) => (i > bytes.length - 200 && i < bytes.length - 8 ? 0xff : byte)),
    ],
  ])('%s is no Parquet file', async (_, damage) => {
    const got = await read(damage(await parquet(TEXTS)))
    expect(got.map(inShort)).toEqual(['unreadable'])
    expect((got[0] as Skipped).message).toMatch(/footer cannot be read .*the source is left out/)
  })

  test('a string that is not UTF-8 within a column of text ends the source, and says so without quoting it', async () => {
    const bytes = await parquet("SELECT 'secret' || chr(233) AS text", ', COMPRESSION uncompressed')
    const changed = bytes.map((byte, i) => (byte === 0xc3 && bytes[i + 1] === 0xa9 ? 0xff : byte))
    const got = await read(changed)
    expect(got.map(inShort)).toEqual(['unreadable'])
    expect((got[0] as Skipped).message).not.toMatch(/secret/)
  })
})

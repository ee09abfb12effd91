/** Documents of JSON lines and text: what is written is read back, whatever the pieces; what cannot be read is told, and costs no other row. */
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Skipped } from '../../src/corpus/document.ts'
import type { ReadOptions } from '../../src/corpus/read-options.ts'
import { expectRefusalOf } from '../support/wrong-values.ts'
import { fileOf, inPieces, inShort, readAll, standardInput, temporaryFolder } from './read.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder.remove())

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

async function read(input: string | Uint8Array, options: ReadOptions = {}, cuts: readonly number[] = []) {
  const bytes = typeof input === 'string' ? bytesOf(input) : input
  return readAll(standardInput(), { stdin: inPieces(bytes, cuts), ...options })
}

describe('JSON lines', () => {
  const wellFormed = fc.string({ unit: 'grapheme', maxLength: 20 })
  const row = fc.oneof(
    fc.record({ text: wellFormed, other: fc.jsonValue({ maxDepth: 2 }) }),
    fc.record({ ids: fc.array(fc.nat(99), { maxLength: 8 }) }),
  )

  test('what is written is read back, in any pieces, with any line ends', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(row, fc.constantFrom('\n', '\r\n', '\n\n', ' \n')), { maxLength: 6 }),
        fc.boolean(),
        fc.array(fc.nat(300), { maxLength: 8 }),
        fc.constantFrom('', '\ufeff'),
        async (rows, isEnded, cuts, mark) => {
          const text = rows.map(([value, end]) => JSON.stringify(value) + end).join('')
          const got = await read(mark + (isEnded ? text : text.trimEnd()), {}, cuts)
          expect(got.map(inShort)).toEqual(rows.map(([value]) => ('ids' in value ? value.ids : value.text)))
          expect(got.map((document) => document.row)).toEqual(rows.map((_, i) => i))
        },
      ),
      { seed: 2, numRuns: 200 },
    )
  })

  test('any bytes in any pieces give the same results, and every line is accounted for', async () => {
    const noise = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.constantFrom('{"text":"é"}', '{"ids":[1,2]}', '{"text":', '\n', '\r\n', '\ufeff', '{}').map(bytesOf),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(noise, { maxLength: 12 }),
        fc.array(fc.nat(150), { maxLength: 10 }),
        async (parts, cuts) => {
          // Packed streams have tests of their own.
          const bytes = Buffer.concat([bytesOf('{"text":"a"}\n'), ...parts])
          const whole = await read(bytes)
          expect(await read(bytes, {}, cuts)).toEqual(whole)
          expect(whole.map(({ row }) => row)).toEqual(whole.map((_, i) => i))
        },
      ),
      { seed: 3, numRuns: 300 },
    )
  })

  test.each<[string, string, ReadOptions, Skipped['reason'], RegExp]>([
    ['no JSON', '{"text"}', {}, 'not-json', /JSON object/],
    ['two objects', '{"text":"a"}{"text":"b"}', {}, 'not-json', /JSON object/],
    ['a list', '[1]', {}, 'wrong-type', /JSON object/],
    ['null', 'null', {}, 'wrong-type', /JSON object/],
    ['no column', '{"body":"a"}', {}, 'no-column', /"text" or "ids"/],
    ['an inherited column', '{"a":1}', { textColumn: 'toString' }, 'no-column', /"toString"/],
    ['not the named column', '{"text":"a"}', { textColumn: 'body' }, 'no-column', /"body"/],
    ['text and ids', '{"text":"a","ids":[1]}', {}, 'wrong-type', /both; name/],
    ['text that is none', '{"text":3}', {}, 'wrong-type', /a string, got a number/],
    ['text that is null', '{"text":null}', {}, 'wrong-type', /a string, got null/],
    ['ids that are none', '{"ids":7}', {}, 'wrong-type', /list of integers, got a number/],
    ['ids of another tokenizer', '{"ids":[1,99,100]}', {}, 'wrong-type', /0\.\.99, got .* place 2/],
    ['a negative id', '{"ids":[-1]}', {}, 'wrong-type', /place 0/],
    ['half an id', '{"ids":[1,0.5]}', {}, 'wrong-type', /place 1/],
    ['an id as text', '{"ids":["1"]}', {}, 'wrong-type', /place 0/],
    ['a list as id', '{"ids":[[1]]}', {}, 'wrong-type', /place 0/],
    ['no id', '{"ids":[null]}', {}, 'wrong-type', /place 0/],
    ['a prompt that is too long', '{"ids":[1],"promptLength":2}', {}, 'wrong-type', /0\.\.1/],
    ['a group that is a list', '{"ids":[1],"g":[]}', { groupColumn: 'g' }, 'wrong-type', /"g"/],
    [
      'a group as long as a text',
      `{"ids":[1],"g":"${'x'.repeat(257)}"}`,
      { groupColumn: 'g' },
      'wrong-type',
      /256/,
    ],
    ['half a surrogate pair', '{"text":"a\\ud800b"}', {}, 'not-utf8', /surrogate/],
    ['text twice', '{"text":"a","text":"b"}', {}, 'not-json', /twice/],
    ['text twice, spelt differently', '{"text":"\\"text\\"","te\\u0078t":"b"}', {}, 'not-json', /twice/],
    ['a large row', `{"text":"${'x'.repeat(5000)}"}`, {}, 'too-large', /4000 bytes, got 5011/],
  ])('%s is a skip, and its neighbours count', async (_, line, options, reason, message) => {
    const good = options.textColumn ? `{"${options.textColumn}":"a"}` : '{"text":"a"}'
    const got = await read(`${good}\n${line}\n${good}\n`, {
      vocabularySize: 100,
      maximumBytes: 4000,
      ...options,
    })
    expect(got.map(inShort)).toEqual(['a', reason, 'a'])
    expect(got.map(({ row }) => row)).toEqual([0, 1, 2])
    const skip = got[1] as Skipped
    expect(skip.message).toMatch(message)
    expect(skip.message).toMatch(/expected .*got /)
    expect(Object.isFrozen(skip)).toBe(true)
  })

  test("a member twice within another member is nobody's business but its own", async () => {
    const inner = '{"text":"a","turns":[{"text":"b"},{"text":"c"}]}'
    expect((await read(inner)).map(inShort)).toEqual(['a'])
  })

  test('a last line that was half written is torn, also within a character; a whole one counts', async () => {
    const torn = bytesOf('{"text":"a"}\n{"text":"é"}').subarray(0, 23)
    for (const input of ['{"text":"a"}\n{"text":"b', torn, '{"text":"a"}\n{"text":"b"}}'])
      expect((await read(input)).map(inShort)).toEqual(['a', 'torn-line'])
    expect((await read('{"text":"a"}\n{"text":"b"}')).map(inShort)).toEqual(['a', 'b'])
  })

  test('other encodings are named', async () => {
    const latin = Uint8Array.from([...bytesOf('{"text":"'), 0xe9, ...bytesOf('"}\n{"text":"a"}\n')])
    expect((await read(latin)).map(inShort)).toEqual(['not-utf8', 'a'])
    const wide = Buffer.concat([
      Uint8Array.of(0xff, 0xfe),
      Buffer.from('{"text":"a"}\n{"text":"b"}\n', 'utf16le'),
    ])
    const got = await read(wide, {}, [1])
    expect(got.map(inShort)).toEqual(['not-utf8'])
    expect((got[0] as Skipped).message).toMatch(/UTF-16.*whole source/)
  })

  test('rows of 50 MB take no memory and no neighbour with them', async () => {
    async function* rows(): AsyncGenerator<Uint8Array> {
      yield bytesOf('{"text":"a"}\n{"text":"')
      const piece = new Uint8Array(1 << 16).fill(0x78)
      for (let size = 0; size < 50e6; size += piece.length) yield piece
      yield bytesOf('"}\n{"text":"b"}\n')
    }
    expect((await readAll(standardInput(), { stdin: rows() })).map(inShort)).toEqual(['a', 'too-large', 'b'])
  })

  test('columns by name, prompt and group', async () => {
    const line = '{"input_ids":[1,2,3],"prompt_tokens":2,"day":"2026-01-01","text":"x"}\n{"input_ids":[]}\n'
    const options = { idsColumn: 'input_ids', promptLengthColumn: 'prompt_tokens', groupColumn: 'day' }
    expect(await read(line, options)).toEqual([
      {
        kind: 'document',
        source: 'in',
        row: 0,
        ids: Uint32Array.of(1, 2, 3),
        promptLength: 2,
        group: '2026-01-01',
      },
      { kind: 'document', source: 'in', row: 1, ids: new Uint32Array(0) },
    ])
    const numbers = await read('{"text":"a","day":7}\n{"text":"b","day":null}\n', { groupColumn: 'day' })
    expect(numbers.map((document) => 'group' in document && document.group)).toEqual(['7', false])
  })
})

describe('text', () => {
  const kind = { format: 'text', compression: 'none' } as const
  test.each<[string, string | Uint8Array, unknown]>([
    ['text', 'a\nb\n', 'a\nb\n'],
    ['nothing', '', ''],
    ['a byte order mark', '\ufeffa', 'a'],
    ['Latin-1', Uint8Array.of(0x61, 0xe9), 'not-utf8'],
    ['UTF-16', Uint8Array.of(0xff, 0xfe, 0x61, 0), 'not-utf8'],
    ['more than allowed', 'x'.repeat(101), 'too-large'],
  ])('%s', async (_, bytes, expected) => {
    const source = await fileOf(`${folder.path}/t.txt`, bytes, kind)
    expect((await readAll(source, { maximumBytes: 100 })).map(inShort)).toEqual([expected])
  })

  test('a file that is gone is a skip that says so', async () => {
    const source = { ...(await fileOf(`${folder.path}/u.txt`, '', kind)), path: `${folder.path}/none.txt` }
    const [skip] = (await readAll(source)) as Skipped[]
    expect(skip).toMatchObject({
      reason: 'unreadable',
      row: 0,
      message: expect.stringMatching(/ENOENT; the source/),
    })
  })
})

describe('packed', () => {
  const lines = Array.from(
    { length: 3000 },
    (_, i) => `{"text":"document ${i} ${Math.imul(i, 2654435761)}"}\n`,
  )
  const packed = gzipSync(lines.join(''))
  const gzip = { format: 'jsonl', compression: 'gzip' } as const
  const readGzip = async (bytes: Uint8Array) => readAll(await fileOf(`${folder.path}/p.gz`, bytes, gzip))

  test('gzip, also in several members, with padding, and from standard input', async () => {
    const expected = lines.map((line) => JSON.parse(line).text)
    const halves = [gzipSync(lines.slice(0, 1000).join('')), gzipSync(lines.slice(1000).join(''))]
    for (const bytes of [packed, Buffer.concat(halves), Buffer.concat([packed, new Uint8Array(1000)])]) {
      expect((await readGzip(bytes)).map(inShort)).toEqual(expected)
      expect((await read(bytes, {}, [1, 2, 3, 1000])).map(inShort)).toEqual(expected)
    }
  })

  test('cut off: what came before counts, the rest is one skip', async () => {
    const got = await readGzip(packed.subarray(0, packed.length / 2))
    expect(got.length).toBeGreaterThan(100)
    expect(got.slice(0, -1).map(inShort)).toEqual(
      lines.slice(0, got.length - 1).map((line) => JSON.parse(line).text),
    )
    expect(got.at(-1)).toMatchObject({ reason: 'unreadable', row: got.length - 1 })
    expect((got.at(-1) as Skipped).message).toMatch(/in the middle; what follows row \d+ is left out/)
  })

  test('nothing that follows is dropped without a word', async () => {
    for (const behind of ['x', '\0x', '\x1f\x8b', '\0'.repeat(70_000).concat('x')]) {
      const got = await readGzip(Buffer.concat([packed, bytesOf(behind)]))
      expect(inShort(got.at(-1)!)).toBe('unreadable')
    }
    for (const bytes of [new Uint8Array(0), bytesOf(lines[0]!)])
      expect((await readGzip(bytes)).map(inShort)).toEqual(['unreadable'])
  })

  test('a changed byte never goes unseen', async () => {
    const small = gzipSync(lines.slice(0, 20).join(''))
    const whole = (await readGzip(small)).map(inShort)
    // Flags, time and system in the header say nothing about the content.
    for (let at = 10; at < small.length; at += 3) {
      const changed = Uint8Array.from(small)
      changed[at]! ^= 1 << (at % 8)
      const got = (await readGzip(changed)).map(inShort)
      if (JSON.stringify(got) !== JSON.stringify(whole)) expect(got.at(-1)).toBe('unreadable')
    }
  })
})

describe('options', () => {
  test.each<[string, object, string]>([
    ['two columns', { textColumn: 'a', idsColumn: 'b' }, 'options.idsColumn'],
    ['a prompt of text', { textColumn: 'a', promptLengthColumn: 'b' }, 'options.promptLengthColumn'],
    ['a column without name', { textColumn: '' }, 'options.textColumn'],
    ['no limit', { maximumBytes: 0 }, 'options.maximumBytes'],
    ['a vocabulary of one', { vocabularySize: 1 }, 'options.vocabularySize'],
    ['hardly any memory', { parquetMemory: 1 }, 'options.parquetMemory'],
    ['a misspelt one', { column: 'a' }, 'options'],
    ['standard input from nowhere', {}, 'options.stdin'],
  ])('%s: refused by name', async (_, options, name) => {
    await expectRefusalOf(() => readAll(standardInput(), options), name)
  })
})

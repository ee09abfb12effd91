/** The tokenizer's name: what goes into it, what is refused, and the bundled tokenizer as another program reads it. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type TokenStrings, tokenizerDigest, tokenStrings } from '../../src/text/tokenizer-digest.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const TEACHER = join(import.meta.dirname, '../../benchmarks/lab/teacher/tokenizer.json')

const nodeDigest = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

describe('tokenizerDigest', () => {
  test('is SHA-256 over JSON.stringify of the list, as Node computes it', () => {
    const piece = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant(null))
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (tokens) => {
        expect(tokenizerDigest(tokens)).toBe(nodeDigest(JSON.stringify(tokens)))
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  // Python: 'sha256:' + sha256(json.dumps(tokens, ensure_ascii=False, separators=(',', ':')).encode()).hexdigest()
  test.each([
    [['a'], '0eb5b8d6f81bc677da8a08567cc4fa9a06a57e9ec8da85ed73a7f62727996002'],
    [['a', 'é'], '91bd7b5d30b2d6b32212d31553dcaca2b9e172330cd6325f9476e3e0ac9028cd'],
    [
      ['a', null, '"\\/', '\u0000\u001f\b\f\n\r\t\u007f', '\u2028é漢😀', 'Ġthe', ''],
      '9539d71be4b955c95cc0d8d5c8d198050df3482195d9bb1b950e539b64e4a8f2',
    ],
  ])('of %j is what another program computes', (tokens, hex) => {
    expect(tokenizerDigest(tokens)).toBe(`sha256:${hex}`)
  })

  test('tells apart what only looks alike', () => {
    const lists: TokenStrings[] = [
      ['a', 'b'],
      ['b', 'a'],
      ['ab'],
      ['a', 'b', null],
      ['a', null, 'b'],
      ['a', 'null', 'b'],
      ['a', '', 'b'],
      ['a","b'],
      ['é'],
      ['e\u0301'],
      // Halves of a surrogate pair have no UTF-8, and must not all become the same replacement.
      ['\ud800'],
      ['\udc00'],
      ['\ufffd'],
    ]
    expect(new Set(lists.map(tokenizerDigest)).size).toBe(lists.length)
  })

  test('needs at least one token', () => {
    expect(expectRefusal(() => tokenizerDigest([]), 'tokens')).toBeInstanceOf(RangeError)
  })

  test.each(wrongValues({ except: [] }))('refuses %s', (_, value) => {
    expectRefusal(() => tokenizerDigest(value as TokenStrings), 'tokens')
  })

  test.each(wrongValues({ except: ['string', 'null'] }))(
    'refuses %s among the tokens, by its id',
    (_, value) => {
      const error = expectRefusal(() => tokenizerDigest(['a', null, value as string, 'b']), 'tokens[2]')
      expect(error).toBeInstanceOf(TypeError)
    },
  )
})

describe('tokenStrings', () => {
  test('reads the bundled tokenizer as another program does', () => {
    const strings = tokenStrings(JSON.parse(readFileSync(TEACHER, 'utf8')))
    expect(strings).toHaveLength(2048)
    expect(strings).not.toContain(null)
    expect(new Set(strings).size).toBe(2048)
    expect(strings[2047]).toBe('<|endoftext|>')
    // Python, from the file: vocab pieces by id, added tokens over them, then as above.
    expect(tokenizerDigest(strings)).toBe(
      'sha256:59a6979eaad52673ee509e72e8bdb1c025a2d1e9d81a1d13d421c99ea6094616',
    )
  })

  test('puts any vocabulary in the order of its ids, null where there is none', () => {
    const cases = fc
      .uniqueArray(fc.tuple(fc.string(), fc.nat(200)), { selector: ([piece]) => piece, minLength: 1 })
      .map((entries) => [...new Map(entries.map(([piece, id]) => [id, piece]))])
    fc.assert(
      fc.property(cases, fc.nat(40), (entries, most) => {
        const cut = Math.min(most, entries.length - 1)
        const expected: (string | null)[] = new Array(Math.max(...entries.map(([id]) => id)) + 1).fill(null)
        for (const [id, piece] of entries) expected[id] = piece
        // JSON.parse, as a file would come: "__proto__" is a piece like any other.
        const vocab = entries.slice(cut).map(([id, piece]) => `${JSON.stringify(piece)}:${id}`)
        const json = {
          model: { type: 'BPE', vocab: JSON.parse(`{${vocab.join()}}`) },
          added_tokens: entries.slice(0, cut).map(([id, content]) => ({ id, content, special: true })),
        }
        expect(tokenStrings(json)).toEqual(expected)
      }),
      { seed: 2, numRuns: 300 },
    )
  })

  test('keeps pieces that are names of prototypes', () => {
    const vocab = JSON.parse('{"__proto__":0,"constructor":1,"toString":2,"hasOwnProperty":3,"7":4}')
    expect(tokenStrings({ model: { vocab } })).toEqual([
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      '7',
    ])
  })

  test('keeps raw pieces raw: no byte decoding, no trimming, no normalising', () => {
    const pieces = ['Ġthe', '▁the', '<0x0A>', ' a ', 'é', 'e\u0301', '##ing', '']
    const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]))
    expect(tokenStrings({ model: { vocab } })).toEqual(pieces)
  })

  test('reads a Unigram list: the id is the place, and a piece may stand twice', () => {
    const vocab = [
      ['<unk>', 0],
      ['▁a', -2.5],
      ['▁a', -3],
    ]
    const added = [
      { id: 0, content: '<unk>' },
      { id: 4, content: '<mask>' },
    ]
    expect(tokenStrings({ model: { type: 'Unigram', vocab }, added_tokens: added })).toEqual([
      '<unk>',
      '▁a',
      '▁a',
      null,
      '<mask>',
    ])
  })

  test('takes added tokens that repeat pieces of the model; one with another string stands before it', () => {
    const vocab = { a: 0, '<unused>': 1, '</s>': 2 }
    const added = [
      { id: 2, content: '</s>' },
      { id: 1, content: '<tool>' },
      { id: 1, content: '<tool>' },
    ]
    expect(tokenStrings({ model: { vocab }, added_tokens: added })).toEqual(['a', '<tool>', '</s>'])
  })

  test('refuses two strings for one id, which readers of JSON would order differently', () => {
    const vocab = { b: 0, a: 1, '1': 0 }
    const { message } = expectRefusal(() => tokenStrings({ model: { vocab } }), 'tokenizerJson.model.vocab')
    expect(message).toContain('one token for id 0')
    const added = [
      { id: 5, content: '<x>' },
      { id: 5, content: '<y>' },
    ]
    expectRefusal(
      () => tokenStrings({ model: { vocab: { a: 0 } }, added_tokens: added }),
      'tokenizerJson.added_tokens[1]',
    )
  })

  test('does not change what it reads', () => {
    const json = { model: { vocab: { a: 0 } }, added_tokens: [{ id: 1, content: 'b' }] }
    const before = structuredClone(json)
    tokenStrings(json)
    expect(json).toEqual(before)
  })
})

describe('tokenStrings refuses', () => {
  const tokenizer = { model: { vocab: { a: 0 } }, added_tokens: [{ id: 1, content: 'b' }] }

  test.each(wrongValues({ except: [] }))('%s as tokenizer', (_, value) => {
    expectRefusal(() => tokenStrings(value), 'tokenizerJson')
  })

  test.each(wrongValues({ except: [] }))('%s as model', (_, value) => {
    expectRefusal(() => tokenStrings({ ...tokenizer, model: value }), 'tokenizerJson.model')
  })

  // A Map is among them: what it holds would not be seen, and the name would be that of the added tokens alone.
  test.each(wrongValues({ except: [] }))('%s as vocabulary', (_, value) => {
    expectRefusal(() => tokenStrings({ ...tokenizer, model: { vocab: value } }), 'tokenizerJson.model.vocab')
  })

  test.each([...wrongValues({ except: ['integer'] }), ['-1', -1], ['2 ** 24', 2 ** 24], ['1e21', 1e21]])(
    '%s as an id of the vocabulary',
    (_, value) => {
      const call = (): TokenStrings => tokenStrings({ model: { vocab: { a: 0, b: value } } })
      const error = expectRefusal(call, 'tokenizerJson.model.vocab')
      expect(error.message).toContain('for token "b"')
      expect(error).toBeInstanceOf(typeof value === 'number' ? RangeError : TypeError)
    },
  )

  test.each([...wrongValues({ except: ['array'] }), ['[]', []], ['[1, "a"]', [1, 'a']]])(
    '%s as an entry of a Unigram list',
    (_, value) => {
      const vocab = [['a', 0], value]
      expectRefusal(() => tokenStrings({ model: { vocab } }), 'tokenizerJson.model.vocab[1]')
    },
  )

  test.each(wrongValues({ except: ['undefined', 'null', 'array', 'bytes', 'view'] }))(
    '%s as added tokens',
    (_, value) => {
      expectRefusal(() => tokenStrings({ ...tokenizer, added_tokens: value }), 'tokenizerJson.added_tokens')
    },
  )

  test.each(wrongValues({ except: [] }))('%s as an added token', (_, value) => {
    const call = (): TokenStrings =>
      tokenStrings({ ...tokenizer, added_tokens: [{ id: 1, content: 'b' }, value] })
    expectRefusal(call, 'tokenizerJson.added_tokens[1]')
  })

  test.each(wrongValues({ except: ['string'] }))('%s as content of an added token', (_, value) => {
    const call = (): TokenStrings => tokenStrings({ ...tokenizer, added_tokens: [{ id: 1, content: value }] })
    expectRefusal(call, 'tokenizerJson.added_tokens[0].content')
  })

  test.each([...wrongValues({ except: ['integer'] }), ['-1', -1], ['2 ** 24', 2 ** 24]])(
    '%s as id of an added token',
    (_, value) => {
      const call = (): TokenStrings =>
        tokenStrings({ ...tokenizer, added_tokens: [{ id: value, content: 'b' }] })
      expectRefusal(call, 'tokenizerJson.added_tokens[0].id')
    },
  )
})

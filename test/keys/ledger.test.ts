/** The ledger: it says what was written down, whatever the order; what is unclear is noted; no key is in it. */
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deriveLayerKey, deriveMarkKeyBytes, deriveRouteKey } from '../../src/keys/derive.ts'
import {
  createLedgerEntry,
  entriesOf,
  type Ledger,
  type LedgerEntry,
  type LedgerEntryOptions,
  lookUp,
  parseLedger,
} from '../../src/keys/ledger.ts'
import { deriveMarkKeys } from '../../src/keys/mark-key.ts'
import { masterKeyBytes } from '../../src/keys/master.ts'
import { createProfile, type Profile, type ProfileOptions, profileDigest } from '../../src/keys/profile.ts'
import { tokenizerDigest } from '../../src/text/tokenizer-digest.ts'
import { formsShown, masterFromSeed } from '../support/keys.ts'
import { expectRefusal, wrongValues } from '../support/wrong-values.ts'

const MASTER = masterFromSeed('ledger')
const OPTIONS: ProfileOptions = {
  scheme: 'green-list',
  contextWidth: 2,
  gamma: 0.25,
  delta: 2,
  tokenizer: tokenizerDigest(['a', 'b']),
  vocabularySize: 1000,
  layers: [
    { role: 'provider', label: 'acme', share: 32768 },
    { role: 'cohort', label: 'c-1', share: 16384, lanes: 64 },
    { role: 'cohort', label: 'c-2', share: 16384, lanes: 64 },
    { role: 'canary', label: 'c-3', share: 16384 },
  ],
  created: '2026-11-24',
}
const PROFILE = createProfile(MASTER, OPTIONS)
const STRONGER = createProfile(MASTER, { ...OPTIONS, delta: 3 } as ProfileOptions)
const [, KEY] = deriveMarkKeys(MASTER, PROFILE)

function entry(options: Partial<LedgerEntryOptions> = {}, profile: Profile = PROFILE): LedgerEntry {
  return createLedgerEntry(profile, { account: 'Babbage & Co', label: 'c-1', from: '2026-12-01', ...options })
}

function textOf(entries: readonly LedgerEntry[]): string {
  return entries.map((each) => `${JSON.stringify(each)}\n`).join('')
}

function ledgerOf(...entries: LedgerEntry[]): Ledger {
  return parseLedger(textOf(entries))
}

const day = (n: number): string => new Date(Date.UTC(2026, 11, 1 + n)).toISOString().slice(0, 10)
const accounts = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('Babbage & Co', 'Ada', 'Ada ', 'ünïcödé 🜚', '__proto__', '"}\\') },
  fc
    .string({ minLength: 1, maxLength: 20, unit: 'binary' })
    .filter((s) => /^[^\p{C}\p{Zl}\p{Zp}]+$/u.test(s)),
)
const entries = fc
  .record({
    account: accounts,
    label: fc.constantFrom('acme', 'c-1', 'c-2', 'c-3'),
    lane: fc.integer({ min: 0, max: 63 }),
    profile: fc.constantFrom(PROFILE, STRONGER),
    from: fc.integer({ min: 0, max: 20 }),
    length: fc.option(fc.integer({ min: 1, max: 20 })),
  })
  .map(({ account, label, lane, profile, from, length }) =>
    createLedgerEntry(profile, {
      account,
      label,
      lane: label.startsWith('c-') && label !== 'c-3' ? lane : 0,
      from: day(from),
      ...(length === null ? {} : { to: day(from + length) }),
    }),
  )
const ledgers = fc.array(entries, { maxLength: 30 })

describe('createLedgerEntry', () => {
  test('takes everything about the key from the profile', () => {
    const options = {
      account: 'Babbage & Co',
      label: 'c-1',
      lane: 17,
      from: '2026-12-01T01:00+01:00',
      to: '2027-01-01',
    }
    const made = createLedgerEntry(PROFILE, options)
    expect(made).toEqual({
      format: 'dyetrace/ledger-1',
      account: 'Babbage & Co',
      keyId: KEY!.keyId,
      role: 'cohort',
      label: 'c-1',
      lane: 17,
      scheme: 'green-list',
      profile: profileDigest(PROFILE),
      from: '2026-12-01T00:00:00Z',
      to: '2027-01-01T00:00:00Z',
    })
    expect(Object.isFrozen(made)).toBe(true)
    expect(createLedgerEntry(JSON.parse(JSON.stringify(PROFILE)), options)).toEqual(made)
  })

  test('has lane 0 and no end where none is given', () => {
    expect(entry()).toMatchObject({ lane: 0 })
    expect(entry()).not.toHaveProperty('to')
    expect(JSON.parse(JSON.stringify(entry()))).toEqual(entry())
  })

  test.each([
    [
      'account',
      [
        '',
        'two\nlines',
        'tab\t',
        '\u0000',
        '\u007f',
        '\u0085',
        '\u2028',
        '\u2029',
        '\ud800',
        // Read from right to left, it is Ada.
        '\u202eadA',
        '\u2066A',
        'A\u200f',
        'x'.repeat(257),
      ],
    ],
    ['label', ['', 'C-1', 'c-9', 'provider', 'x'.repeat(100)]],
    ['lane', [-1, 64, 1.5, Number.NaN, 2 ** 53]],
    ['from', ['', 'today', '2026-12-01T00:00', '2026-13-01', '2026-02-30']],
    ['to', ['', '2026-12-01', '2026-11-30', '2026-12-01T01:00+01:00', '2027-01-01T00:00']],
  ])('refuses as %s', (name, values) => {
    for (const value of values) expectRefusal(() => entry({ [name]: value }), name)
  })

  test('takes names in any script, up to 256 characters', () => {
    for (const account of ['株式会社', 'e\u0301', '🜚'.repeat(256), ' ', '</script>'])
      expect(ledgerOf(entry({ account })).entries[0]!.account).toBe(account)
  })

  test('refuses a lane that the layer does not have', () => {
    expectRefusal(() => entry({ label: 'acme', lane: 1 }), 'options.lane')
    expectRefusal(() => entry({ label: 'c-3', lane: 1 }), 'options.lane')
  })

  test.each([
    ['account', wrongValues({ except: ['string'] })],
    ['label', wrongValues({ except: [] })],
    ['lane', wrongValues({ except: ['undefined', 'integer'] })],
    ['from', wrongValues({ except: [] })],
    ['to', wrongValues({ except: ['undefined'] })],
  ] as const)('refuses wrong values as %s', (name, values) => {
    for (const [, value] of values) expectRefusal(() => entry({ [name]: value }), name)
  })

  test.each(wrongValues({ except: [] }))('refuses %s as profile', (_, value) => {
    const options = { account: 'Ada', label: 'c-1', from: '2026-12-01' }
    expectRefusal(() => createLedgerEntry(value as Profile, options), 'profile')
  })

  test.each(wrongValues({ except: ['record', 'object'] }))('refuses %s as options', (_, value) => {
    expectRefusal(() => createLedgerEntry(PROFILE, value as LedgerEntryOptions), 'options')
  })

  test('refuses an unknown option', () => {
    expectRefusal(() => entry({ key: KEY } as object), 'options')
  })
})

describe('parseLedger', () => {
  test('gives back what was written, in one order whatever that of the lines', () => {
    fc.assert(
      fc.property(ledgers, fc.infiniteStream(fc.nat()), (written, order) => {
        const ledger = parseLedger(textOf(written))
        const shuffled = written
          .map((each) => ({ each, rank: order.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ each }) => each)
        const again = parseLedger(textOf(shuffled))
        expect(again.entries).toEqual(ledger.entries)
        for (const kind of ['duplicate', 'overlap'])
          expect(again.notes.filter((note) => note.kind === kind).length).toBe(
            ledger.notes.filter((note) => note.kind === kind).length,
          )
        // What was read and written again is the same, without notes of repetition.
        const second = parseLedger(textOf(ledger.entries))
        expect(second.entries).toEqual(ledger.entries)
        expect(second.notes.filter(({ kind }) => kind === 'duplicate')).toEqual([])
      }),
      { seed: 20261124, numRuns: 500 },
    )
  })

  test('keeps every entry but repeated ones and open ones that were closed', () => {
    fc.assert(
      fc.property(ledgers, (written) => {
        const key = ({ to: _, ...rest }: LedgerEntry): string => JSON.stringify(rest)
        const closed = new Set(written.filter(({ to }) => to !== undefined).map(key))
        const expected = new Set(
          written
            .filter((each) => each.to !== undefined || !closed.has(key(each)))
            .map((each) => JSON.stringify(each)),
        )
        const got = parseLedger(textOf(written)).entries.map((each) => JSON.stringify(each))
        expect(new Set(got)).toEqual(expected)
        expect(got.length).toBe(expected.size)
      }),
      { seed: 20261124, numRuns: 500 },
    )
  })

  test('is frozen, entries and notes included', () => {
    const ledger = parseLedger(`${textOf([entry(), entry()])}{`)
    for (const part of [ledger, ledger.entries, ledger.notes, ...ledger.entries, ...ledger.notes])
      expect(Object.isFrozen(part)).toBe(true)
  })

  test('an empty text is an empty ledger', () => {
    expect(parseLedger('')).toEqual({ entries: [], notes: [] })
  })

  test('takes lines of other writers: fields in any order, line ends of Windows, other notations of time', () => {
    const { from: _, ...rest } = entry({ to: '2027-01-01' })
    const line = JSON.stringify({
      to: '2027-01-01T00:00:00.000Z',
      from: '2026-12-01T01:00:00+01:00',
      ...rest,
    }).replace('"lane":0', '"lane":-0')
    expect(line).toContain('-0')
    const ledger = parseLedger(`${line}\r\n${textOf([entry({ to: '2027-01-01' })])}`)
    expect(ledger.entries).toEqual([entry({ to: '2027-01-01' })])
    expect(ledger.notes).toEqual([{ kind: 'duplicate', line: 2, of: 1 }])
  })

  describe('a last line without its line feed', () => {
    const whole = textOf([entry(), entry({ account: 'Ada' })])
    const last = whole.slice(0, -1).lastIndexOf('\n') + 1

    test('is left out and noted, wherever it was cut off', () => {
      for (let length = last + 1; length < whole.length - 1; length++)
        expect(parseLedger(whole.slice(0, length))).toEqual({
          entries: [entry()],
          notes: [{ kind: 'torn', line: 2 }],
        })
    })

    test('counts if it is whole', () => {
      expect(parseLedger(whole.slice(0, -1))).toEqual(parseLedger(whole))
      expect(parseLedger(whole).entries.length).toBe(2)
    })

    test('is the only line that may be torn', () => {
      const torn = `${whole.slice(0, -30)}\n${textOf([entry({ account: 'Babbage' })])}`
      expect(() => parseLedger(torn)).toThrow('ledger line 2: expected JSON (an entry), got a string of')
      expect(() => parseLedger(`${whole.slice(0, -30)}\n`)).toThrow('ledger line 2: expected JSON')
    })
  })

  test('says which lines are repeated, by the first of them', () => {
    const [a, b] = [entry(), entry({ account: 'Ada' })]
    expect(parseLedger(textOf([a, b, a, a])).notes).toEqual([
      { kind: 'duplicate', line: 3, of: 1 },
      { kind: 'duplicate', line: 4, of: 1 },
    ])
  })

  test('closes an open entry by the same one with an end, in either order, without a note', () => {
    const [open, closed] = [entry(), entry({ to: '2027-01-01' })]
    for (const lines of [
      [open, closed],
      [closed, open],
    ])
      expect(parseLedger(textOf(lines))).toEqual({ entries: [closed], notes: [] })
    // Two ends contradict each other: both are kept.
    const ends = parseLedger(textOf([closed, open, entry({ to: '2027-02-01' })]))
    expect(ends.entries.map(({ to }) => to)).toEqual(['2027-01-01T00:00:00Z', '2027-02-01T00:00:00Z'])
    expect(ends.notes).toEqual([{ kind: 'overlap', line: 3, with: 1 }])
  })

  test.each([
    ['the same key and lane, times that overlap', entry({ to: '2026-12-20' }), entry({ from: '2026-12-19' })],
    ['another lane', entry({ lane: 1 }), entry({ lane: 2, from: '2026-12-24' })],
    ['another label of the role', entry({ label: 'c-1' }), entry({ label: 'c-2' })],
    [
      'one within the other',
      entry({ to: '2027-02-01' }),
      entry({ lane: 1, from: '2027-01-01', to: '2027-01-02' }),
    ],
  ])('notes that an account was served twice at a time: %s', (_, a, b) => {
    for (const lines of [
      [a, b],
      [b, a],
    ]) {
      const ledger = parseLedger(textOf(lines))
      expect(ledger.notes).toEqual([{ kind: 'overlap', line: 2, with: 1 }])
      expect(ledger.entries.length).toBe(2)
    }
  })

  test.each([
    ['one after the other', entry({ to: '2026-12-20' }), entry({ from: '2026-12-20' })],
    ['another account', entry(), entry({ account: 'Ada' })],
    ['another role', entry(), entry({ label: 'acme' })],
    ['another profile', entry(), entry({}, STRONGER)],
  ])('does not where there is nothing unclear: %s', (_, a, b) => {
    expect(parseLedger(textOf([a, b])).notes).toEqual([])
  })

  test('finds an overlap with an entry far before', () => {
    const short = [2, 4, 6].map((n) => entry({ lane: n, from: day(n), to: day(n + 1) }))
    const ledger = ledgerOf(entry({ to: day(30) }), ...short)
    expect(ledger.notes).toEqual([2, 3, 4].map((line) => ({ kind: 'overlap', line, with: 1 })))
  })

  describe('refuses, and names the line:', () => {
    const good = entry({ lane: 17 })
    const { account: _, ...anonymous } = good
    const secret = masterKeyBytes(MASTER)
    const hex = Buffer.from(secret).toString('hex')
    const base64 = Buffer.from(secret).toString('base64url')
    test.each([
      ['an empty line', '', 'expected JSON'],
      ['a key', hex, 'expected JSON'],
      ['a key as a JSON string', JSON.stringify(base64.slice(0, 38)), '"entry" expected an object'],
      ['a key file', { kty: 'oct', use: 'dyetrace/1 master', k: base64 }, '"entry" expected only the keys'],
      ['a list', [good], '"entry" expected an object'],
      ['null', 'null', '"entry" expected an object'],
      [
        'two accounts, of which readers take either',
        JSON.stringify(good).replace('"account":', '"account":"Ada","account":'),
        'without a member twice',
      ],
      [
        'a lane that 32-bit fields have no room for',
        { ...good, scheme: 'gumbel', lane: 16 },
        '"entry.lane" expected',
      ],
      ['two entries', `${JSON.stringify(good)}${JSON.stringify(good)}`, 'expected JSON'],
      ['no account', anonymous, '"entry.account" expected'],
      ['an entry with a key', { ...good, key: base64 }, '"entry" expected only the keys'],
      [
        'an entry with half a key as a field',
        { ...good, [hex.slice(0, 32)]: 1 },
        '"entry" expected only the keys',
      ],
      [
        'a prototype in place of fields',
        `{"__proto__":${JSON.stringify(good)}}`,
        '"entry" expected only the keys',
      ],
      ['another version', { ...good, format: 'dyetrace/ledger-2' }, '"entry.format" expected'],
      ['an account that is none', { ...good, account: 'a\nb' }, '"entry.account" expected'],
      ['a key as key id', { ...good, keyId: hex }, '"entry.keyId" expected'],
      ['half a key as key id', { ...good, keyId: base64.slice(0, 16) }, '"entry.keyId" expected'],
      ['a key id in capitals', { ...good, keyId: good.keyId.toUpperCase() }, '"entry.keyId" expected'],
      ['another role', { ...good, role: 'owner' }, '"entry.role" expected'],
      ['a label that is none', { ...good, label: 'C 1' }, '"entry.label" expected'],
      ['a lane that is none', { ...good, lane: 512 }, '"entry.lane" expected'],
      ['a lane as text', { ...good, lane: '17' }, '"entry.lane" expected'],
      ['another scheme', { ...good, scheme: 'red-list' }, '"entry.scheme" expected'],
      ['a profile that is no digest', { ...good, profile: hex }, '"entry.profile" expected'],
      ['a time that is none', { ...good, from: hex.slice(0, 20) }, '"entry.from" expected'],
      ['a time without a zone', { ...good, from: '2026-12-01T00:00' }, '"entry.from" expected'],
      ['an end before the beginning', { ...good, to: '2026-11-30' }, '"entry.to" expected'],
      ['an end that is null', { ...good, to: null }, '"entry.to" expected'],
    ] as [string, unknown, string][])('%s', (_, content, reason) => {
      const line = typeof content === 'string' ? content : JSON.stringify(content)
      const text = `${textOf([entry({ account: 'Ada' }), entry()])}${line}\n${textOf([entry({ label: 'acme' })])}`
      let message = ''
      try {
        parseLedger(text)
      } catch (error) {
        expect([TypeError, RangeError]).toContain((error as Error).constructor)
        message = (error as Error).message
        expect(formsShown(`${message}${(error as Error).stack}`, secret)).toEqual([])
      }
      expect(message).toMatch(/^ledger line 3: .*expected .+, got .+$/)
      expect(message).toContain(reason)
    })

    test.each([
      // A label or a scheme has another key; a profile has one key a label.
      ['a key id with another label', { ...good, label: 'c-2' }],
      ['a key id with another scheme', { ...good, scheme: 'gumbel', lane: 3 }],
      [
        'a profile with another scheme',
        { ...good, scheme: 'gumbel', lane: 3, label: 'c-2', keyId: '0'.repeat(16) },
      ],
      [
        'a label with another key id',
        { ...good, keyId: good.keyId.replace(/.$/, (c) => (c === '0' ? '1' : '0')) },
      ],
      ['a label with another role', { ...good, role: 'canary' }],
    ])('%s than on another line', (_, line) => {
      for (const lines of [
        [good, line],
        [line, good],
      ])
        expect(() => parseLedger(textOf(lines as LedgerEntry[]))).toThrow(
          'ledger line 2: expected the profile, key id, role, label and scheme to go together as on line 1, got something else',
        )
    })
  })

  test('one key in two profiles may have two roles', () => {
    const renamed = createProfile(MASTER, {
      ...OPTIONS,
      layers: [{ role: 'canary', label: 'c-1', lanes: 64 }],
    })
    const ledger = ledgerOf(entry(), entry({}, renamed))
    expect(
      lookUp(ledger, { keyId: KEY!.keyId })
        .map(({ role }) => role)
        .sort(),
    ).toEqual(['canary', 'cohort'])
  })

  test.each(wrongValues({ except: ['string'] }))('refuses %s as text', (_, value) => {
    expectRefusal(() => parseLedger(value as string), 'text')
  })
})

describe('lookUp and entriesOf', () => {
  test('give every entry that fits, and no other', () => {
    const queries = fc.record(
      {
        label: fc.constantFrom('acme', 'c-1', 'c-2', 'c-3'),
        lane: fc.option(fc.integer({ min: 0, max: 63 }), { nil: undefined }),
        at: fc.option(fc.integer({ min: -1, max: 45 }), { nil: undefined }),
      },
      { requiredKeys: ['label'] },
    )
    fc.assert(
      fc.property(ledgers, queries, accounts, (written, { label, lane, at }, account) => {
        const ledger = parseLedger(textOf(written))
        const { keyId } = PROFILE.layers.find((layer) => layer.label === label)!
        const time = at === undefined ? undefined : new Date(day(at)).getTime()
        const fits = (each: LedgerEntry): boolean =>
          each.label === label &&
          (lane === undefined || each.lane === lane) &&
          (time === undefined ||
            (new Date(each.from).getTime() <= time &&
              (each.to === undefined || time < new Date(each.to).getTime())))
        const query = {
          keyId,
          ...(lane === undefined ? {} : { lane }),
          ...(at === undefined ? {} : { at: day(at) }),
        }
        expect(lookUp(ledger, query)).toEqual(ledger.entries.filter(fits))
        expect(entriesOf(ledger, account)).toEqual(ledger.entries.filter((each) => each.account === account))
      }),
      { seed: 20261124, numRuns: 500 },
    )
  })

  test('tell two accounts of one key by lane and by time', () => {
    const ledger = ledgerOf(
      entry({ account: 'Ada', lane: 1, to: '2027-01-01' }),
      entry({ account: 'Babbage', lane: 2 }),
      entry({ account: 'Cantor', lane: 1, from: '2027-01-01' }),
    )
    const names = (query: Parameters<typeof lookUp>[1]): string[] =>
      lookUp(ledger, query).map(({ account }) => account)
    const { keyId } = KEY!
    expect(names({ keyId })).toEqual(['Ada', 'Babbage', 'Cantor'])
    expect(names({ keyId, lane: 1 })).toEqual(['Ada', 'Cantor'])
    expect(names({ keyId, lane: 1, at: '2026-12-31T23:59:59Z' })).toEqual(['Ada'])
    expect(names({ keyId, lane: 1, at: '2027-01-01' })).toEqual(['Cantor'])
    expect(names({ keyId, at: '2026-11-30' })).toEqual([])
    expect(names({ keyId: '0'.repeat(16) })).toEqual([])
    expect(Object.isFrozen(lookUp(ledger, { keyId }))).toBe(true)
    expect(Object.isFrozen(entriesOf(ledger, 'Ada'))).toBe(true)
  })

  const ledger = ledgerOf(entry())
  test.each(wrongValues({ except: [] }))('refuse %s as ledger', (_, value) => {
    expectRefusal(() => lookUp(value as Ledger, { keyId: KEY!.keyId }), 'ledger')
    expectRefusal(() => entriesOf(value as Ledger, 'Ada'), 'ledger')
  })

  test('refuse a copy: it was not checked', () => {
    for (const copy of [{ ...ledger }, structuredClone(ledger), JSON.parse(JSON.stringify(ledger))])
      expectRefusal(() => lookUp(copy, { keyId: KEY!.keyId }), 'ledger')
  })

  test.each([
    ['keyId', wrongValues({ except: [] })],
    ['lane', [...wrongValues({ except: ['undefined', 'integer'] }), ['512', 512], ['-1', -1]]],
    ['at', wrongValues({ except: ['undefined'] })],
  ] as const)('refuse wrong values as %s', (name, values) => {
    for (const [, value] of values)
      expectRefusal(() => lookUp(ledger, { keyId: KEY!.keyId, [name]: value } as { keyId: string }), name)
  })

  test('refuse other queries and accounts', () => {
    for (const [, value] of wrongValues({ except: ['record', 'object'] }))
      expectRefusal(() => lookUp(ledger, value as { keyId: string }), 'query')
    expectRefusal(() => lookUp(ledger, { keyId: KEY!.keyId, account: 'Ada' } as { keyId: string }), 'query')
    for (const [, value] of wrongValues({ except: ['string'] }))
      expectRefusal(() => entriesOf(ledger, value as string), 'account')
    expectRefusal(() => entriesOf(ledger, ''), 'account')
  })
})

test('no key is in a ledger, nor in what it prints', () => {
  const master = masterKeyBytes(MASTER)
  const secrets = deriveMarkKeys(MASTER, PROFILE).flatMap(({ label, format }) => {
    const layerKey = deriveLayerKey(master, label)
    return [layerKey, deriveMarkKeyBytes(layerKey, format), deriveRouteKey(master, format)]
  })
  fc.assert(
    fc.property(ledgers, (written) => {
      const ledger = parseLedger(textOf(written))
      const text = `${textOf(written)}${inspect(ledger, { showHidden: true, depth: null })}`
      for (const secret of [master, ...secrets]) expect(formsShown(text, secret)).toEqual([])
    }),
    { seed: 20261124, numRuns: 20 },
  )
  // The check sees: one that writes a key down is caught.
  const careless = textOf([entry({ account: Buffer.from(secrets[1]!).toString('hex') })])
  expect(formsShown(careless, secrets[1]!)).toEqual(['hex'])
})

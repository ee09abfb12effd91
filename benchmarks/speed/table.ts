/** The record as README's table, and the targets that the design names: one place says which figure answers which. */
import { markdownOf, withParts } from '../paper.ts'
import { type SpeedResult, secondsOf, type Target } from './result.ts'

/** README's table stands between these two lines. */
export const TABLE_BEGIN = '<!-- speed-table: written by npm run bench:speed -- --table -->'
export const TABLE_END = '<!-- /speed-table -->'

const V = 131_072
const WASM = 'dyetrace, WebAssembly'
const JAVASCRIPT = 'dyetrace, JavaScript'
const WASM_FLOOR = 'floor: WebAssembly adds a constant'
const JAVASCRIPT_FLOOR = 'floor: JavaScript adds a constant'
const MARKS = ['green list, gamma 1/2', 'green list, gamma 1/4', 'gumbel', 'tournament, 30 rounds'] as const

const marking = (mark: string): string => `mark a row: ${mark}, V = ${V}`

/** Names of the scoring cases (scoring.ts) that targets speak of, with what is divided. */
export const SCORING = {
  detection: 'score pairs under one key: green list, gamma 1/2',
  decoys: '1e5 decoys of 512 lanes against 256 pairs',
  accounts: '1e6 accounts of 32 lanes against 256 pairs',
} as const

/** Every target of the design, section 9, with what was measured. Ratios hold of one run; the floors are the first two ways of a marking case. */
export function targetsOf(result: SpeedResult): readonly Target[] {
  const ratio = (name: string, a: string, b: string): number =>
    secondsOf(result, name, a) / secondsOf(result, name, b)
  const times = (name: string, value: number, limit: number): Target => ({
    name,
    value,
    limit,
    atMost: true,
    unit: 'x',
  })
  const seconds = (name: string, value: number, limit: number): Target => ({
    name,
    value,
    limit,
    atMost: true,
    unit: 's',
  })
  const rate = (name: string, value: number, limit: number): Target => ({
    name,
    value,
    limit,
    atMost: false,
    unit: '/s',
  })
  const [half, quarter, , tournament] = MARKS
  return [
    times(
      'green list 1/2, in place, of the WebAssembly floor',
      ratio(marking(half), 'WebAssembly, in place', WASM_FLOOR),
      2.5,
    ),
    times(
      'green list k/256, in place, of the WebAssembly floor',
      ratio(marking(quarter), 'WebAssembly, in place', WASM_FLOOR),
      6,
    ),
    times(
      'green list 1/2, JavaScript, of the JavaScript floor',
      ratio(marking(half), JAVASCRIPT, JAVASCRIPT_FLOOR),
      1.5,
    ),
    seconds('tournament of 30 rounds, whole row', secondsOf(result, marking(tournament), WASM), 0.9e-3),
    seconds(
      'tournament of 30 rounds, 1,000 tokens left',
      secondsOf(result, `mark a row: ${tournament}, 1,000 tokens left of ${V}`, WASM),
      70e-6,
    ),
    rate('tokens scored, WebAssembly', 1 / secondsOf(result, SCORING.detection, WASM), 35e6),
    rate('tokens scored, JavaScript', 1 / secondsOf(result, SCORING.detection, JAVASCRIPT), 9e6),
    seconds('1e5 decoys against 256 pairs', secondsOf(result, SCORING.decoys, WASM), 2e-3),
    seconds('1e6 accounts against 256 pairs', secondsOf(result, SCORING.accounts, WASM), 0.25),
    {
      name: 'kernels in base64',
      value: result.size.kernelsBase64,
      limit: 35_000,
      atMost: true,
      unit: 'characters',
    },
    ...result.shares
      .filter(({ name }) => name.includes(`V = ${V}`))
      .map(({ name, share }) => ({
        name: `marking, ${name}`,
        value: 100 * share,
        limit: 2,
        atMost: true,
        unit: '%',
      })),
  ]
}

/** Head and body. */
export function tableCells(result: SpeedResult): { head: string[]; body: string[][] } {
  const peer = (name: string): string => {
    const row = result.peers?.rows.find((one) => one.name === name && (one.vocabularySize ?? V) === V)
    return row ? timeText(row.seconds) : ''
  }
  const others: Record<(typeof MARKS)[number], string> = {
    'green list, gamma 1/2': '',
    'green list, gamma 1/4': `${peer('Hugging Face KGW marks a row')} (Hugging Face KGW)`,
    gumbel: '',
    'tournament, 30 rounds': `${peer('Hugging Face SynthID marks a row')} (Hugging Face), ${peer("Google's SynthID reference marks a row")} (Google's reference)`,
  }
  const naive = (name: string): string => {
    const run = result.cases
      .find((one) => one.name === name)
      ?.runs.find(({ label }) => label.startsWith('naive'))
    return run ? timeText(run.seconds) : ''
  }
  const rows = MARKS.map((mark) => [
    `mark a row: ${mark}`,
    timeText(secondsOf(result, marking(mark), WASM)),
    timeText(secondsOf(result, marking(mark), JAVASCRIPT)),
    naive(marking(mark)),
    result.peers === null ? '' : others[mark],
  ])
  const draw = result.cases.find(({ name }) => name.startsWith('draw a token'))!
  const drawn = (label: string): string => timeText(secondsOf(result, draw.name, label))
  const scoring = (
    what: string,
    name: string,
    other: string,
    text: (seconds: number) => string,
  ): string[] => {
    const known = result.cases.find((one) => one.name === name)?.runs ?? []
    const own = (label: string): string => {
      const run = known.find((one) => one.label === label)
      return run ? text(run.seconds) : ''
    }
    return [
      what,
      own(WASM),
      own(JAVASCRIPT),
      naive(name) === '' ? '' : text(known.find(({ label }) => label.startsWith('naive'))!.seconds),
      other,
    ]
  }
  const detected = result.peers?.rows.find(
    ({ name, vocabularySize }) => name === 'Hugging Face KGW scores a token' && vocabularySize === V,
  )
  return {
    head: [
      `at a vocabulary of ${V}, one core`,
      'WebAssembly',
      'JavaScript',
      'naive port',
      "other people's, on torch",
    ],
    body: [
      ...rows,
      [
        'mark, truncate and draw a token',
        drawn('dyetrace marks and draws, WebAssembly'),
        drawn('dyetrace marks and draws, JavaScript'),
        '',
        `${drawn('@xenova/transformers 2.17 draws, unmarked')} (transformers.js 2.17, unmarked)`,
      ],
      scoring(
        'score tokens under one key',
        SCORING.detection,
        detected ? `${perSecond(1 / detected.seconds)} (Hugging Face KGW)` : '',
        (seconds) => perSecond(1 / seconds),
      ),
      scoring('100,000 decoys against 256 pairs', SCORING.decoys, '', timeText),
      scoring('a million accounts against 256 pairs', SCORING.accounts, '', timeText),
    ],
  }
}

/** What the figures stand for, and why they are not better. */
export function caption(result: SpeedResult): string {
  const { machine, shares, size, start, peers } = result
  const share = (mark: string, size: string): string => {
    const found = shares.find(({ name }) => name === `${mark}, V = ${V}, of a step of ${size} parameters`)
    return `${(100 * (found?.share ?? Number.NaN)).toPrecision(2)} %`
  }
  return [
    'Copies into WebAssembly and back are in the figures. `Marker.mark`, which also looks for NaN, takes ' +
      `${MARKS.map((mark) => `${share(mark, '1.2 G')} (${mark})`).join(', ')} of the least that a step of 1.2 billion int8 parameters takes on the same core, the size of the smallest models`,
    `of this vocabulary; of a step of 100 million parameters it is ${MARKS.map((mark) => share(mark, '100 M')).join(', ')}.`,
    `The kernels are ${Math.round(size.kernelsBase64 / 1000)} kB of base64; importing dyetrace takes ${timeText(start.importSeconds)}.`,
    'Why not faster: a green list of 1/2 is at what memory and the additions take; all else waits for ChaCha8, which gives a block of 64 bytes in some 22 ns with the 128-bit vectors that WebAssembly has',
    '(native code has wider ones), and for one table look-up a token and ten rounds of a tournament.',
    `Node ${machine.node.slice(1)}, ${machine.cores} cores (${machine.cpu})${peers ? `, torch ${peers.torch} on one thread` : ''}; measured ${result.created}.`,
  ].join('\n')
}

/** A paper with the table of this result in the place that its two markers keep. @throws Error if there is not one place. */
export function withTable(paper: string, result: SpeedResult): string {
  const parts = [markdownTable(result), caption(result)]
  return withParts(paper, { begin: TABLE_BEGIN, end: TABLE_END, parts })
}

/** Markdown, columns padded to one width. */
export function markdownTable(result: SpeedResult): string {
  return markdownOf(tableCells(result))
}

/** A time in the unit that suits it, two digits. */
export function timeText(seconds: number): string {
  const [value, unit] =
    seconds >= 1
      ? [seconds, 's']
      : seconds >= 1e-3
        ? [1e3 * seconds, 'ms']
        : seconds >= 1e-6
          ? [1e6 * seconds, 'us']
          : [1e9 * seconds, 'ns']
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(2))} ${unit}`
}

/** A rate, in millions where it is that high. */
export function perSecond(rate: number): string {
  return rate >= 1e6
    ? `${Number((rate / 1e6).toPrecision(2))} million/s`
    : `${Math.round(rate).toLocaleString('en-GB')}/s`
}

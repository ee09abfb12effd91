/** The demonstration in a terminal: a passage with its green tokens coloured, and the table of suspects. */
import Table from 'cli-table3'
import pc from 'picocolors'
import type { MarkKey } from '../../../src/keys/mark-key.ts'
import type { Profile } from '../../../src/keys/profile.ts'
import { schemeOf } from '../../../src/schemes/from-profile.ts'
import type { Teacher } from '../teacher.ts'
import type { Passage } from './experiment.ts'
import type { Summary, SuspectLine, WatchedLine } from './summary.ts'

/** A terminal may be narrower; elsewhere lines are as long as in one that is not. */
const WIDTH = Math.min(100, process.stdout.columns ?? 100)
const isNarrow = WIDTH < 100

/** Where there is no colour, green tokens stand in brackets. */
const green = pc.isColorSupported ? pc.green : (text: string) => `[${text}]`

/** The whole result as text. */
export function printable(
  summary: Summary,
  {
    passage,
    teacher,
    profile,
    key,
    sentences,
  }: { passage: Passage; teacher: Teacher; profile: Profile; key: MarkKey; sentences: readonly string[] },
): string {
  return [
    wrapped(
      `${pc.bold('A passage sampled under the mark')}, tokens of its green lists ${pc.isColorSupported ? 'in green' : 'in brackets'} (a quarter would be by chance):`,
    ),
    '',
    colouredPassage(passage, { teacher, profile, key }),
    '',
    detectionTable(summary.detections),
    '',
    wrapped(
      `${pc.bold('Was it trained on marked outputs?')} Key ${summary.keyId}, seed ${JSON.stringify(summary.seed)}. Lines with a dash stand beside the one that decides.`,
    ),
    '',
    suspectTable(summary.suspects),
    '',
    wrapped(
      `${pc.bold('Watched while it answers')}: log10 of the e-value after so many tokens of text. It may be stopped at any moment, and is evidence from 6 on.`,
    ),
    '',
    watchedTable(summary.watched),
    '',
    ...sentences.map((sentence) => wrapped(`- ${sentence}`)),
  ].join('\n')
}

function colouredPassage(
  { prompt, completion }: Passage,
  { teacher, profile, key }: { teacher: Teacher; profile: Profile; key: MarkKey },
): string {
  const scheme = schemeOf(profile, { lanes: key.format.lanes })
  const ids = [...prompt, ...completion]
  const pieces = completion.map((token, i) => {
    const context = scheme.contextAt(ids, prompt.length + i)
    const text = teacher.tokenizer.decode([token])
    const isGreen = context && scheme.score(scheme.field(key, context, token, 0)) === 1
    return { text, shown: isGreen ? text.replace(/\S+/g, green) : text }
  })
  let column = 0
  let out = `${pc.dim(wrapped(teacher.tokenizer.decode([...prompt])))}\n`
  for (const { text, shown } of pieces) {
    const isBreak = text.includes('\n')
    // Brackets take room, colours do not.
    const { length } = pc.isColorSupported ? text : shown
    if (!isBreak && text.startsWith(' ') && column + length > WIDTH) {
      out += `\n${shown.slice(1)}`
      column = length - 1
    } else {
      out += shown
      column = isBreak ? 0 : column + length
    }
  }
  return out
}

function detectionTable(detections: Summary['detections']): string {
  const table = new Table({ head: ['text', 'key', 'pairs', 'green', 'log10 p', 'decision'], ...style })
  for (const { text, key, n, greenRate, log10P, decision } of detections)
    table.push([text, key, n, greenRate.toFixed(3), decimal(log10P), decided(decision)])
  return table.toString()
}

function suspectTable(lines: readonly SuspectLine[]): string {
  const e = isNarrow ? [] : ['log10 e']
  const head = [
    'suspect',
    'access',
    'statistic',
    'pairs',
    'green',
    '95 % interval',
    'log10 p',
    ...e,
    'decision',
  ]
  const table = new Table({ head, ...style })
  for (const line of lines) {
    const byTop = line.access === 'rows' && line.statistic === 'count'
    table.push([
      line.suspect,
      line.access === 'rows' ? (isNarrow ? 'rows' : 'full rows') : isNarrow ? 'text' : 'text only',
      `${line.deciding ? '' : '- '}${line.statistic}${byTop ? (isNarrow ? ' (top)' : ' (top token)') : ''}`,
      line.n,
      line.greenRate.toFixed(3),
      line.interval ? line.interval.map((end) => end.toFixed(3)).join(' .. ') : '',
      decimal(line.log10P),
      ...(isNarrow ? [] : [decimal(line.log10E)]),
      decided(line.decision),
    ])
  }
  return table.toString()
}

/** A column for the first, the last and every doubling of the points between them. */
function watchedTable(lines: readonly WatchedLine[]): string {
  const points = lines[0]?.path ?? []
  const shown = [0, 1, 2, 4, 8, 16, 32, points.length - 1].filter(
    (at, i, all) => at in points && all.indexOf(at) === i,
  )
  const table = new Table({
    head: ['suspect', ...shown.map((at) => String(points[at]!.tokens)), 'decision'],
    ...style,
  })
  for (const { suspect, path, decision } of lines)
    table.push([
      suspect,
      ...shown.map((at) => (path[at] ? path[at].log10E.toFixed(1) : '')),
      decided(decision),
    ])
  return table.toString()
}

const BORDERS =
  'top top-left top-mid top-right left left-mid mid mid-mid right right-mid bottom bottom-left bottom-mid bottom-right'
// Boxes take a quarter of a narrow line.
const style = isNarrow
  ? {
      chars: { ...Object.fromEntries(BORDERS.split(' ').map((name) => [name, ''])), middle: ' ' },
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    }
  : { style: { head: [], border: [] } }

/** Two decimals, and no minus before a zero. */
function decimal(value: number): string {
  return value.toFixed(2).replace(/^-(0\.00)$/, '$1')
}

function decided(decision: string): string {
  return decision === 'evidence' ? pc.red(pc.bold(decision)) : decision
}

function wrapped(text: string): string {
  return text.replace(new RegExp(`(.{1,${WIDTH}})(?: +|$)`, 'g'), '$1\n').trimEnd()
}

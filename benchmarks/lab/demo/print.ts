/** The demonstration in a terminal: a passage with its green tokens coloured, and the table of suspects. */
import Table from 'cli-table3'
import pc from 'picocolors'
import type { MarkKey } from '../../../src/keys/mark-key.ts'
import type { Profile } from '../../../src/keys/profile.ts'
import { schemeOf } from '../../../src/schemes/from-profile.ts'
import type { Teacher } from '../teacher.ts'
import type { Passage } from './experiment.ts'
import type { Summary, SuspectLine } from './summary.ts'

const WIDTH = 100

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
    pc.bold('A passage sampled under the mark') +
      `, tokens of its green lists ${pc.isColorSupported ? 'in green' : 'in brackets'} (a quarter would be by chance):`,
    '',
    colouredPassage(passage, { teacher, profile, key }),
    '',
    detectionTable(summary.detections),
    '',
    `${pc.bold('Was it trained on marked outputs?')} Key ${summary.keyId}, seed ${JSON.stringify(summary.seed)}. Lines with a dash stand beside the one that decides.`,
    '',
    suspectTable(summary.suspects),
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
    if (!isBreak && text.startsWith(' ') && column + text.length > WIDTH) {
      out += `\n${shown.slice(1)}`
      column = text.length - 1
    } else {
      out += shown
      column = isBreak ? 0 : column + text.length
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
  const head = [
    'suspect',
    'access',
    'statistic',
    'pairs',
    'green',
    '95 % interval',
    'log10 p',
    'log10 e',
    'decision',
  ]
  const table = new Table({ head, ...style })
  for (const line of lines) {
    table.push([
      line.suspect,
      line.access === 'rows' ? 'full rows' : 'text only',
      `${line.deciding ? '' : '- '}${line.statistic}${line.access === 'rows' && line.statistic === 'count' ? ' (top token)' : ''}`,
      line.n,
      line.greenRate.toFixed(3),
      line.interval ? line.interval.map((end) => end.toFixed(3)).join(' .. ') : '',
      decimal(line.log10P),
      decimal(line.log10E),
      decided(line.decision),
    ])
  }
  return table.toString()
}

const style = { style: { head: [], border: [] } }

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

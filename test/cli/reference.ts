/** The part of docs/cli.md that lists all commands, made from the commands themselves. `npx tsx test/cli/reference.ts` writes it anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { CommandSpec } from '../../src/cli/call.ts'
import { COMMANDS } from '../../src/cli/commands.ts'

export const DOCUMENT: string = resolve(import.meta.dirname, '../../docs/cli.md')
const BEGIN = '<!-- commands: written by npx tsx test/cli/reference.ts -->'
const END = '<!-- /commands -->'

/** All commands as Markdown. */
export function reference(): string {
  return COMMANDS.map(section).join('\n\n')
}

function section({
  path,
  summary,
  about,
  operands = [],
  options,
  examples,
  json,
  exits,
}: CommandSpec): string {
  const usage = [
    'dyetrace',
    path,
    ...operands.map(([name]) => name),
    ...(options.length > 0 ? ['[options]'] : []),
  ]
  const parts = [`### ${path}`, `\`${usage.join(' ')}\`: ${summary}`, about]
  const rows = [
    ...operands.map(([name, says]) => [`\`${name}\``, says]),
    ...options.map(({ flags, says, required }) => [`\`${flags}\``, required ? `${says} (needed)` : says]),
  ]
  if (rows.length > 0) parts.push(table(['argument or option', 'what it is'], rows))
  const members = Object.entries(json).map(([name, says]) => {
    const isOptional = name.endsWith('?')
    return [`\`${isOptional ? name.slice(0, -1) : name}\``, isOptional ? `${says} (may be missing)` : says]
  })
  parts.push(table(['member with `--json`', 'what it says'], members))
  parts.push(`Exit codes: ${exits ?? '0 done'}, 2 wrong usage or input, 3 could not finish.`)
  parts.push(`\`\`\`sh\n${examples.join('\n')}\n\`\`\``)
  return parts.join('\n\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** The document with its list of commands replaced. */
export function updated(document: string): string {
  const [from, to] = [document.indexOf(BEGIN), document.indexOf(END)]
  if (from < 0 || to < from)
    throw new Error(`docs/cli.md expected ${BEGIN} and ${END}, got a document without`)
  return `${document.slice(0, from)}${BEGIN}\n\n${reference()}\n\n${document.slice(to)}`
}

if (process.argv[1] === import.meta.filename) writeFileSync(DOCUMENT, updated(readFileSync(DOCUMENT, 'utf8')))

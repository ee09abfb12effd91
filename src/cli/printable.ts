/**
 * Text for a terminal: wrapped to its width, and with everything escaped that could move the cursor, change colours or turn the direction.
 * File names, model answers and servers' messages are somebody else's text.
 */

/** The text with control and formatting characters, line ends included, as escapes. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
}

/** The first characters of a text as one printable line. */
export function excerpt(text: string, most = 60): string {
  const characters = Array.from(text.replace(/\s+/g, ' ').trim())
  return printable(
    characters.length <= most ? characters.join('') : `${characters.slice(0, most - 1).join('')}…`,
  )
}

/** Lines of at most `width` characters, broken at blanks; what follows the first is indented. Lines that fit stay as they are. */
export function wrap(text: string, { width, indent = '' }: { width: number; indent?: string }): string {
  return text
    .split('\n')
    .map((line) => (lengthOf(line) <= width ? line : broken(line, { width, indent, end: '' })))
    .join('\n')
}

/** A command line over several lines, as a shell takes it. */
export function wrapCommand(line: string, { width, indent }: { width: number; indent: string }): string {
  return lengthOf(line) <= width ? line : broken(line, { width: width - 2, indent, end: ' \\' })
}

function broken(
  line: string,
  { width, indent, end }: { width: number; indent: string; end: string },
): string {
  const lead = /^ */.exec(line)![0]
  const lines: string[] = []
  let current = lead
  let isEmpty = true
  // Words and the blanks before them: columns of a table stay where they are.
  for (const [, blanks = '', word = ''] of line.trim().matchAll(/( *)(\S+)/g)) {
    if (!isEmpty && lengthOf(current) + blanks.length + lengthOf(word) > width) {
      lines.push(current + end)
      current = lead + indent
      isEmpty = true
    }
    current += isEmpty ? word : blanks + word
    isEmpty = false
  }
  return [...lines, current].join('\n')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const COLOUR = /\u001b\[\d+m/g

/** Characters that are seen: colours take no room. */
function lengthOf(text: string): number {
  return Array.from(text.replace(COLOUR, '')).length
}

/** Columns two blanks apart, left-aligned; numbers stand right. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => lengthOf(row[c] ?? ''))))
  return rows.map((row) =>
    row
      .map((cell, c) => {
        const blanks = ' '.repeat(Math.max(0, widths[c]! - lengthOf(cell)))
        return /^-?[\d.,]+( %)?$/.test(cell) ? blanks + cell : cell + blanks
      })
      .join('  ')
      .trimEnd(),
  )
}

/** Thousands by commas, the same whatever the machine's language. */
export function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** A number of things. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : many}`
}

/** A level or a probability as it is written: 1e-6, 0.05. */
export function levelOf(p: number): string {
  return p < 1e-3 ? Number(p.toPrecision(3)).toExponential() : String(Number(p.toPrecision(3)))
}

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** Powers of ten as any terminal shows them, and as they can be typed: 2.7 x 10^22. */
export function plainPower(text: string): string {
  return text
    .replaceAll('×', 'x')
    .replaceAll('⁻', '-')
    .replace(
      /10([-⁰¹²³⁴⁵⁶⁷⁸⁹]+)/g,
      (_, power: string) => `10^${power.replace(/[^-]/g, (one) => String(RAISED.indexOf(one)))}`,
    )
}

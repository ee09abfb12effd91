/** Tables that benchmarks write into documents: Markdown, and the place that two lines of a document keep for it. */

/** Markdown, columns padded to one width. */
export function markdownOf({ head, body }: { head: readonly string[]; body: readonly string[][] }): string {
  const widths = head.map((_, c) => Math.max(...[head, ...body].map((line) => line[c]!.length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, c) => cell.padEnd(widths[c]!)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

/** A paper with these parts between its two markers, an empty line apart. @throws Error if there is not one place. */
export function withParts(
  paper: string,
  { begin, end, parts }: { begin: string; end: string; parts: readonly string[] },
): string {
  const around = paper.split(begin)
  const at = around[1]?.indexOf(end) ?? -1
  if (around.length !== 2 || at < 0)
    throw new Error(`the paper expected one "${begin}" and "${end}" after it`)
  return `${around[0]}${[begin, ...parts, around[1]!.slice(at)].join('\n\n')}`
}

/**
 * Runs the examples that users read: fenced `js` blocks of Markdown files and `@example` blocks of docstrings, against the sources,
 * under the package's own name (vitest.config.ts maps it). Where a line ends in a comment after `console.log(...)` or after a bare
 * expression, the comment must begin with the value.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { format, inspect } from 'node:util'

const ROOT = resolve(import.meta.dirname, '../..')

/** One example and where it stands. */
export interface Snippet {
  readonly place: string
  readonly code: string
}

/** Fenced `js` blocks of a Markdown file. */
export function markdownSnippets(path: string): Snippet[] {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return [...text.matchAll(/^```js\n([\s\S]*?)^```/gm)].map((match, i) => ({
    place: `${path} #${i + 1}`,
    code: match[1]!,
  }))
}

/** `@example` blocks under a folder. Blocks in which every line is a comment show calls that need a model, and are left out. */
export function docstringSnippets(folder: string): Snippet[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  )
  return files.flatMap((file) => {
    const text = readFileSync(join(ROOT, folder, file), 'utf8')
    return [...text.matchAll(/^ \* @example\n((?: \*(?! @|\/).*\n)+)/gm)]
      .map((match) => match[1]!.replace(/^ \* ?/gm, ''))
      .filter((code) => code.split('\n').some((line) => line.trim() !== '' && !line.startsWith('//')))
      .map((code) => ({ place: `${folder}/${file}`, code }))
  })
}

/** Turns `expression // value` into a call of `check`. Statements and plain comments stay as they are. */
export function withChecks(code: string): string {
  return code
    .split('\n')
    .map((line) => {
      const match =
        /^(?!\s|[\w.]+ = |const |let |import |await |if |for |function |return |export |\/\/|[})\]])(.+?) \/\/ (.+)$/.exec(
          line,
        )
      if (!match) return line
      const logged = /^console\.log\((.*)\)$/.exec(match[1]!)
      const expected = JSON.stringify(match[2])
      return logged
        ? `globalThis.checkLogged([${logged[1]}], ${expected})`
        : `globalThis.checkValue(${match[1]}, ${expected})`
    })
    .join('\n')
}

/** Runs one example as a module. @returns what was shown and what the comments say, a pair a checked line. */
export async function runSnippet({ code }: Snippet): Promise<{ shown: string; comment: string }[]> {
  const checks: { shown: string; comment: string }[] = []
  Object.assign(globalThis, {
    checkLogged: (values: unknown[], comment: string) => checks.push({ shown: format(...values), comment }),
    checkValue: (value: unknown, comment: string) =>
      checks.push({ shown: inspect(value, { breakLength: Infinity, compact: true }), comment }),
  })
  // Within the project, so that packages are found from there.
  const folder = mkdtempSync(join(ROOT, 'test', '.snippet-'))
  try {
    const file = join(folder, 'snippet.ts')
    writeFileSync(file, withChecks(code))
    await import(/* @vite-ignore */ file)
  } finally {
    rmSync(folder, { recursive: true })
  }
  return checks
}

/** True if a comment begins with a value: `64, since ...` agrees with 64 and not with 6. */
export function agrees(shown: string, comment: string): boolean {
  return comment === shown || (comment.startsWith(shown) && /^[\s,;:]/.test(comment.slice(shown.length)))
}

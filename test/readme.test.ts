/** What users read runs: README and docs, docstrings, script names. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { agrees, docstringSnippets, markdownSnippets, runSnippet, withChecks } from './support/snippets.ts'

const ROOT = resolve(import.meta.dirname, '..')
const PAPERS = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...readdirSync(join(ROOT, 'docs')).map((file) => `docs/${file}`),
]

const markdown = PAPERS.flatMap(markdownSnippets)
const docstrings = docstringSnippets('src')

/** Examples write files where they stand: each gets a folder of its own, with the bundled model in reach. */
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dyetrace-'))
})
afterEach(() => {
  process.chdir(ROOT)
  rmSync(folder, { recursive: true })
})

describe('examples run, and print what they say', () => {
  test('the scan finds them', () => {
    expect(markdown.length).toBeGreaterThanOrEqual(3)
    expect(docstrings.length).toBeGreaterThanOrEqual(10)
  })

  test.each([...markdown, ...docstrings])('$place', async (snippet) => {
    if (!snippet.code.includes('benchmarks/')) process.chdir(folder)
    for (const { shown, comment } of await runSnippet(snippet))
      expect(agrees(shown, comment), `${comment}, got ${shown}`).toBe(true)
  })

  test('a wrong comment is noticed', async () => {
    const [check] = await runSnippet({ place: 'here', code: 'console.log(1 + 1) // 3' })
    expect(agrees(check!.shown, check!.comment)).toBe(false)
    expect(agrees('6', '64, since')).toBe(false)
    expect(agrees('64', '64, since')).toBe(true)
  })

  test('statements are left alone', () => {
    const code = 'const a = 1 // one\n// a // b\n  nested() // c'
    expect(withChecks(code)).toBe(code)
  })
})

describe('what papers name exists', () => {
  const text = PAPERS.map((path) => readFileSync(join(ROOT, path), 'utf8')).join('\n')

  test('npm scripts', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const named = [...text.matchAll(/npm run (?:--silent |-s )?([a-z:]+)/g)].map((match) => match[1]!)
    expect(named.length).toBeGreaterThan(3)
    expect(named.filter((name) => !(name in scripts))).toEqual([])
  })

  test('the commands of a case in README are those of the guide, which is run (test/cli/docs.test.ts)', () => {
    const commands = (page: string) =>
      readFileSync(join(ROOT, page), 'utf8').match(/^npx dyetrace .*$/gm) ?? []
    expect(commands('README.md').length).toBeGreaterThan(5)
    expect(commands('docs/investigate.md')).toEqual(expect.arrayContaining(commands('README.md')))
  })

  test('linked files', () => {
    const missing = PAPERS.flatMap((path) =>
      [...readFileSync(join(ROOT, path), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map((match) => join(dirname(path), match[1]!))
        .filter((target) => !existsSync(join(ROOT, target))),
    )
    expect(missing).toEqual([])
  })

  test('sub-paths of the package', () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const named = [...text.matchAll(/['`]dyetrace\/([a-z]+)['`]/g)].map((match) => `./${match[1]}`)
    expect(named.filter((name) => !(name in exports))).toEqual([])
  })
})

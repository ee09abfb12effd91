/** The page that fixes the files says what the code does: its example is read, its tables name the fields that there are. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../src/digest.ts'
import { createPlan, type PlanOptions, parsePlan, planDigest, promptsDigest } from '../../src/plan/plan.ts'
import { parseAnswers, parsePrompts } from '../../src/suspect/answers.ts'

const page = readFileSync(new URL('../../docs/case-files.md', import.meta.url), 'utf8')
const [planJson, promptsJson, answersJson] = [...page.matchAll(/```text\n([\s\S]*?)```/g)].map(
  ([, code]) => code!,
)

test('the example is a case', () => {
  const written = planJson!.replaceAll('\n', '')
  const plan = parsePlan(JSON.parse(written))
  expect(canonicalJson(plan)).toBe(written)
  const { vocabularySize, access } = plan
  const prompts = parsePrompts(promptsJson!, { vocabularySize })
  expect(promptsDigest(prompts)).toBe(plan.prompts.digest)
  const { answers } = parseAnswers(answersJson!, { plan: planDigest(plan), access, vocabularySize, prompts })
  expect(answers).toEqual([{ prompt: 0, ids: [17, 4], completion: [99, 3, 17], finish: 'length' }])
})

describe('its tables name the fields', () => {
  /** First cells of the table that stands behind a heading or a word. */
  function fieldsAfter(start: string): string[] {
    const rows = page.slice(page.indexOf(start)).split('\n')
    const first = rows.findIndex((row) => row.startsWith('| `'))
    const end = rows.findIndex((row, i) => i > first && !row.startsWith('|'))
    return rows.slice(first, end).map((row) => /^\| `(\w+)`/.exec(row)![1]!)
  }

  const options: PlanOptions = {
    suspect: 'x',
    access: 'text',
    contextWidth: 2,
    vocabularySize: 8,
    prompts: [[1]],
    origin: 'here',
    pickedBy: 'chance',
    completion: { maxTokens: 1 },
    references: ['base'],
    exposure: { origin: 'there', tokens: 1, digest: `sha256:${'0'.repeat(64)}` },
    classes: { frequent: 1 },
    budget: { answers: 1 },
    power: { target: 0.5, effect: 1 },
    family: [{ keyId: '0123456789abcdef' }],
  }
  const plan = createPlan(options)

  test('of a plan', () => {
    expect(fieldsAfter('## plan.json').sort()).toEqual([...Object.keys(plan), 'counted', 'topK'].sort())
    expect(fieldsAfter('`prompts`:').sort()).toEqual([...Object.keys(plan.prompts), 'markedText'].sort())
  })

  test.each([
    ['## answers.jsonl', 'answers.jsonl'],
    ['## references.jsonl', 'references.jsonl'],
    ['## journal.jsonl', 'journal.jsonl'],
  ])('of a line: %s', (heading, file) => {
    // The refusal of a field that is not known lists those that are.
    const module = file === 'journal.jsonl' ? 'journal.ts' : 'answers.ts'
    const source = readFileSync(new URL(`../../src/suspect/${module}`, import.meta.url), 'utf8')
    const constant = `${file.replace(/s?\.jsonl$/, '').toUpperCase()}_KEYS`
    const keys = new RegExp(`const ${constant} = \\[([^\\]]+)\\]`).exec(source)![1]!
    expect(fieldsAfter(heading).sort()).toEqual([...keys.matchAll(/'(\w+)'/g)].map(([, key]) => key!).sort())
  })
})

/** The demonstration for real, as small as it can be: from the bundled teacher to its JSON, and the command in front of it. */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runExperiment } from '../../benchmarks/lab/demo/experiment.ts'
import { type Summary, summarise } from '../../benchmarks/lab/demo/summary.ts'
import { masterFromSeed } from '../support/keys.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const size = { documents: 8, prompts: 4, completionTokens: 16, sequences: 4 }

async function run(seed: string, owner: string): Promise<{ summary: Summary; steps: string[] }> {
  const steps: string[] = []
  const { experiment } = await runExperiment({
    size,
    seed,
    master: masterFromSeed(owner),
    onStep: (step) => {
      steps.push(step)
      return (done, total) => expect(done).toBeLessThanOrEqual(total)
    },
  })
  return { summary: summarise(experiment, { quick: true }), steps }
}

describe('a run', () => {
  const first = run('a seed', 'an owner')

  test('has the shape that readers of the JSON rely on', { timeout: 120_000 }, async () => {
    const { summary } = await first
    const read = JSON.parse(JSON.stringify(summary))
    expect(read).toEqual(summary)
    expect(read.seed).toBe('a seed')
    expect(read.suspects).toHaveLength(8)
    for (const line of read.suspects)
      expect(line).toMatchObject({
        suspect: expect.stringMatching(/^(thief|innocent|teacher)$/),
        truth: line.suspect === 'thief' ? 'thief' : 'innocent',
        access: expect.stringMatching(/^(text|rows)$/),
        statistic: expect.stringMatching(/^(count|contrast)$/),
        n: expect.any(Number),
        log10P: expect.any(Number),
        decision: expect.stringMatching(/^(evidence|no-evidence|insufficient|protocol-mismatch)$/),
      })
  })

  test('finds the thief, and nobody else', { timeout: 120_000 }, async () => {
    const { summary } = await first
    const { suspects, detections } = summary
    const contrast = suspects.find(
      ({ suspect, statistic }) => suspect === 'thief' && statistic === 'contrast',
    )
    // 1,024 marked tokens are little; the contrast sees them, sampled text of four answers does not.
    expect(contrast).toMatchObject({ decision: 'evidence', deciding: true })
    expect(contrast!.log10P).toBeLessThan(-6)
    for (const { truth, decision } of suspects)
      if (truth === 'innocent') expect(decision).not.toBe('evidence')
    expect(detections.map(({ text, key, decision }) => [text, key, decision])).toEqual([
      ['marked', 'own', 'evidence'],
      ['marked', 'another', 'no-evidence'],
      ['unmarked', 'own', 'no-evidence'],
    ])
  })

  test('names its steps', { timeout: 120_000 }, async () => {
    const { steps } = await first
    expect(steps).toEqual(
      expect.arrayContaining(['loading the teacher', 'training the thief', 'judging the teacher']),
    )
  })

  test('same seed and key, same summary', { timeout: 120_000 }, async () => {
    expect((await run('a seed', 'an owner')).summary).toEqual((await first).summary)
  })
})

describe('the command', () => {
  function command(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    return new Promise((done) => {
      execFile(
        process.execPath,
        ['--import', 'tsx', 'benchmarks/lab/demo.ts', ...args],
        { cwd: ROOT },
        (error, stdout, stderr) => done({ code: Number(error?.code ?? 0), stdout, stderr }),
      )
    })
  }

  test('--help names the options', async () => {
    const { code, stdout } = await command('--help')
    expect(code).toBe(0)
    for (const option of ['--quick', '--json', '--seed <text>', '--key-file <path>', '--help'])
      expect(stdout).toContain(option)
  })

  test.each([{ args: ['--fast'] }, { args: ['--seed'] }, { args: ['--quick', 'extra'] }])(
    '$args: refused, nothing on standard output',
    async ({ args }) => {
      const { code, stdout, stderr } = await command(...args)
      expect(code).not.toBe(0)
      expect(stdout).toBe('')
      expect(stderr).toContain('error')
    },
  )
})

/** docs/cli.md lists the commands as they are, and docs/investigate.md runs: from nothing to a verified bundle against a real student. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { PACKAGE } from '../../src/case/package.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { writeKeyFile } from '../../src/keys/key-file.ts'
import { masterKeyFromBytes } from '../../src/keys/master.ts'
import { DOCUMENT, updated } from './reference.ts'
import { cli, type Ran, wordsOf } from './support.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const TSX = pathToFileURL(join(ROOT, 'node_modules/tsx/dist/loader.mjs')).href

describe('docs/cli.md', () => {
  const document = readFileSync(DOCUMENT, 'utf8')
  // Formatting aligns tables.
  const plain = (text: string): string => text.replace(/-{3,}/g, '---').replace(/[ \n]+/g, ' ')

  test('lists every command, option and member as the program has them (npx tsx test/cli/reference.ts)', () => {
    expect(plain(updated(document))).toBe(plain(document))
    expect(document.match(/^### /gm)).toHaveLength(COMMANDS.length)
  })

  test("a list that is not the program's is noticed", () => {
    const other = document.replace('draw a master key', 'draw a key')
    expect(plain(updated(other))).not.toBe(plain(other))
  })

  test("the version is the package's", async () => {
    const { stdout } = await cli(ROOT, ['--version'])
    expect(stdout.trim()).toBe(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version)
    expect(stdout.trim()).toBe(PACKAGE.version)
  })
})

describe('docs/investigate.md', () => {
  const lines = [
    ...readFileSync(join(ROOT, 'docs/investigate.md'), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```/gm),
  ].flatMap(([, block]) => block!.trim().split('\n'))

  test('takes at most ten commands from "case new" on', () => {
    const first = lines.findIndex((line) => line.includes('case new'))
    expect(lines.length - first).toBeLessThanOrEqual(10)
    expect(lines.at(-1)).toContain('case verify')
  })

  test('runs, and ends with a bundle that holds', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dyetrace-guide-'))
    symlinkSync(join(ROOT, 'benchmarks'), join(folder, 'benchmarks'))
    const port = await freePort()
    let server: ChildProcess | undefined
    const ran: Ran[] = []
    try {
      for (const line of lines.map((own) => own.replaceAll('8000', String(port)))) {
        const serve = /^npm run lab:serve -- (.*) &$/.exec(line)
        if (serve) {
          server = await servedStudent(folder, wordsOf(serve[1]!))
          continue
        }
        const args = wordsOf(line.replace(/^npx dyetrace /, ''))
        const result = await cli(folder, args, { now: Date.now })
        // A key that is always the same: whether a weak student of a random key is found would be a matter of luck.
        if (args[0] === 'keygen' && !args.includes('--signing')) {
          rmSync(join(folder, args[1]!))
          await writeKeyFile(join(folder, args[1]!), masterKeyFromBytes(new Uint8Array(32).fill(7)))
        }
        ran.push(result)
        expect([0, 10], `${line}\n${result.stdout}${result.stderr}`).toContain(result.code)
      }
      // A student that was trained on marked outputs, in text alone.
      const codeOf = (words: string): number | undefined =>
        ran.find(({ args }) => args.join(' ').startsWith(words))?.code
      expect(codeOf('case test')).toBe(10)
      expect(codeOf('case verify')).toBe(10)
      expect(existsSync(join(folder, 'rival/report.html'))).toBe(true)
      const { conclusions } = JSON.parse(readFileSync(join(folder, 'rival/verdict.json'), 'utf8'))
      expect(conclusions[0].exploratory).toBeUndefined()
      expect(conclusions[0].controls.instrument.passed).toBe(true)
    } finally {
      server?.kill('SIGINT')
      rmSync(folder, { recursive: true, force: true })
    }
  }, 300_000)
})

/** Starts the practice server and waits until it serves. */
async function servedStudent(cwd: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--import', TSX, join(ROOT, 'benchmarks/lab/serve.ts'), ...args], {
    cwd,
  })
  let said = ''
  await new Promise<void>((ready, failed) => {
    child.stderr.on('data', (data) => {
      said += data
      if (said.includes('serving')) ready()
    })
    child.once('exit', (code) => failed(new Error(`server ended with ${code}: ${said}`)))
  })
  return child
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

/** What `npx dyetrace` starts, before and after a build. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'dyetrace-bin-'))
afterAll(() => rmSync(folder, { recursive: true }))
cpSync(resolve(import.meta.dirname, '../bin'), join(folder, 'bin'), { recursive: true })
writeFileSync(join(folder, 'package.json'), '{"type":"module"}')

const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(folder, 'bin/dyetrace.js'), ...args], { encoding: 'utf8' })

test('without a build it says what to do, and no code that reads as a verdict', () => {
  const { status, stderr } = run('--version')
  expect(status).toBe(3)
  expect(stderr).toContain('npm run build')
})

test('with one it is the program, arguments and exit code and all', () => {
  mkdirSync(join(folder, 'dist'))
  writeFileSync(
    join(folder, 'dist/cli.js'),
    'console.log(process.argv.slice(2).join()); process.exitCode = 10',
  )
  const { status, stdout } = run('case', 'test')
  expect([status, stdout.trim()]).toEqual([10, 'case,test'])
})

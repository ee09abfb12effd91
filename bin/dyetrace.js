#!/usr/bin/env node
// What `npx dyetrace` runs. It is there before anything is built, so that a fresh clone says what is missing.
import { existsSync } from 'node:fs'

const program = new URL('../dist/cli.js', import.meta.url)
if (existsSync(program)) await import(program.href)
else {
  process.stderr.write('The program is not built yet. Run: npm run build\n')
  process.exitCode = 3
}

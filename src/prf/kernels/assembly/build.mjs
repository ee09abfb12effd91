/**
 * Compiles the kernels. `npm run kernels` writes src/prf/kernels/module.ts, which holds the module as base64; `npm run kernels:check` compiles again and fails
 * where the bytes differ. The compiler is pinned in package.json and comes with `npm ci`.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main } from 'assemblyscript/asc'

const LIMIT = 35_000
const OPTIONS =
  '--runtime stub --noAssert --optimizeLevel 3 --shrinkLevel 0 --converge --enable simd --use abort='.split(
    ' ',
  )

const target = fileURLToPath(new URL('../module.ts', import.meta.url))
const base64 = Buffer.from(await compiled()).toString('base64')
if (base64.length > LIMIT)
  fail(`expected a module of at most ${LIMIT} characters as base64, got ${base64.length}`)
const source = `// Made by \`npm run kernels\` from assembly/: not to be edited.

/** The kernels as a WebAssembly module, in base64. */
// biome-ignore format: one long line
export const MODULE: string = '${base64}'
`
if (process.argv.includes('--check')) {
  const known = await readFile(target, 'utf8').catch(() => '')
  if (known !== source)
    fail(
      'expected src/prf/kernels/module.ts to be what assembly/ compiles to, got other bytes: run `npm run kernels`',
    )
  console.log(`kernels: the same bytes, ${base64.length} characters`)
} else {
  await writeFile(target, source)
  console.log(`kernels: ${base64.length} characters`)
}

async function compiled() {
  let binary
  const { error, stderr } = await main(
    ['src/prf/kernels/assembly/index.ts', '--outFile', 'kernels.wasm', ...OPTIONS],
    {
      baseDir: '.',
      readFile: (name, base) => readFile(resolve(base, name), 'utf8').catch(() => null),
      writeFile: (_name, contents) => {
        binary = contents
      },
      listFiles: () => [],
    },
  )
  if (error) fail(`${error.message}\n${stderr.toString()}`)
  return binary
}

function fail(message) {
  console.error(`kernels: ${message}`)
  process.exit(1)
}

import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { Options } from 'tsup'
import { MODULE } from './src/prf/kernels/module.ts'

/** One entry a public sub-path: the keys are the file names that package.json `exports` points at. For the program see tsup.cli.config.ts. */
const config: Options = {
  entry: {
    index: 'src/index.ts',
    node: 'src/node.ts',
    transformers: 'src/integrations/index.ts',
    suspects: 'src/suspect/index.ts',
    distill: 'src/distill/index.ts',
    attacks: 'src/attacks/index.ts',
    corpus: 'src/corpus/index.ts',
    // Not a sub-path: the threads of a scan start from it.
    'corpus-worker': 'src/corpus/worker.ts',
    stats: 'src/stats/index.ts',
    evidence: 'src/case/index.ts',
    report: 'src/report/index.ts',
  },
  format: ['esm'],
  target: 'es2022',
  dts: true,
  clean: true,
  splitting: true,
  treeshake: true,
  metafile: true,
  // "node:fs", not "fs": workers and Deno know Node's modules by their full names only.
  removeNodeProtocol: false,
  async onSuccess() {
    await writeLicences('dist/LICENSES.txt')
    // The other side's checker stays the file that it is, to be read.
    await copyFile('src/case/standalone/verify.mjs', 'dist/verify.mjs')
    // For runtimes that compile modules at deployment and forbid it later.
    await writeFile('dist/kernels.wasm', Buffer.from(MODULE, 'base64'))
  },
}

export default config

/** What is bundled keeps its licence: writes the text of every package that the files just built hold a part of. */
export async function writeLicences(to: string): Promise<void> {
  const { inputs } = JSON.parse(await readFile('dist/metafile-esm.json', 'utf8'))
  const found = Object.keys(inputs).flatMap(
    (file) => file.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//)?.[1] ?? [],
  )
  const parts = [...new Set(found)].sort().map(async (folder) => {
    const { name, version, license } = JSON.parse(await readFile(`${folder}/package.json`, 'utf8'))
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry))
    const text = file === undefined ? `Licence: ${license}` : await readFile(`${folder}/${file}`, 'utf8')
    return `${name} ${version}\n\n${text.trim()}\n`
  })
  await writeFile(to, (await Promise.all(parts)).join(`\n${'-'.repeat(80)}\n\n`))
  await rm('dist/metafile-esm.json')
}

import type { Options } from 'tsup'

/** One entry a public sub-path: the keys are the file names that package.json `exports` points at. */
const config: Options = {
  entry: {
    index: 'src/index.ts',
    node: 'src/node.ts',
    transformers: 'src/integrations/index.ts',
    suspects: 'src/suspect/index.ts',
    distill: 'src/distill/index.ts',
    attacks: 'src/attacks/index.ts',
    stats: 'src/stats/index.ts',
  },
  format: ['esm'],
  target: 'es2022',
  dts: true,
  clean: true,
  splitting: true,
  treeshake: true,
  // "node:fs", not "fs": workers and Deno know Node's modules by their full names only.
  removeNodeProtocol: false,
}

export default config

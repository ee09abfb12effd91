import type { Options } from 'tsup'
import { writeLicences } from './tsup.config.ts'

/** The program: bin/dyetrace.js starts it. Built by itself, for it runs in Node only and holds what it needs. */
const config: Options = {
  entry: { cli: 'src/cli/main.ts' },
  format: ['esm'],
  platform: 'node',
  target: 'node20',
  clean: false,
  minify: true,
  splitting: true,
  treeshake: true,
  metafile: true,
  // commander is CommonJS: bundled into a module, it looks for a `require`.
  banner: {
    js: "import { createRequire as createRequire_ } from 'node:module'; const require = createRequire_(import.meta.url);",
  },
  onSuccess: () => writeLicences('dist/LICENSES-cli.txt'),
}

export default config

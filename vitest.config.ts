import { fileURLToPath } from 'node:url'
import type { ViteUserConfig } from 'vitest/config'
import entries from './tsup.config.ts'

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Examples import the package by its name; here that means the sources of its entries, as tsup.config.ts lists them. */
const alias = Object.entries(entries.entry as Record<string, string>).map(([name, path]) => ({
  find: new RegExp(`^dyetrace${name === 'index' ? '' : `/${name}`}$`),
  replacement: source(path),
}))

const config: ViteUserConfig = {
  resolve: { alias },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/**/*.slow.test.ts'],
    setupFiles: [source('test/support/property-seed.ts')],
    testTimeout: 60_000,
    // All processors: by itself the runner leaves one idle, of two.
    maxWorkers: '100%',
  },
}

export default config

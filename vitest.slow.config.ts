import type { ViteUserConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** The slow suites (20,000 texts and the like): `npm run test:slow`. */
const config: ViteUserConfig = {
  test: {
    include: ['test/**/*.slow.test.ts'],
    setupFiles: base.test!.setupFiles!,
    testTimeout: 3_600_000,
    passWithNoTests: true,
  },
}

export default config

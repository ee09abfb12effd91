import type { ViteUserConfig } from 'vitest/config'
import base from './vitest.config.ts'

/** The tests that need ClickHouse: `.ci/run` installs it in test/clickhouse and runs them. */
const config: ViteUserConfig = {
  ...base,
  test: {
    include: ['test/clickhouse/*.chdb.ts'],
    setupFiles: base.test!.setupFiles!,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
}

export default config

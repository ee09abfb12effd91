/** SQL for auditors in ClickHouse: words and bits of the library; and why the key is data and not a parameter. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type SqlEngine, testSql } from '../corpus/stores/sql/sql-engine.ts'
import { ask, type Engine, startEngine } from './engine.ts'

let engine: Engine

const sql: SqlEngine = {
  dialect: 'clickhouse',
  async run(statement) {
    await ask(engine, statement)
  },
  async fill(table, rows) {
    if (rows.length === 0) return
    const lines = rows.map((row) => row.map((value) => value ?? '\\N').join('\t'))
    await ask(engine, `INSERT INTO ${table} FORMAT TabSeparated`, `${lines.join('\n')}\n`)
  },
  rows: async (query) => {
    const text = await ask(engine, `${query} FORMAT TabSeparated`)
    return text === ''
      ? []
      : text
          .trimEnd()
          .split('\n')
          .map((line) => line.split('\t'))
  },
}

beforeAll(async () => {
  engine = await startEngine()
})
afterAll(() => engine.remove())

describe('ClickHouse', () => testSql(() => sql, { runs: 6 }))

test('parameters of a query are in the text that the server keeps of it, rows of an insert are not', async () => {
  const shown = await ask(
    engine,
    'SELECT query, {k0:UInt32} FROM system.processes FORMAT TabSeparated',
    undefined,
    {
      param_k0: '1234567891',
    },
  )
  // Twice: in the text, and as the column.
  expect(shown.split('1234567891').length - 1).toBe(2)
  await ask(engine, 'CREATE TEMPORARY TABLE aside (k0 UInt32) ENGINE = Memory')
  await ask(engine, 'INSERT INTO aside FORMAT TabSeparated', '1234567892\n')
  const hidden = await ask(engine, 'SELECT query, k0 FROM system.processes, aside FORMAT TabSeparated')
  expect(hidden.split('1234567892').length - 1).toBe(1)
})

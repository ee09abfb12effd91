/**
 * Corpora for the scale benchmark: Parquet files of token ids, of any size, made by DuckDB from a hash. As crawls are: a third of the documents are copies from a small
 * pool, tokens are far from uniform, so pairs repeat; nothing is marked.
 */
import type { DuckDBInstance } from '@duckdb/node-api'

/** Ids are below this. */
export const VOCABULARY = 32_000
export const DOCUMENT = 1000
const POOL = 2000

/** Writes `tokens` ids into one file, 1,000 a document. */
export async function writeCorpus(
  instance: DuckDBInstance,
  { path, tokens }: { path: string; tokens: number },
): Promise<void> {
  const connection = await instance.connect()
  try {
    // u^3 V: the lowest ids come most often, as a tokenizer's do.
    await connection.run(
      `COPY (
         SELECT list_transform(range(${DOCUMENT}), i -> CAST(
           floor(${VOCABULARY} * pow((hash(text, i) % 1000003) / 1000003.0, 3)) AS INTEGER)) AS ids
         FROM (SELECT CASE WHEN d % 3 = 0 THEN hash(d) % ${POOL} ELSE d + ${POOL} END AS text
               FROM range(${tokens / DOCUMENT}) t(d))
       ) TO '${path.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 2048)`,
    )
  } finally {
    connection.closeSync()
  }
}

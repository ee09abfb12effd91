/** Public sub-path `dyetrace/corpus`: whole data sets. For Node. */
export type { CorpusDocument, DocumentPlace, Skipped, SkipReason } from './document.ts'
export type { BlockSize, Shard } from './parts.ts'
export type { ReadingOptions, TokenizerFiles } from './question.ts'
export { readDocuments } from './read-documents.ts'
export type { ReadOptions } from './read-options.ts'
export {
  type CorpusOptions,
  type DecideOptions,
  type MergeScansOptions,
  mergeScans,
  type ScanCorpusOptions,
  type ScanShardOptions,
  type ShardReport,
  scanCorpus,
  scanShard,
} from './scan.ts'
export type {
  Missing,
  ScanAccount,
  ScannedDocument,
  ScannedGroup,
  ScannedShare,
  ScannedTest,
  ScanRecord,
  SmallestDocument,
} from './scan-record.ts'
export { expandSources, type SourceCompression, type SourceFile, type SourceFormat } from './sources.ts'
export {
  type BlockSummer,
  NOT_OWN,
  type PairBlock,
  type PairStore,
  type PartRecord,
  type ScoredBlock,
  type Totals,
} from './store.ts'
export { type ClickHouseStoreOptions, clickhouseStore } from './stores/clickhouse.ts'
export { type DuckDbStoreOptions, duckdbStore } from './stores/duckdb.ts'
export { memoryStore } from './stores/memory.ts'
export type { SqlDialect } from './stores/sql/dialect.ts'
export {
  type FieldSqlOptions,
  fieldSql,
  type GreenListSqlOptions,
  greenListSql,
  keyTableSql,
  sqlKeyWords,
} from './stores/sql/field-sql.ts'
export { type PhiloxSqlOptions, philoxSql } from './stores/sql/philox-sql.ts'
export type { FoundPassage, ScanSkipReason } from './work.ts'
export type { ScanProgress } from './work-off.ts'

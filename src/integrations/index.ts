/** Public sub-path `dyetrace/transformers`. */
export * from './transformers-js.ts'

/** Public sub-path `dyetrace/node`: what needs files. */
export { readKeyFile, writeKeyFile } from './keys/key-file.ts'

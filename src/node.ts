/** Public sub-path `dyetrace/node`: what needs files. */
export { readKeyFile, writeKeyFile } from './keys/key-file.ts'
export { readKeyRing, writeKeyRing } from './keys/key-ring-file.ts'
export { readMarkKeyFile, writeMarkKeyFile } from './keys/mark-key-file.ts'

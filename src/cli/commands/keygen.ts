/** `keygen`: a master key into a new file. */
import { writeKeyFile } from '../../keys/key-file.ts'
import { MASTER_KEY_BYTES, masterKeyFromBytes } from '../../keys/master.ts'
import type { CommandSpec } from '../call.ts'
import { EXIT, UnfinishedError } from '../exit.ts'
import { at, named } from '../files.ts'
import { writeSigningKeys } from '../signing.ts'

export const keygen: CommandSpec = {
  path: 'keygen',
  summary: 'draw a master key and write it to a new file',
  about:
    'Draws 32 bytes from the operating system and writes them to a new file with mode 600. Every other key is derived from this one, so keep a copy offline: without it, text that was marked can no longer be recognised. A file is never overwritten.',
  operands: [['<file>', 'where to write the key']],
  options: [
    {
      flags: '--signing',
      says: 'make an Ed25519 key for "case seal" instead: private in the file, public in FILE.pub',
    },
  ],
  examples: ['dyetrace keygen acme.key.json', 'dyetrace keygen investigator.pem --signing'],
  json: { file: 'the path, as given', 'publicFile?': 'with --signing: the public key' },
  async run(call) {
    const { environment, operands } = call
    const [path] = operands as [string]
    if (call.flag('signing')) {
      const publicFile = await writeSigningKeys(environment, path)
      return {
        exit: EXIT.noEvidence,
        json: { file: path, publicFile },
        text: `The private key is in ${named(path)} (mode 600), the public one in ${named(publicFile)}: publish it, so that others know whose signature they see.`,
      }
    }
    try {
      await writeKeyFile(at(environment, path), masterKeyFromBytes(environment.random(MASTER_KEY_BYTES)))
    } catch (error) {
      const { message } = error as Error
      throw /could not be written/.test(message) ? new UnfinishedError(message) : error
    }
    return {
      exit: EXIT.noEvidence,
      json: { file: path },
      text: `A master key is in ${named(path)} (mode 600). Keep a copy offline, and show it to nobody.\nNext: dyetrace profile create, to say how text is marked.`,
    }
  },
}

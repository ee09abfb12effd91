/** A hundred thousand mutations of whole cases, in all kinds of access: each is named, none holds, crashes, accuses or shows a key. */
import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { formatVerdict, judgeCase } from '../../src/case/judge.ts'
import { sealCase } from '../../src/case/seal.ts'
import { openingOf } from '../../src/keys/opening.ts'
import { type ToyFolderOptions, toyFolder } from '../support/case-folders.ts'
import { tamper } from '../support/tampering.ts'

const { privateKey: signer, publicKey } = generateKeyPairSync('ed25519')
const small = {
  prompts: 3,
  tokens: 8,
  vocabularySize: 16,
  withCase: true,
  plan: { decoys: 3, minimumCounted: 4 },
}

test.each<ToyFolderOptions & { name: string }>([
  { name: 'text', ...small },
  { name: 'text, an innocent', ...small, thief: false, withInstrument: true },
  { name: 'top-k with a reference', ...small, access: 'top-k', reference: 'base' },
  { name: 'rows', ...small, access: 'rows' },
  { name: 'exposure', ...small, contextWidth: 2, reference: 'base', withExposure: true },
])('$name', (options) => {
  const made = toyFolder(options)
  made.files['verdict.json'] = formatVerdict(judgeCase(made.files, made.keys))
  made.files['evidence.json'] = sealCase(made.files, { keys: made.keys, signer })
  const { markKey, salt } = openingOf(made.keys[0]!)
  const secrets = [markKey, salt].flatMap((secret) =>
    (['hex', 'base64', 'base64url'] as const).map((form) => Buffer.from(secret).toString(form).slice(0, 20)),
  )
  const result = tamper(made, { publicKey, count: 20_000, seed: options.name, secrets })
  console.log(JSON.stringify({ ...result, problems: result.problems.length }))
  expect(result.problems).toEqual([])
  expect(result.tried).toBeGreaterThan(19_000)
})

/** `mark`: marked text from a model on this machine. */

import { bytesToHex } from '../../bytes.ts'
import { createMarker } from '../../integrations/marker.ts'
import { type Profile, ROLES, type Role } from '../../keys/profile.ts'
import { type Call, type CommandSpec, pairOf, shown } from '../call.ts'
import { EXIT, InputError } from '../exit.ts'
import { named, readText, writeText } from '../files.ts'
import { loadLocalModel } from '../local-model.ts'
import { readMarkKeys, readProfile } from '../marks.ts'
import { seeded } from '../seeded.ts'
import { assertTokenizerOf, readTokenizer } from '../tokenizer.ts'

export const mark: CommandSpec = {
  path: 'mark',
  summary: 'sample marked text from a model on this machine',
  about:
    'Runs a prompt through a transformers.js model folder with the mark on. Needs the package @huggingface/transformers (or @xenova/transformers) beside dyetrace. Providers call createMarker in their own server; this is for trying out.',
  operands: [['[file]', 'the prompt, or "-" for standard input']],
  options: [
    { flags: '-m, --model <folder>', says: 'config.json, tokenizer.json, onnx/', required: true },
    { flags: '-p, --profile <file>', says: 'the profile', required: true },
    {
      flags: '-k, --key <file>',
      says: 'master key, ring or mark keys, one a role; several times',
      required: true,
      list: true,
    },
    { flags: '--prompt <text>', says: 'the prompt itself, instead of a file' },
    { flags: '-n, --max-tokens <n>', says: 'length of the answer (default 128)' },
    { flags: '--answers <n>', says: 'number of answers (default 1)' },
    { flags: '--temperature <t>', says: 'above 0 (default 1)' },
    { flags: '--top-k <n>', says: 'gumbel and tournament: likeliest tokens to draw from' },
    { flags: '--top-p <p>', says: 'gumbel and tournament: their probability together' },
    {
      flags: '--lane <role=n>',
      says: 'the lane that is served, as in epoch=5; several times (default 0)',
      list: true,
    },
    {
      flags: '--label <label>',
      says: 'where a role has several labels: the one that serves; several times',
      list: true,
    },
    { flags: '--seed <text>', says: 'randomness of sampling (default: from the operating system)' },
    { flags: '--ids', says: 'print JSON lines with ids, as detect takes them, instead of text' },
    { flags: '-o, --out <file>', says: 'write the answers there' },
  ],
  examples: [
    'dyetrace mark --prompt "The moor was dark, and" --model teacher --profile acme.profile.json --key acme.key.json --max-tokens 200 --out letter.txt',
    'dyetrace mark --prompt "The moor was dark, and" --model teacher --profile acme.profile.json --key acme.key.json --answers 2 --max-tokens 100 --ids --out marked.jsonl',
  ],
  json: { answers: 'prompt length, ids (prompt first) and text of each answer', keys: 'key ids that marked' },
  async run(call) {
    const { environment, operands } = call
    const profile = await readProfile(environment, call.needed('profile'))
    const folder = call.needed('model')
    const tokenizer = await readTokenizer(environment, folder)
    assertTokenizerOf(profile, tokenizer, folder)
    const all = await readMarkKeys(environment, call.list('key'), profile)
    const labels = call.list('label')
    const keys = all.filter(
      ({ role, label }) => all.filter((one) => one.role === role).length === 1 || labels.includes(label),
    )
    const temperature = call.number('temperature', { expected: 'a number above 0', holds: (t) => t > 0 }) ?? 1
    const marker = createMarker(profile, keys, {
      lanes: lanesOf(call),
      tokens: tokenizer.tokens,
      ...samplingOf(call, { temperature, profile }),
    })
    const [path] = operands
    const given = call.option('prompt')
    if ((path === undefined) === (given === undefined))
      throw new InputError(`expected a file or --prompt, got ${path === undefined ? 'neither' : 'both'}`)
    const prompt = given ?? (await readText(environment, path!, 'prompt'))
    const maxTokens = call.integer('max-tokens', { min: 1, max: 1e6 }) ?? 128
    const answers = call.integer('answers', { min: 1, max: 1e4 }) ?? 1
    const { suspect, beginOfText, endOfText } = await loadLocalModel(environment, { folder, name: 'model' })
    const encoded = tokenizer.encode(prompt)
    const start = encoded.length > 0 ? encoded : [beginOfText ?? endOfText ?? 0]
    const random = seeded(call.option('seed') ?? bytesToHex(environment.random(32)))
    const isOnLogits = marker.actsOn === 'logits'
    const completions = await suspect.complete(
      Array.from({ length: answers }, () => start),
      {
        maxTokens,
        random,
        processLogits(logits, ids) {
          marker.mark(logits, ids)
          // The mark comes before temperature; where it acts on the distribution, temperature is the marker's.
          if (isOnLogits && temperature !== 1)
            for (let i = 0; i < logits.length; i++) logits[i] = logits[i]! / temperature
        },
      },
    )
    const made = completions.map((completion) => ({
      promptLength: start.length,
      ids: [...start, ...completion],
      text: tokenizer.decode(completion),
    }))
    const text = call.flag('ids')
      ? made.map(({ ids, promptLength }) => `${JSON.stringify({ ids, promptLength })}\n`).join('')
      : made.map((one) => `${one.text}\n`).join('')
    const out = call.option('out')
    if (out !== undefined) await writeText(environment, out, text)
    return {
      exit: EXIT.noEvidence,
      json: { answers: made, keys: keys.map(({ keyId }) => keyId) },
      text: out === undefined ? text : `Written to ${named(out)}.\n`,
      verbatim: true,
    }
  },
}

function samplingOf(call: Call, { temperature, profile }: { temperature: number; profile: Profile }) {
  const topK = call.integer('top-k', { min: 1 })
  const topP = call.number('top-p', {
    expected: 'a number above 0, at most 1',
    holds: (p) => p > 0 && p <= 1,
  })
  if (profile.scheme === 'green-list') {
    if (topK !== undefined || topP !== undefined)
      throw new InputError(
        'options --top-k and --top-p: expected none for a green list, which comes before the rules of whoever samples, got one',
      )
    return {}
  }
  return {
    sampling: {
      temperature,
      ...(topK === undefined ? {} : { topK }),
      ...(topP === undefined ? {} : { topP }),
    },
  }
}

function lanesOf(call: Call): Partial<Record<Role, number>> {
  const lanes: Partial<Record<Role, number>> = {}
  for (const word of call.list('lane')) {
    const [role, lane] = pairOf(word, { option: 'lane' })
    if (!(ROLES as readonly string[]).includes(role) || !/^\d{1,3}$/.test(lane))
      throw new InputError(
        `option --lane: expected role=n with a role of ${ROLES.join(', ')}, got ${shown(word)}`,
      )
    lanes[role as Role] = Number(lane)
  }
  return lanes
}

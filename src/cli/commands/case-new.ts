/** `case new`: a folder that says who is suspected, of which mark, and how the suspect is reached. */
import { join } from 'node:path'
import { type CaseReference, type CaseSuspect, formatCase } from '../../case/case-file.ts'
import { profileDigest } from '../../keys/profile.ts'
import { type Call, type CommandSpec, pairOf, shown } from '../call.ts'
import { makeCaseFolder, readCaseFile } from '../case-folder.ts'
import { EXIT, InputError } from '../exit.ts'
import { exists, named, readText, writeText } from '../files.ts'
import { isoInstant } from '../instant.ts'
import { readProfile } from '../marks.ts'
import { printable } from '../printable.ts'
import { assertTokenizerOf, readTokenizer } from '../tokenizer.ts'

export const caseNew: CommandSpec = {
  path: 'case new',
  summary: 'begin a case: profile, tokenizer, suspect',
  about:
    'Makes the folder of a case with what is known beforehand: the published profile, the tokenizer of the marked model, and how the suspect is reached: a server that speaks the protocol of OpenAI (vLLM, SGLang, llama.cpp, Ollama and most hosts), a transformers.js folder, or a file of answers that somebody recorded. No key goes into a case. An API key is named by the environment variable that holds it; "case collect" wants the name once more.',
  operands: [['<folder>', 'the folder of the case']],
  options: [
    { flags: '-p, --profile <file>', says: 'the published profile', required: true },
    {
      flags: '-t, --tokenizer <path>',
      says: "tokenizer.json of the marked model, or the model's folder",
      required: true,
    },
    {
      flags: '--suspect <where>',
      says: 'address of the server as in http://127.0.0.1:8000/v1, or a model folder, or a .jsonl file of recorded answers',
      required: true,
    },
    { flags: '--model <name>', says: "the model's name on the server" },
    { flags: '--api <kind>', says: 'completions (default) or chat' },
    { flags: '--api-key-env <name>', says: 'environment variable that holds the API key' },
    {
      flags: '--reference <name=where>',
      says: 'a model that nobody suspects, such as your own with the mark off: name=folder, or name=address,model=NAME[,api=chat][,api-key-env=NAME]; several times',
      list: true,
    },
    { flags: '--name <words>', says: "the case's name (default: that of the model)" },
  ],
  examples: [
    'dyetrace case new rival --profile acme.profile.json --tokenizer teacher --suspect http://127.0.0.1:8000/v1 --model rival-1 --api completions --api-key-env RIVAL_API_KEY',
  ],
  json: { case: 'what case.json says', folder: 'the folder' },
  async run(call) {
    const { environment, operands } = call
    const folder = operands[0]!
    const profilePath = call.needed('profile')
    const profile = await readProfile(environment, profilePath)
    const path = call.needed('tokenizer')
    const tokenizer = await readTokenizer(environment, path)
    assertTokenizerOf(profile, tokenizer, path)
    const suspect = suspectOf(call)
    const before = await readCaseFile(environment, folder, 'case.json')
    const record = {
      format: 'dyetrace/case-1',
      name: call.option('name') ?? ('model' in suspect && suspect.model ? suspect.model : 'suspect'),
      // A case that is there keeps its time: the command can be repeated.
      created: createdIn(before) ?? isoInstant(environment.now()),
      profile: profileDigest(profile),
      tokenizer: tokenizer.digest,
      suspect,
      references: call.list('reference').map((word) => referenceOf(call, word)),
    } as const
    const text = formatCase(record)
    const next = `dyetrace case status ${named(folder)}`
    if (before !== undefined && before !== text)
      throw new InputError(
        `case ${named(folder)}: expected a folder without a case, got one with a case that was begun with other words; nothing was changed. See: ${next}`,
      )
    await makeCaseFolder(environment, folder)
    const put = (name: string, content: string): Promise<void> =>
      writeText(environment, join(folder, name), content, { what: 'case file' })
    await put('case.json', text)
    await put('profile.json', await readText(environment, profilePath, 'profile'))
    await put('tokenizer.json', tokenizer.json)
    if (tokenizer.config !== undefined) await put('tokenizer_config.json', tokenizer.config)
    return {
      exit: EXIT.noEvidence,
      json: { case: JSON.parse(text), folder },
      text:
        before !== undefined
          ? `The case ${printable(record.name)} is there already, in ${named(folder)}, with the same words; nothing was changed.\nNext: ${next}`
          : `The case ${printable(record.name)} is in ${named(folder)}. Nothing has been asked yet.\nNext: dyetrace case plan ${named(folder)}, to fix what will be asked and how it is judged.`,
    }
  },
}

function createdIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  try {
    const { created } = JSON.parse(text) as { created?: unknown }
    return typeof created === 'string' ? created : undefined
  } catch {
    return undefined
  }
}

function suspectOf(call: Call): CaseSuspect {
  const where = call.needed('suspect')
  const model = call.option('model')
  const api = call.option('api')
  const variable = call.option('api-key-env')
  if (/^https?:/i.test(where)) return servedBy(where, { model, api, variable })
  for (const [name, value] of Object.entries({ api, 'api-key-env': variable }))
    if (value !== undefined) throw new InputError(`option --${name}: expected none without a server, got one`)
  return where.endsWith('.jsonl')
    ? { kind: 'recorded', path: existing(call, where) }
    : { kind: 'local', path: existing(call, where), ...(model === undefined ? {} : { model }) }
}

interface Served {
  readonly model: string | undefined
  readonly api: string | undefined
  readonly variable: string | undefined
}

function servedBy(
  url: string,
  { model, api = 'completions', variable }: Served,
): CaseSuspect & { kind: 'openai-compatible' } {
  if (model === undefined)
    throw new InputError("option --model: expected the model's name on the server, got none")
  if (api !== 'completions' && api !== 'chat')
    throw new InputError(`option --api: expected completions or chat, got ${shown(api)}`)
  return {
    kind: 'openai-compatible',
    url,
    model,
    api,
    ...(variable === undefined ? {} : { apiKeyEnv: variable }),
  }
}

function existing({ environment }: Call, path: string): string {
  if (!exists(environment, path))
    throw new InputError(
      `option --suspect or --reference: expected an address that begins with http, a model folder or a .jsonl file, got ${shown(path)}, of which there is none`,
    )
  return path
}

function referenceOf(call: Call, word: string): CaseReference {
  const [name, where] = pairOf(word, { option: 'reference' })
  if (!/^https?:/i.test(where)) return { name, kind: 'local', path: existing(call, where) }
  const [url = '', ...parts] = where.split(',')
  const fields = new Map(parts.map((part) => pairOf(part, { option: 'reference' })))
  for (const field of fields.keys())
    if (!['model', 'api', 'api-key-env'].includes(field))
      throw new InputError(
        `option --reference: expected model, api or api-key-env behind the address, got ${shown(field)}`,
      )
  return {
    name,
    ...servedBy(url, {
      model: fields.get('model'),
      api: fields.get('api'),
      variable: fields.get('api-key-env'),
    }),
  }
}

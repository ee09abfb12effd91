/** `keys ...`: the ring of an owner's keys, commitments, mark keys for investigators, the ledger, and engines' configurations. */
import { deriveEngineMark, exportEngineConfig } from '../../integrations/engine-config.ts'
import type { EngineSchemeId, EngineSettings } from '../../keys/engine-profile.ts'
import { addProfile, createKeyRing, type KeyRing, keysAt, rotate } from '../../keys/key-ring.ts'
import { writeKeyRing } from '../../keys/key-ring-file.ts'
import { createLedgerEntry, entriesOf, type LedgerEntry, lookUp, parseLedger } from '../../keys/ledger.ts'
import { writeMarkKeyFile } from '../../keys/mark-key-file.ts'
import { createOwnerOnly } from '../../keys/owner-only-file.ts'
import { type Profile, profileDigest } from '../../keys/profile.ts'
import { type Call, type CommandSpec, pairOf, shown } from '../call.ts'
import { ENGINE_SHAPES, shapeOf } from '../engines.ts'
import { EXIT, InputError, UnfinishedError } from '../exit.ts'
import { appendLine, at, exists, named, readText, writeText } from '../files.ts'
import { isoInstant } from '../instant.ts'
import { readMarkKeys, readMaster, readProfile, readRing } from '../marks.ts'
import { columns, count, printable } from '../printable.ts'
import { readTokenizer } from '../tokenizer.ts'

const RING: readonly [string, string] = ['<ring>', 'key ring file, mode 600']

export const keysAdd: CommandSpec = {
  path: 'keys add',
  summary: 'add a profile and its key to a ring',
  about:
    'A ring holds all profiles of one model in the order in which they served, with their keys. One serves at a time; all of them detect. The file is made if it is not there, and only grows.',
  operands: [RING],
  options: [
    { flags: '-p, --profile <file>', says: 'the profile', required: true },
    {
      flags: '-k, --key <file>',
      says: 'its master key, or mark keys; several times',
      required: true,
      list: true,
    },
    { flags: '--from <time>', says: 'ISO 8601: the profile serves from then on', required: true },
    { flags: '--to <time>', says: 'when it ends (default: when the next one begins)' },
    { flags: '--new-tokenizer', says: 'the profile is for a tokenizer that the ring does not know yet' },
  ],
  examples: [
    'dyetrace keys add acme.ring.json --profile acme.profile.json --key acme.key.json --from 2026-12-01',
    'dyetrace keys add epochs.ring.json --profile epochs.profile.json --key acme.key.json --from 2026-12-01',
  ],
  json: { epochs: 'the epochs of the ring: profile digest, from, to, key ids' },
  async run(call) {
    const { environment, operands } = call
    const path = operands[0]!
    const profile = await readProfile(environment, call.needed('profile'))
    const files = call.list('key')
    if (files.length === 0) throw new InputError('option --key: expected one, got none')
    const ring = exists(environment, path) ? await readRing(environment, path) : createKeyRing()
    const to = call.option('to')
    const options = {
      profile,
      from: call.needed('from'),
      ...(to === undefined ? {} : { to }),
      allowNewTokenizer: call.flag('new-tokenizer'),
    }
    const held = await masterOf(call, files)
    const grown = addProfile(
      ring,
      held
        ? { ...options, master: held }
        : { ...options, keys: await readMarkKeys(environment, files, profile) },
    )
    await saveRing(call, path, grown)
    return ringOutcome(grown, `The ring ${named(path)} now has ${count(grown.epochs.length, 'epoch')}.`)
  },
}

async function masterOf({ environment }: Call, files: readonly string[]) {
  const [file, ...more] = files
  if (file === undefined || more.length > 0) return undefined
  try {
    return await readMaster(environment, file)
  } catch (error) {
    // Another kind of key: whoever reads those says what is wrong.
    if (/another kind of key/.test((error as Error).message)) return undefined
    throw error
  }
}

async function saveRing({ environment }: Call, path: string, ring: KeyRing): Promise<void> {
  try {
    await writeKeyRing(at(environment, path), ring)
  } catch (error) {
    const { message } = error as Error
    throw /could not be written/.test(message) ? new UnfinishedError(message) : error
  }
}

export const keysRotate: CommandSpec = {
  path: 'keys rotate',
  summary: 'begin a new epoch: a new label, the same master key',
  about:
    'Ends the last profile of a ring and adds one like it with the next epoch label. Old keys go on detecting.',
  operands: [RING],
  options: [
    { flags: '--from <time>', says: 'when the new epoch begins', required: true },
    { flags: '--label <label>', says: 'label of the new epoch (default: the last one counted up)' },
    { flags: '--profile-out <file>', says: 'write the new profile there, to be published' },
  ],
  examples: ['dyetrace keys rotate epochs.ring.json --from 2027-01-01 --label 2027-01'],
  json: { epochs: 'the epochs of the ring: profile digest, from, to, key ids' },
  async run(call) {
    const { environment, operands } = call
    const path = operands[0]!
    const label = call.option('label')
    const ring = rotate(await readRing(environment, path), {
      from: call.needed('from'),
      ...(label === undefined ? {} : { label }),
    })
    const out = call.option('profile-out')
    if (out !== undefined)
      await writeText(environment, out, `${JSON.stringify(ring.epochs.at(-1)!.profile, null, 2)}\n`, {
        what: 'profile',
      })
    await saveRing(call, path, ring)
    return ringOutcome(ring, `The ring ${named(path)} has a new epoch. Publish its profile before it serves.`)
  },
}

export const keysList: CommandSpec = {
  path: 'keys list',
  summary: 'what a ring holds, and what serves at a time',
  about: 'Lists the epochs of a ring with their key ids. No key is shown.',
  operands: [RING],
  options: [{ flags: '--at <time>', says: 'only what served at that time (ISO 8601)' }],
  examples: ['dyetrace keys list epochs.ring.json --at 2026-12-24'],
  json: { epochs: 'the epochs of the ring: profile digest, from, to, key ids' },
  async run(call) {
    const ring = await readRing(call.environment, call.operands[0]!)
    const time = call.option('at')
    if (time === undefined) return ringOutcome(ring)
    const epoch = keysAt(ring, time)
    return ringOutcome(
      { epochs: epoch ? [epoch] : [] },
      epoch ? undefined : 'Nothing served at that time: text of it carries no mark of this ring.',
    )
  },
}

function ringOutcome({ epochs }: Pick<KeyRing, 'epochs'>, before?: string) {
  const json = epochs.map(({ digest, from, to, keys, profile, master }) => ({
    profile: digest,
    scheme: profile.scheme,
    contextWidth: profile.contextWidth,
    from,
    ...(to === undefined ? {} : { to }),
    holds: master === undefined ? 'mark keys' : 'master key',
    keys: keys.map(({ keyId, role, label }) => ({ keyId, role, label })),
  }))
  const rows = epochs.flatMap(({ from, to, keys, profile }) =>
    keys.map(({ keyId, role, label }) => [
      from.slice(0, 10),
      to?.slice(0, 10) ?? '',
      profile.scheme,
      role,
      printable(label),
      ` ${keyId}`,
    ]),
  )
  const table =
    rows.length === 0 ? [] : columns([['from', 'to', 'scheme', 'role', 'label', ' key id'], ...rows])
  return {
    exit: EXIT.noEvidence,
    json: { epochs: json },
    text: [...(before === undefined ? [] : [before]), ...table].join('\n'),
  }
}

export const keysCommitments: CommandSpec = {
  path: 'keys commitments',
  summary: 'what to publish before serving',
  about:
    'Lists the commitments of a profile, one a layer, and its digest. Published before serving (in a time-stamped place), they prove later that neither key nor routing was chosen after the fact.',
  operands: [['<profile>', 'the profile']],
  options: [],
  examples: ['dyetrace keys commitments acme.profile.json'],
  json: { digest: 'of the profile', commitments: 'role, label, key id and commitment of each layer' },
  async run({ environment, operands }) {
    const profile = await readProfile(environment, operands[0]!)
    const digest = profileDigest(profile)
    const commitments = profile.layers.map(({ role, label, keyId, commitment }) => ({
      role,
      label,
      keyId,
      commitment,
    }))
    if (commitments.some(({ commitment }) => commitment === ''))
      throw new InputError(
        `profile ${named(operands[0]!)}: expected a mark of ours, got one of another engine, to whose key nobody commits`,
      )
    return {
      exit: EXIT.noEvidence,
      json: { digest, commitments },
      text: [
        `profile ${digest}`,
        ...commitments.map(({ role, label, commitment }) => `${role} ${label} ${commitment}`),
      ].join('\n'),
    }
  },
}

export const keysReveal: CommandSpec = {
  path: 'keys reveal',
  summary: 'write one mark key to a file, for an investigator',
  about:
    'Writes the key of one layer, with what opens its commitment, to a new file with mode 600. Who has it can detect this mark, and also write marked text: hand it to few. The master key stays with you.',
  options: [
    { flags: '-k, --key <file>', says: 'master key, or a ring', required: true },
    { flags: '-p, --profile <file>', says: 'the profile', required: true },
    { flags: '--label <label>', says: 'the layer (default: the only one)' },
    { flags: '-o, --out <file>', says: 'the new file', required: true },
  ],
  examples: [
    'dyetrace keys reveal --key acme.key.json --profile acme.profile.json --label acme --out acme.mark.json',
  ],
  json: { file: 'where it was written', keyId: 'of the key', role: 'of the layer', label: 'of the layer' },
  async run(call) {
    const { environment } = call
    const profile = await readProfile(environment, call.needed('profile'))
    const keys = await readMarkKeys(environment, [call.needed('key')], profile)
    const label = call.option('label')
    const key = label === undefined && keys.length === 1 ? keys[0] : keys.find((one) => one.label === label)
    if (!key)
      throw new InputError(
        `option --label: expected a layer whose key there is (${keys.map((one) => one.label).join(', ')}), got ${label === undefined ? 'none' : shown(label)}`,
      )
    const out = call.needed('out')
    await writeMarkKeyFile(at(environment, out), key)
    const { keyId, role } = key
    return {
      exit: EXIT.noEvidence,
      json: { file: out, keyId, role, label: key.label },
      text: `The key of ${role} ${key.label} (key id ${keyId}) is in ${named(out)}, mode 600.`,
    }
  },
}

export const keysOpen: CommandSpec = {
  path: 'keys open',
  summary: 'check that a revealed key opens its commitment',
  about:
    'For the other side: checks that a key is the one that the published profile committed to, with its routing and its mark. Nothing of the key is shown.',
  operands: [['<file>', 'mark key file']],
  options: [{ flags: '-p, --profile <file>', says: 'the published profile', required: true }],
  examples: ['dyetrace keys open acme.mark.json --profile acme.profile.json'],
  json: { opens: 'true', keyId: 'of the key', commitment: 'that it opens', profile: 'digest of the profile' },
  async run(call) {
    const { environment, operands } = call
    const profile = await readProfile(environment, call.needed('profile'))
    const [key] = await readMarkKeys(environment, operands, profile)
    const layer = profile.layers.find(({ keyId }) => keyId === key!.keyId)!
    const digest = profileDigest(profile)
    return {
      exit: EXIT.noEvidence,
      json: { opens: true, keyId: layer.keyId, commitment: layer.commitment, profile: digest },
      text: `The key opens the commitment of ${layer.role} ${layer.label}: ${layer.commitment}\nThe profile is ${digest}; compare it with what was published, and when.`,
    }
  },
}

export const keysExport: CommandSpec = {
  path: 'keys export',
  summary: "write an engine's watermark configuration",
  about: `For engines that mark by themselves: derives a key from the master key and writes the configuration (mode 600; it holds the key in the clear) and the profile to detect with. Schemes: ${Object.keys(ENGINE_SHAPES).join(', ')}.`,
  options: [
    { flags: '-k, --key <file>', says: 'master key', required: true },
    { flags: '--scheme <name>', says: "the engine's scheme", required: true },
    {
      flags: '-t, --tokenizer <path>',
      says: "tokenizer.json of the model, or the model's folder",
      required: true,
    },
    { flags: '--label <label>', says: 'whose mark it is (default main)' },
    { flags: '--context-width <n>', says: "ids before a token (default: the engine's)" },
    { flags: '--layers <n>', says: 'SynthID: layers (default 30)' },
    { flags: '--delta <nats>', says: 'green lists: strength (default 2)' },
    {
      flags: '--set <name=value>',
      says: 'another setting of the profile, such as alpha=0.2; several times',
      list: true,
    },
    {
      flags: '--vocabulary-size <n>',
      says: "number of ids (default the tokenizer's); for Hugging Face green lists the model's vocab_size",
    },
    { flags: '--created <time>', says: 'ISO 8601 date or time (default now)' },
    { flags: '-o, --out <file>', says: 'the new configuration file', required: true },
    { flags: '--profile-out <file>', says: 'the new profile', required: true },
  ],
  examples: [
    'dyetrace keys export --key acme.key.json --scheme vllm/philox4x32-10-v1/gumbel --tokenizer teacher --out vllm.json --profile-out vllm.profile.json',
  ],
  json: {
    file: 'the configuration',
    profileFile: 'the profile',
    profile: 'the profile itself',
    digest: 'its digest',
  },
  async run(call) {
    const { environment } = call
    const scheme = call.needed('scheme')
    const shape = shapeOf(scheme)
    const tokenizer = await readTokenizer(environment, call.needed('tokenizer'))
    const master = await readMaster(environment, call.needed('key'))
    const mark = deriveEngineMark(master, {
      scheme: scheme as EngineSchemeId,
      contextWidth: call.integer('context-width', { max: 64 }) ?? shape.contextWidth,
      param: call.integer('layers', { min: 1, max: 64 }) ?? shape.param,
      delta:
        call.number('delta', { expected: 'nats above 0 and at most 100', holds: (d) => d > 0 && d <= 100 }) ??
        shape.delta,
      tokenizer: tokenizer.digest,
      vocabularySize:
        call.integer('vocabulary-size', { min: 2, max: 2 ** 32 - 1 }) ?? tokenizer.vocabularySize,
      created: call.option('created') ?? `${isoInstant(environment.now()).slice(0, 19)}Z`,
      engine: settingsOf(call.list('set'), shape.settings),
      label: call.option('label') ?? 'main',
    })
    const [out, profileOut] = [call.needed('out'), call.needed('profile-out')]
    await writeProfile(call, profileOut, mark.profile)
    await createOwnerOnly(at(environment, out), `${exportEngineConfig(mark)}\n`, { what: 'configuration' })
    return {
      exit: EXIT.noEvidence,
      json: {
        file: out,
        profileFile: profileOut,
        profile: mark.profile,
        digest: profileDigest(mark.profile),
      },
      text: `The configuration is in ${named(out)} (mode 600: it holds the key), the profile in ${named(profileOut)}.`,
    }
  },
}

function writeProfile({ environment }: Call, path: string, profile: Profile): Promise<void> {
  return writeText(environment, path, `${JSON.stringify(profile, null, 2)}\n`, { what: 'profile' })
}

function settingsOf(words: readonly string[], defaults: EngineSettings): EngineSettings {
  const settings: Record<string, unknown> = { ...defaults }
  for (const word of words) {
    const [name, value] = pairOf(word, { option: 'set' })
    if (!Object.hasOwn(defaults, name))
      throw new InputError(
        `option --set: expected one of the scheme's settings (${Object.keys(defaults).join(', ') || 'it has none'}), got ${shown(name)}`,
      )
    settings[name] = value === '' || Number.isNaN(Number(value)) ? value : Number(value)
  }
  return settings
}

export const ledgerAdd: CommandSpec = {
  path: 'keys ledger add',
  summary: 'write down whom a key served',
  about:
    'Appends one line to a ledger: an account under one layer and lane of a profile, for a stretch of time. No key is in it. The file is made if it is not there, and only grows.',
  operands: [['<ledger>', 'the ledger, JSON lines']],
  options: [
    { flags: '-p, --profile <file>', says: 'the profile that serves', required: true },
    { flags: '--account <name>', says: 'whom it serves', required: true },
    { flags: '--label <label>', says: 'the layer', required: true },
    { flags: '--lane <n>', says: "the account's lane (default 0)" },
    { flags: '--from <time>', says: 'since when (ISO 8601)', required: true },
    { flags: '--to <time>', says: 'until when (default: it goes on)' },
  ],
  examples: [
    'dyetrace keys ledger add acme.ledger.jsonl --profile acme.profile.json --account "Babbage & Co" --label acme --from 2026-12-01',
  ],
  json: { entry: 'the line' },
  async run(call) {
    const { environment, operands } = call
    const path = operands[0]!
    const profile = await readProfile(environment, call.needed('profile'))
    const [lane, to] = [call.integer('lane', { max: 511 }), call.option('to')]
    const entry = createLedgerEntry(profile, {
      account: call.needed('account'),
      label: call.needed('label'),
      from: call.needed('from'),
      ...(lane === undefined ? {} : { lane }),
      ...(to === undefined ? {} : { to }),
    })
    const before = exists(environment, path) ? await readText(environment, path, 'ledger') : ''
    const line = `${JSON.stringify(entry)}\n`
    // Refuses what contradicts the lines that are there, before anything is written.
    const { notes } = parseLedger(before === '' || before.endsWith('\n') ? before + line : before)
    const torn = notes.find(({ kind }) => kind === 'torn')
    if (torn || (before !== '' && !before.endsWith('\n')))
      throw new InputError(
        `ledger ${named(path)}: expected a last line that is whole, got one that was cut off; mend it first`,
      )
    await appendLine(environment, path, line, 'ledger')
    return {
      exit: EXIT.noEvidence,
      json: { entry },
      text: `Written: ${printable(entry.account)}, ${entry.role} ${entry.label}, lane ${entry.lane}, from ${entry.from}.`,
    }
  },
}

export const ledgerFind: CommandSpec = {
  path: 'keys ledger find',
  summary: 'whom a key served, or which keys served an account',
  about:
    'Every entry that fits, never the likeliest: more than one account means that the key alone does not tell them apart.',
  operands: [['<ledger>', 'the ledger, JSON lines']],
  options: [
    { flags: '--key-id <id>', says: "a verdict's key id, 16 hex digits" },
    { flags: '--lane <n>', says: 'its lane' },
    { flags: '--at <time>', says: 'a time within which the text was made' },
    { flags: '--account <name>', says: 'an account instead' },
  ],
  examples: ['dyetrace keys ledger find acme.ledger.jsonl --account "Babbage & Co"'],
  json: { entries: 'the entries that fit', notes: 'what a reader of the ledger should know, by line' },
  async run(call) {
    const { environment, operands } = call
    const path = operands[0]!
    const ledger = parseLedger(await readText(environment, path, 'ledger'))
    const [keyId, account] = [call.option('key-id'), call.option('account')]
    if ((keyId === undefined) === (account === undefined))
      throw new InputError(`expected --key-id or --account, got ${keyId === undefined ? 'neither' : 'both'}`)
    const [lane, time] = [call.integer('lane', { max: 511 }), call.option('at')]
    const entries: readonly LedgerEntry[] =
      account === undefined
        ? lookUp(ledger, {
            keyId: keyId!,
            ...(lane === undefined ? {} : { lane }),
            ...(time === undefined ? {} : { at: time }),
          })
        : entriesOf(ledger, account)
    const rows = entries.map((entry) => [
      printable(entry.account),
      entry.role,
      entry.label,
      String(entry.lane),
      ` ${entry.from.slice(0, 10)}`,
      entry.to?.slice(0, 10) ?? '',
    ])
    const table = rows.length === 0 ? ['Nothing in the ledger fits.'] : columns(rows)
    const notes = ledger.notes.map((note) => `line ${note.line}: ${note.kind}`)
    return {
      exit: EXIT.noEvidence,
      json: { entries, notes: ledger.notes },
      text: [...table, ...notes].join('\n'),
    }
  },
}

/** `profile ...`: the public description of a mark. */
import {
  createProfile,
  gammaOf,
  type LayerOptions,
  type Profile,
  type ProfileOptions,
  profileDigest,
  ROLES,
  type Role,
} from '../../keys/profile.ts'
import type { Call, CommandSpec } from '../call.ts'
import { shown } from '../call.ts'
import { EXIT, InputError } from '../exit.ts'
import { named, writeText } from '../files.ts'
import { isoInstant } from '../instant.ts'
import { readMaster, readProfile } from '../marks.ts'
import { columns, grouped } from '../printable.ts'
import { readTokenizer } from '../tokenizer.ts'

const SHARES = 65536

export const profileCreate: CommandSpec = {
  path: 'profile create',
  summary: 'describe a mark in public, from a master key',
  about:
    'Makes the profile: which mark, for which tokenizer, under which layers of keys, with a commitment to each key. It holds no secret. Publish it before you serve, so that nobody can say later that the key was picked to fit.',
  options: [
    { flags: '-k, --key <file>', says: 'master key', required: true },
    {
      flags: '-t, --tokenizer <path>',
      says: "tokenizer.json of the model, or the model's folder",
      required: true,
    },
    {
      flags: '--scheme <name>',
      says: 'green-list (default), gumbel or tournament',
    },
    { flags: '--context-width <n>', says: 'previous tokens that choose the lists, 0..4 (default 1)' },
    { flags: '--gamma <part>', says: 'green-list: 0.5 or k/256 (default 0.25)' },
    { flags: '--delta <nats>', says: 'green-list: strength, above 0 and at most 20 (default 2)' },
    { flags: '--rounds <n>', says: 'tournament: 1..30 (default 30)' },
    {
      flags: '--layer <layer>',
      says: 'role:label[:share[:lanes]], role provider, epoch, cohort or canary; shares of all roles sum to 65536; several times (default provider:main)',
      list: true,
    },
    {
      flags: '--created <time>',
      says: 'ISO 8601 date or time (default now)',
    },
    { flags: '-o, --out <file>', says: 'write the profile there (default: print it)' },
  ],
  examples: [
    'dyetrace profile create --key acme.key.json --tokenizer teacher --layer provider:acme --created 2026-11-25 --out acme.profile.json',
    'dyetrace profile create --key acme.key.json --tokenizer teacher --layer provider:acme:49152 --layer epoch:2026-12:16384:4 --out epochs.profile.json',
  ],
  json: { profile: 'the profile', digest: 'its digest', 'file?': 'where it was written' },
  async run(call) {
    const { environment } = call
    const tokenizer = await readTokenizer(environment, call.needed('tokenizer'))
    const master = await readMaster(environment, call.needed('key'))
    const options = {
      ...markOptions(call),
      contextWidth: call.integer('context-width', { max: 4 }) ?? 1,
      tokenizer: tokenizer.digest,
      vocabularySize: tokenizer.vocabularySize,
      layers: layersOf(call.list('layer')),
      created: call.option('created') ?? `${isoInstant(environment.now()).slice(0, 19)}Z`,
    } as ProfileOptions
    const profile = createProfile(master, options)
    const digest = profileDigest(profile)
    const text = `${JSON.stringify(profile, null, 2)}\n`
    const out = call.option('out')
    if (out === undefined) return { exit: EXIT.noEvidence, json: { profile, digest }, text, verbatim: true }
    await writeText(environment, out, text, { what: 'profile' })
    return {
      exit: EXIT.noEvidence,
      json: { profile, digest, file: out },
      text: `The profile is in ${named(out)}. Its digest, to be published with it before anything is served:\n${digest}`,
    }
  },
}

/** The options of a scheme; those of another one are refused. */
function markOptions(call: Call): Record<string, unknown> {
  const scheme = call.option('scheme') ?? 'green-list'
  const known = { 'green-list': ['gamma', 'delta'], gumbel: [], tournament: ['rounds'] }[scheme]
  if (!known)
    throw new InputError(`option --scheme: expected green-list, gumbel or tournament, got ${shown(scheme)}`)
  const other = ['gamma', 'delta', 'rounds'].find(
    (name) => call.option(name) !== undefined && !(known as string[]).includes(name),
  )
  if (other !== undefined)
    throw new InputError(`option --${other}: expected none with the scheme ${scheme}, got one`)
  if (scheme === 'green-list')
    return {
      scheme,
      gamma:
        call.number('gamma', {
          expected: '0.5 or k/256 with k in 1..255',
          holds: (g) => g > 0 && g < 1 && Number.isInteger(256 * g),
        }) ?? 0.25,
      delta:
        call.number('delta', { expected: 'nats above 0 and at most 20', holds: (d) => d > 0 && d <= 20 }) ??
        2,
    }
  const rounds = call.integer('rounds', { min: 1, max: 30 })
  return rounds === undefined ? { scheme } : { scheme, rounds }
}

function layersOf(words: readonly string[]): readonly LayerOptions[] {
  if (words.length === 0) return [{ role: 'provider', label: 'main' }]
  return words.map((word) => {
    const [role = '', label = '', share, lanes, ...more] = word.split(':')
    const isNumber = (text: string | undefined): boolean => text === undefined || /^\d{1,6}$/.test(text)
    if (
      !(ROLES as readonly string[]).includes(role) ||
      label === '' ||
      more.length > 0 ||
      !isNumber(share) ||
      !isNumber(lanes)
    )
      throw new InputError(
        `option --layer: expected role:label[:share[:lanes]] with a role of ${ROLES.join(', ')}, got ${shown(word)}`,
      )
    return {
      role: role as Role,
      label,
      ...(share === undefined ? {} : { share: Number(share) }),
      ...(lanes === undefined ? {} : { lanes: Number(lanes) }),
    }
  })
}

export const profileShow: CommandSpec = {
  path: 'profile show',
  summary: 'say what a profile says, and its digest',
  about: 'Checks a profile and shows it in words. The digest names it in plans, ledgers and verdicts.',
  operands: [['<file>', 'the profile']],
  options: [],
  examples: ['dyetrace profile show acme.profile.json'],
  json: { profile: 'the profile', digest: 'its digest' },
  async run({ environment, operands }) {
    const profile = await readProfile(environment, operands[0]!)
    const digest = profileDigest(profile)
    return { exit: EXIT.noEvidence, json: { profile, digest }, text: profileText(profile, digest) }
  },
}

function profileText(profile: Profile, digest: string): string {
  const { scheme, contextWidth, delta, param, tokenizer, vocabularySize, layers, created } = profile
  const strength =
    scheme === 'green-list'
      ? `, gamma ${gammaOf(profile)}, delta ${delta} nats`
      : scheme === 'tournament'
        ? `, ${param} rounds`
        : ''
  const rows = [
    ['layer', 'label', 'share', 'lanes', 'key id'],
    ...layers.map(({ role, label, share, lanes, keyId }) => [
      role,
      label,
      `${((100 * share) / SHARES).toFixed(1)} %`,
      String(lanes),
      ` ${keyId}`,
    ]),
  ]
  return [
    `${scheme}${strength}, width ${contextWidth}, made ${created}`,
    `for ${grouped(vocabularySize)} ids of the tokenizer`,
    tokenizer,
    'digest of the profile',
    digest,
    '',
    ...columns(rows),
  ].join('\n')
}

export const profileTokenizer: CommandSpec = {
  path: 'profile tokenizer',
  summary: 'the digest of a tokenizer, as profiles name it',
  about:
    'Reads tokenizer.json and gives the digest and the number of ids. Two tokenizers with one digest give ids the same meaning; with another digest a mark cannot be read.',
  operands: [['<path>', "tokenizer.json, or a model's folder"]],
  options: [],
  examples: ['dyetrace profile tokenizer teacher'],
  json: { digest: 'of the token strings by id', vocabularySize: 'largest id + 1' },
  async run({ environment, operands }) {
    const { digest, vocabularySize } = await readTokenizer(environment, operands[0]!)
    return {
      exit: EXIT.noEvidence,
      json: { digest, vocabularySize },
      text: `${digest}\n${grouped(vocabularySize)} ids`,
    }
  },
}

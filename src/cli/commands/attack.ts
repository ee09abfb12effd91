/** `attack`: what would somebody do to get rid of the mark? Seeded edits of one text. */
import { ATTACKS } from '../../attacks/attacks.ts'
import { type AttackStep, applyAttacks } from '../../attacks/chain.ts'
import type { AttackName, AttackParameter } from '../../attacks/record.ts'
import { parseJson } from '../../json.ts'
import type { Call, CommandSpec } from '../call.ts'
import { shown } from '../call.ts'
import { EXIT, InputError } from '../exit.ts'
import { named, readText, writeText } from '../files.ts'
import { columns, count } from '../printable.ts'
import { seeded } from '../seeded.ts'
import { readTokenizer } from '../tokenizer.ts'

const DEFAULT_SEED = 'dyetrace'

export const attack: CommandSpec = {
  path: 'attack',
  summary: 'edit a text as an attacker would',
  about:
    'Applies attacks in order, all from one seed, and says how many edits were made. The edited text goes to standard output or a file. `dyetrace attack --list` shows all attacks with their parameters. Attacks on tokens need --tokenizer and give text again.',
  operands: [['[file]', 'a text, or "-" for standard input']],
  options: [
    {
      flags: '--step <step>',
      says: 'name:parameter=value,... such as substitute-words:rate=0.1; several times',
      list: true,
    },
    { flags: '--seed <text>', says: `all randomness comes from it (default ${DEFAULT_SEED})` },
    { flags: '-t, --tokenizer <path>', says: "for attacks on tokens: tokenizer.json, or the model's folder" },
    { flags: '-o, --out <file>', says: 'write the edited text there' },
    { flags: '--list', says: 'list all attacks' },
  ],
  examples: [
    'dyetrace attack letter.txt --step substitute-words:rate=0.1 --step lowercase:rate=1 --seed march',
  ],
  json: {
    'text?': 'the edited text',
    'attacks?': 'what was done: name, parameters, edits and unit of each',
    'seed?': 'the seed',
    'file?': 'where it was written',
    'list?': 'with --list: name, level, summary and parameters of all attacks',
  },
  async run(call) {
    const { environment, operands } = call
    if (call.flag('list')) return list()
    const [path] = operands
    if (path === undefined) throw new InputError('expected a file, or "-" for standard input, got none')
    const steps = call.list('step').map(stepOf)
    const levels = new Set(steps.map(({ name }) => ATTACKS[name].level))
    if (steps.length === 0) throw new InputError('option --step: expected at least one, got none')
    if (levels.size > 1)
      throw new InputError(
        'option --step: expected attacks on words and characters or attacks on tokens, got both; make two calls',
      )
    const seed = call.option('seed') ?? DEFAULT_SEED
    const text = await readText(environment, path)
    const random = seeded(seed)
    const edited = levels.has('ids')
      ? await editedTokens(call, { text, steps, random })
      : applyAttacks(text, steps, { random })
    const out = call.option('out')
    if (out !== undefined) await writeText(environment, out, edited.text)
    const said = edited.attacks.map(({ name, edits, unit }) => `${name}: ${edits} ${unit}`).join('; ')
    call.note(out === undefined ? said : `${said}. Written to ${named(out)}.`)
    return {
      exit: EXIT.noEvidence,
      json: {
        text: edited.text,
        attacks: edited.attacks,
        seed,
        ...(out === undefined ? {} : { file: out }),
      },
      text: out === undefined ? edited.text : '',
      verbatim: true,
    }
  },
}

async function editedTokens(
  call: Call,
  { text, steps, random }: { text: string; steps: readonly AttackStep[]; random: () => number },
) {
  const path = call.option('tokenizer')
  if (path === undefined)
    throw new InputError('option --tokenizer: expected one for attacks on tokens, got none')
  const tokenizer = await readTokenizer(call.environment, path)
  // Which ids can be drawn, the tokenizer knows.
  const complete = steps.map(({ name, parameters }) => {
    const needs = 'vocabularySize' in ATTACKS[name].parameters && !('vocabularySize' in parameters!)
    return {
      name,
      parameters: needs ? { ...parameters, vocabularySize: tokenizer.vocabularySize } : parameters!,
    }
  })
  const { ids, attacks } = applyAttacks(tokenizer.encode(text), complete, { random })
  return { text: tokenizer.decode(ids), attacks }
}

function stepOf(word: string): AttackStep {
  const at = word.indexOf(':')
  const name = at < 0 ? word : word.slice(0, at)
  if (!Object.hasOwn(ATTACKS, name))
    throw new InputError(
      `option --step: expected the name of an attack (dyetrace attack --list), got ${shown(name)}`,
    )
  const parameters: Record<string, AttackParameter> = {}
  for (const part of at < 0 ? [] : word.slice(at + 1).split(',')) {
    const equals = part.indexOf('=')
    if (equals < 1)
      throw new InputError(`option --step: expected name:parameter=value,..., got ${shown(word)}`)
    parameters[part.slice(0, equals)] = parameterOf(part.slice(equals + 1))
  }
  return { name: name as AttackName, parameters }
}

/** Numbers and words as they stand. */
function parameterOf(word: string): AttackParameter {
  if (word.startsWith('['))
    return parseJson(word.replaceAll(';', ','), {
      start: 'option --step:',
      expected: 'an array, its entries parted by ;',
    }) as number[]
  return word !== '' && Number.isFinite(Number(word)) ? Number(word) : word
}

function list() {
  const all = Object.entries(ATTACKS).map(([name, { level, summary, parameters }]) => ({
    name,
    level,
    summary,
    parameters,
  }))
  const rows = all.map(({ name, level, summary }) => [name, level === 'ids' ? 'tokens' : 'text', summary])
  const parameters = all.map(
    (one) =>
      `${one.name}: ${Object.entries(one.parameters)
        .map(([p, says]) => `${p} (${says})`)
        .join('; ')}`,
  )
  return {
    exit: EXIT.noEvidence,
    json: { list: all },
    text: [`${count(all.length, 'attack')}:`, ...columns(rows), '', 'Parameters:', ...parameters].join('\n'),
  }
}

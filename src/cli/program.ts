/** Commands as data into commander: options, help with an example and the exit codes, and errors that come out in one place. */
import { Command, CommanderError } from 'commander'
import picocolors from 'picocolors'
import { PACKAGE } from '../case/package.ts'
import { type Call, type CommandSpec, type Outcome, optionReaders } from './call.ts'
import { COMMANDS, GROUPS } from './commands.ts'
import type { Environment } from './environment.ts'
import { EXIT, type ExitCode } from './exit.ts'
import { wrap, wrapCommand } from './printable.ts'
import { widthOf } from './program-width.ts'

/** Builds the program. `done` is told the exit code of the command that ran. */
export function programOf(environment: Environment, done: (code: ExitCode) => void): Command {
  const { stdout, stderr } = environment
  const program = new Command('dyetrace')
    .description(
      'Marks the sampled text of a language model, finds the mark in text, and tests whether another model was trained on marked text.',
    )
    .version(PACKAGE.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help on a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => widthOf(stdout),
      getErrHelpWidth: () => widthOf(stderr),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      // Said once, by run.ts.
      outputError: () => undefined,
    })
  program.addHelpText(
    'after',
    `\n${wrap(
      'Begin with: dyetrace keygen --help (to mark), dyetrace detect --help (to find), dyetrace case --help (to investigate a model).\nExit codes: 0 no evidence, 10 evidence, 2 wrong usage or input, 3 could not finish.',
      { width: widthOf(stdout) },
    )}`,
  )
  const groups = new Map<string, Command>([['', program]])
  const groupOf = (path: string): Command => {
    const known = groups.get(path)
    if (known) return known
    const words = path.split(' ')
    const [, summary, about] = GROUPS.find(([name]) => name === path)!
    const group = commandIn(groupOf(words.slice(0, -1).join(' ')), words.at(-1)!)
      .summary(summary)
      .description(about)
      .helpCommand(false)
    groups.set(path, group)
    return group
  }
  for (const spec of COMMANDS) {
    const words = spec.path.split(' ')
    addCommand(groupOf(words.slice(0, -1).join(' ')), words.at(-1)!, spec, { environment, done })
  }
  return program
}

function commandIn(parent: Command, name: string): Command {
  return parent.command(name).helpOption('-h, --help', 'print help')
}

function addCommand(
  parent: Command,
  name: string,
  spec: CommandSpec,
  { environment, done }: { environment: Environment; done: (code: ExitCode) => void },
): void {
  const command = commandIn(parent, name).summary(spec.summary).description(spec.about)
  for (const [operand, says] of spec.operands ?? []) command.argument(operand, says)
  for (const { flags, says, required, list } of spec.options) {
    const text = required ? `${says} (needed)` : says
    if (list)
      command.option(flags, text, (word: string, words: string[] | undefined) => [...(words ?? []), word])
    else command.option(flags, text)
  }
  command.option('--json', 'print one JSON document and nothing else')
  command.addHelpText('after', afterHelp(spec, { width: widthOf(environment.stdout) }))
  command.action(async () => {
    // commander gives operands, values and itself; both kinds are asked of the command.
    const call = callOf(environment, command)
    const outcome = await spec.run(call)
    print(outcome, call)
    done(outcome.exit)
  })
}

function afterHelp({ examples, exits }: CommandSpec, { width }: { width: number }): string {
  const lines = ['', examples.length > 1 ? 'Examples:' : 'Example:']
  for (const example of examples) lines.push(wrapCommand(`  ${example}`, { width, indent: '  ' }))
  const codes = `Exit codes: ${exits ?? '0 done'}, 2 wrong usage or input, 3 could not finish.`
  lines.push('', wrap(codes, { width }))
  return lines.join('\n')
}

function callOf(environment: Environment, command: Command): Call {
  const values = command.opts<Record<string, unknown>>()
  const isJson = values['json'] === true
  const { stdout, stderr } = environment
  return {
    environment,
    operands: command.processedArgs.flat().filter((word): word is string => typeof word === 'string'),
    isJson,
    colors: picocolors.createColors(hasColors(environment)),
    width: widthOf(stdout),
    note(text) {
      if (!isJson) stderr.write(`${wrap(text, { width: widthOf(stderr) })}\n`)
    },
    ...optionReaders(values),
  }
}

function print({ json, text, verbatim }: Outcome, { environment, isJson, width }: Call): void {
  if (isJson) environment.stdout.write(`${JSON.stringify(json, null, 2)}\n`)
  else if (verbatim) environment.stdout.write(text)
  else if (text !== '') environment.stdout.write(`${wrap(text, { width, indent: '  ' })}\n`)
}

/** https://no-color.org: any value that is not empty. A pipe or a file gets none either. */
function hasColors({ env, stdout }: Environment): boolean {
  if ((env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb') return false
  return stdout.isTTY
}

/** `help case plan` as `case plan --help`: commander's own help takes one word. */
export function helpAsked(args: readonly string[]): readonly string[] {
  const [first, ...words] = args
  const path = words.join(' ')
  const isKnown = COMMANDS.some((spec) => spec.path === path) || GROUPS.some(([name]) => name === path)
  return first === 'help' && isKnown ? [...words, '--help'] : args
}

/** What commander has to say about wrong usage; undefined where it printed help or the version, as was asked. */
export function usageError(error: unknown): string | undefined | false {
  if (!(error instanceof CommanderError)) return false
  if (error.exitCode === EXIT.noEvidence) return undefined
  // A group without a command: its help was shown, as an error.
  if (error.code === 'commander.help') return ''
  // What somebody wrote behind an option that does not exist may be anything.
  return error.message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .replace(/(--?[\w-]+)=[^']*/g, '$1=...')
}

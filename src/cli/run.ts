/** One call of the command line: words in, exit code out. Errors end here, each in one line that says what was expected and what came. */
import { SuspectError } from '../suspect/openai-compatible/suspect-error.ts'
import type { Environment } from './environment.ts'
import { EXIT, type ExitCode, exitCodeOf } from './exit.ts'
import { masked } from './masked.ts'
import { assertNoSecrets } from './no-secrets.ts'
import { printable, wrap } from './printable.ts'
import { helpAsked, programOf, usageError } from './program.ts'
import { widthOf } from './program-width.ts'

/** Runs a command. It never throws and never gives 1. */
export async function run(environment: Environment): Promise<ExitCode> {
  const { args } = environment
  let code: ExitCode = EXIT.noEvidence
  try {
    assertNoSecrets(args)
    const program = programOf(environment, (its) => {
      code = its
    })
    if (args.length === 0) {
      program.outputHelp({ error: true })
      return EXIT.usage
    }
    await program.parseAsync(helpAsked(args), { from: 'user' })
    return code
  } catch (error) {
    return report(error, environment)
  }
}

/** Says what went wrong, and gives its exit code. */
export function report(error: unknown, { stderr, stdout, args }: Environment): ExitCode {
  try {
    const usage = usageError(error)
    if (usage === undefined) return EXIT.noEvidence
    const code = usage === false ? exitCodeOf(error) : EXIT.usage
    const said = masked(usage === false ? messageOf(error) : usage || 'a command is missing')
    if (args.includes('--json'))
      stdout.write(`${JSON.stringify({ error: { message: said, exit: code } }, null, 2)}\n`)
    if (usage === '') return code
    const about = usage === false ? '' : '\nSee: dyetrace --help'
    stderr.write(
      `${wrap(`dyetrace: ${printable(said)}${about}`, { width: widthOf(stderr), indent: '  ' })}\n`,
    )
    return code
  } catch {
    // Nobody listens any more.
    return EXIT.unfinished
  }
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : ''
  if (message === '') return 'something went wrong that gave no message'
  return `${message.replace('could not be read (ENOENT)', 'could not be read (ENOENT: there is no such file)')}${adviceOf(error)}`
}

/** What most often is behind it where a server was to be asked. */
function adviceOf(error: unknown): string {
  if (!(error instanceof SuspectError)) return ''
  if (/ECONNREFUSED|ENOTFOUND|EHOSTUNREACH/.test(error.message))
    return ': nobody listens there. Start the server or check --suspect of "case new"'
  return error.status === 404 ? '. The address usually ends in /v1: check --suspect of "case new"' : ''
}

/** One call of the command line: words in, exit code out. Errors end here, each in one line that says what was expected and what came. */
import type { Environment } from './environment.ts'
import { EXIT, type ExitCode, exitCodeOf } from './exit.ts'
import { assertNoSecrets } from './no-secrets.ts'
import { printable, wrap } from './printable.ts'
import { programOf, usageError } from './program.ts'
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
    await program.parseAsync(args, { from: 'user' })
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
    const said = usage === false ? messageOf(error) : usage || 'a command is missing'
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
  return message === '' ? 'something went wrong that gave no message' : message
}

/** `case report`: the verdict as one page. */
import { join } from 'node:path'
import { type CaseFiles, EVIDENCE_FILES } from '../../case/files.ts'
import { verifyCase } from '../../case/verify.ts'
import type { CommandSpec } from '../call.ts'
import { assertTested, readCase } from '../case-folder.ts'
import { EXIT, InputError } from '../exit.ts'
import { named, writeText } from '../files.ts'
import { staleVerdict } from '../freshness.ts'
import { isoInstant } from '../instant.ts'
import { readMarkKeys } from '../marks.ts'

export const caseReport: CommandSpec = {
  path: 'case report',
  summary: 'write report.html and report.json',
  about:
    'Renders the verdict of a case as one HTML page without scripts and external resources, and as JSON. With --key the case is computed again and the checks are shown.',
  operands: [['<folder>', 'the case']],
  options: [
    {
      flags: '-k, --key <file>',
      says: 'the keys that were tried, to show the checks; several times',
      list: true,
    },
    { flags: '--date <time>', says: 'ISO 8601 date or time of the page (default now)' },
  ],
  examples: ['dyetrace case report rival --key acme.mark.json'],
  json: { html: 'path of the page', json: 'path of the JSON', 'checks?': 'what was computed again' },
  async run(call) {
    const { environment, operands } = call
    const { path, files, profile } = await readCase(environment, operands[0]!)
    assertTested({ path, files })
    const stale = staleVerdict(files)
    if (stale !== undefined)
      throw new InputError(
        `case ${named(path)}: expected a verdict of the answers on file, got one that is not: ${stale}. Run: dyetrace case test ${named(path)} --key FILE`,
      )
    const keyFiles = call.list('key')
    const checks =
      keyFiles.length === 0
        ? undefined
        : verifyCase(files, await readMarkKeys(environment, keyFiles, profile)).checks
    // Loaded here: the charts need more code than all else, and other commands should not wait for it.
    const { renderReport } = await import('../../report/render-report.ts')
    const { html, json } = renderReport({
      files: presentOf(files),
      date: call.option('date') ?? isoInstant(environment.now()).slice(0, 10),
      ...(checks === undefined ? {} : { checks }),
    })
    const [page, record] = [join(path, 'report.html'), join(path, 'report.json')]
    await writeText(environment, page, html, { what: 'report', replace: true })
    await writeText(environment, record, json, { what: 'report', replace: true })
    return {
      exit: EXIT.noEvidence,
      json: { html: page, json: record, ...(checks === undefined ? {} : { checks }) },
      text: `The report is in ${named(page)}; the same as JSON in ${named(record)}. It needs no server and no network.`,
    }
  },
}

function presentOf(files: CaseFiles): Record<string, string> {
  const names = [...EVIDENCE_FILES, 'evidence.json']
  return Object.fromEntries(names.flatMap((name) => (files[name] === undefined ? [] : [[name, files[name]]])))
}

/**
 * `npm run lab:serve`: a suspect to practise on. Marks outputs of the lab's teacher under a key, trains a small student on them (a thief; or an
 * innocent, on unmarked ones), and serves it on this machine in the protocol of OpenAI's completions, until Ctrl-C. Takes about half a minute.
 * With `--marked-out` some of the marked outputs are written down, for the instrument check of `dyetrace case test`.
 */
import { writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { Command, CommanderError, Option } from 'commander'
import seedrandom from 'seedrandom'
import { createMarker } from '../../src/integrations/marker.ts'
import { readKeyFile } from '../../src/keys/key-file.ts'
import { deriveMarkKeys } from '../../src/keys/mark-key.ts'
import { parseProfile } from '../../src/keys/profile.ts'
import { startSuspectServer } from '../../test/support/suspect-server.ts'
import { excerpts } from './corpora.ts'
import { trainStudent } from './student.ts'
import { loadTeacher } from './teacher.ts'

interface Options {
  readonly profile: string
  readonly key: string
  readonly suspect: 'thief' | 'innocent'
  readonly model: string
  readonly port: string
  readonly documents: string
  readonly seed: string
  readonly markedOut?: string
}

const DOCUMENT_TOKENS = 128
const PROMPT_TOKENS = 16
const INSTRUMENT_DOCUMENTS = 8
const USAGE = 2
const COULD_NOT_FINISH = 3

try {
  await new Command('lab:serve')
    .description('Train a small student on outputs of the bundled model and serve it on this machine.')
    .requiredOption('--profile <file>', 'how the outputs are marked')
    .requiredOption('--key <file>', 'master key of the profile')
    .addOption(
      new Option('--suspect <kind>', 'trained on marked outputs, or not')
        .choices(['thief', 'innocent'])
        .default('thief'),
    )
    .option('--model <name>', 'its name on the server', 'rival-1')
    .option('--port <n>', 'where it listens, on the loopback interface', '8000')
    .option('--documents <n>', 'outputs that it is trained on, 128 tokens each', '120')
    .option('--seed <text>', 'all randomness but the key comes from it', 'dyetrace')
    .option('--marked-out <file>', 'write eight marked outputs there, as JSON lines')
    .exitOverride()
    .action(serve)
    .parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : USAGE)
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(COULD_NOT_FINISH)
}

async function serve({
  profile: path,
  key,
  suspect,
  model,
  port,
  documents,
  seed,
  markedOut,
}: Options): Promise<void> {
  const say = (text: string): void => void process.stderr.write(`${text}\n`)
  const profile = parseProfile(await readFile(path, 'utf8'))
  const marker = createMarker(profile, deriveMarkKeys(await readKeyFile(key), profile))
  const teacher = await loadTeacher()
  const prompts = await excerpts('teaching', {
    count: Number(documents),
    length: PROMPT_TOKENS,
    encode: (text) => teacher.tokenizer.encode(text),
  })
  say(`sampling ${documents} outputs, ${suspect === 'thief' ? 'marked' : 'not marked'}`)
  const isMarked = suspect === 'thief' || markedOut !== undefined
  const sample = (marked: boolean, own: typeof prompts): Promise<number[][]> =>
    teacher.suspect.complete(own, {
      maxTokens: DOCUMENT_TOKENS,
      random: seedrandom(`${seed}/${marked}/outputs`),
      ...(marked && { processLogits: (logits, ids) => void marker.mark(logits, ids) }),
    })
  const outputs = await sample(suspect === 'thief', prompts)
  if (isMarked && markedOut !== undefined) {
    const some = prompts.slice(0, INSTRUMENT_DOCUMENTS)
    const marked = suspect === 'thief' ? outputs.slice(0, INSTRUMENT_DOCUMENTS) : await sample(true, some)
    const lines = marked.map(
      (ids, i) => `${JSON.stringify({ ids: [...some[i]!, ...ids], promptLength: some[i]!.length })}\n`,
    )
    writeFileSync(markedOut, lines.join(''))
  }
  say(`training the ${suspect}`)
  const student = await trainStudent(outputs, {
    name: model,
    vocabularySize: teacher.vocabularySize,
    random: seedrandom(`${seed}/training`),
  })
  const { url } = await startSuspectServer({
    suspect: student,
    tokenizer: {
      encode: (text) => teacher.tokenizer.encode(text),
      decode: (ids) => teacher.tokenizer.decode([...ids]),
    },
    model,
    endOfText: teacher.endOfText,
  })
  // The server listens where there is room; people want an address that they know.
  const inner = new URL(url)
  const front = createServer((incoming, outgoing) => {
    const { method, headers, url: target } = incoming
    const onward = request(
      { host: inner.hostname, port: inner.port, method, headers, path: target },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      },
    )
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
  front.on('error', (error) => {
    say(`port ${port}: ${error.message}`)
    process.exit(COULD_NOT_FINISH)
  })
  front.listen(Number(port), '127.0.0.1', () =>
    say(`serving ${model} on http://127.0.0.1:${port}/v1 until Ctrl-C`),
  )
  await new Promise((stopped) => process.once('SIGINT', stopped))
  process.exit(0)
}

/**
 * False alarms of the whole chain: the demonstration's innocents (a student of unmarked outputs, and the teacher with its mark
 * off) judged under many fresh keys. They never met a key, so one student serves for all. The smallest p-value times their number
 * is compared with 0.001: below that, one run in a thousand of a sound program. Prints one JSON document.
 */
import { Command } from 'commander'
import seedrandom from 'seedrandom'
import { generateMasterKey } from '../../src/keys/master.ts'
import { excerpts } from './corpora.ts'
import { DOCUMENT_TOKENS, markFor, PROMPT_TOKENS, sizes } from './demo/experiment.ts'
import { showProgress } from './demo/progress.ts'
import { suspectLines } from './demo/summary.ts'
import { type Asked, ask, judge, prepareQuestions } from './inquiry.ts'
import { trainStudent } from './student.ts'
import { loadTeacher } from './teacher.ts'

interface Options {
  readonly keys: number
  readonly quick: boolean
  readonly seed: string
}

await new Command('false-alarms')
  .option('--keys <number>', 'fresh keys to judge under', Number, 20)
  .option('--quick', 'the sizes of the quick demonstration', false)
  .option('--seed <text>', 'all randomness but the keys', 'dyetrace')
  .action(falseAlarms)
  .parseAsync()

async function falseAlarms({ keys, quick, seed }: Options): Promise<void> {
  const size = quick ? sizes.quick : sizes.full
  const { onStep, stop } = showProgress()
  const teacher = await loadTeacher()
  const prompts = await excerpts('teaching', {
    count: size.documents,
    length: PROMPT_TOKENS,
    encode: (text) => teacher.tokenizer.encode(text),
  })
  const documents = await teacher.suspect.complete(prompts, {
    maxTokens: DOCUMENT_TOKENS,
    random: seedrandom(`${seed}/unmarked outputs`),
    onProgress: onStep('sampling unmarked outputs'),
  })
  const innocent = await trainStudent(documents, {
    name: 'innocent',
    vocabularySize: teacher.vocabularySize,
    random: seedrandom(`${seed}/innocent training`),
    onProgress: onStep('training the innocent'),
  })
  const questions = await prepareQuestions(teacher, size)
  const asked: Asked[] = []
  for (const suspect of [innocent, teacher.suspect]) {
    const onProgress = onStep(`asking the ${suspect.name}`)
    const { text, rows } = await ask(suspect, questions, {
      teacher,
      seed: `${seed}/${suspect.name} answers`,
      onProgress,
    })
    asked.push(text, rows)
  }
  const progress = onStep(`judging under ${keys} keys`)
  const lines = Array.from({ length: keys }, (_, k) => {
    const mark = markFor(teacher, generateMasterKey())
    progress(k, keys)
    return asked.flatMap((one) => suspectLines({ truth: 'innocent', conclusion: judge(one, mark) }))
  }).flat()
  stop()
  const smallest = lines.reduce((a, b) => (b.log10P < a.log10P ? b : a))
  const corrected = Math.min(1, 10 ** smallest.log10P * lines.length)
  const { suspect, access, statistic, log10P } = smallest
  process.stdout.write(
    `${JSON.stringify({ seed, keys, pValues: lines.length, smallest: { suspect, access, statistic, log10P }, corrected, sound: corrected >= 0.001 }, null, 2)}\n`,
  )
}

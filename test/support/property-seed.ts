/**
 * One seed for all property tests, so that a run passes or fails for ever; a failure prints it. `DYETRACE_SEED=7 npm test` takes another,
 * `DYETRACE_SEED=random npm test` one that nobody has tried.
 */
import fc from 'fast-check'

const wanted = process.env['DYETRACE_SEED'] ?? '20261130'

if (wanted !== 'random') {
  if (!/^-?\d{1,10}$/.test(wanted))
    throw new TypeError(`DYETRACE_SEED: expected an integer or "random", got ${JSON.stringify(wanted)}`)
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(wanted) | 0 })
}

/** False accusations by gumbel marks in 20,000 texts of each kind (test/support/null-suite.ts). Run time: about a minute and a half of one core, five where it is shared. */
import { describeNull } from '../support/null-suite.ts'
import { SCHEMES } from '../support/schemes.ts'

describeNull('gumbel', {
  scheme: SCHEMES.gumbel,
  contextWidth: 2,
  other: SCHEMES['tournament, 30 rounds'],
  // At 100 scores the normal tail accuses twice as often at 0.001, which 20,000 texts do not show surely; at 8 scores it is seven times.
  normalTail: { scheme: SCHEMES.gumbel, counted: 8, level: 0.001 },
})

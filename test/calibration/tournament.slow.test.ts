/** False accusations by tournament marks in 20,000 texts of each kind (test/support/null-suite.ts). Run time: about a minute and a half of one core, five where it is shared. */
import { describeNull } from '../support/null-suite.ts'
import { SCHEMES } from '../support/schemes.ts'

describeNull('tournament', {
  scheme: SCHEMES['tournament, 30 rounds'],
  contextWidth: 1,
  other: SCHEMES['green list'],
  // Fair coins are symmetric: with 30 a score, or 100 scores of one, the normal tail is hardly wrong. With 16 coins it accuses five times as
  // often at 0.01.
  normalTail: { scheme: SCHEMES['tournament, 1 round'], counted: 16, level: 0.01 },
})

/** False accusations by the green list in 20,000 texts of each kind (test/support/null-suite.ts). Run time: about a minute and a half of one core, five where it is shared. */
import { describeNull } from '../support/null-suite.ts'
import { SCHEMES } from '../support/schemes.ts'

describeNull('green list', {
  scheme: SCHEMES['green list'],
  contextWidth: 1,
  other: SCHEMES.gumbel,
  // With a quarter green and 100 tokens the normal tail accuses twice as often at 0.001, which 20,000 texts do not show surely. With one in
  // 64 green it is four times as often at 0.01.
  normalTail: { scheme: { scheme: 'green-list', gamma: 4 / 256, delta: 2 }, counted: 100, level: 0.01 },
})

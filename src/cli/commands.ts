/** All commands, in the order in which help and documentation list them. */
import type { CommandSpec } from './call.ts'
import { attack } from './commands/attack.ts'
import { calibrate } from './commands/calibrate.ts'
import { caseCollect } from './commands/case-collect.ts'
import { caseNew } from './commands/case-new.ts'
import { casePlan } from './commands/case-plan.ts'
import { caseReport } from './commands/case-report.ts'
import { caseSeal, caseVerify } from './commands/case-seal.ts'
import { caseStatus } from './commands/case-status.ts'
import { caseTest } from './commands/case-test.ts'
import { detect } from './commands/detect.ts'
import { doctor } from './commands/doctor.ts'
import { exposure } from './commands/exposure.ts'
import { identify } from './commands/identify.ts'
import { keygen } from './commands/keygen.ts'
import {
  keysAdd,
  keysCommitments,
  keysExport,
  keysList,
  keysOpen,
  keysReveal,
  keysRotate,
  ledgerAdd,
  ledgerFind,
} from './commands/keys.ts'
import { mark } from './commands/mark.ts'
import { profileCreate, profileShow, profileTokenizer } from './commands/profile.ts'
import { scan } from './commands/scan.ts'

/** Words that have commands below them: path, summary, description. */
export const GROUPS: readonly (readonly [path: string, summary: string, about: string])[] = [
  [
    'profile',
    'describe a mark in public',
    'The profile says in public how text is marked, and commits to the keys.',
  ],
  [
    'keys',
    'rings, commitments, ledger, engines',
    'What the owner of a master key does with it. No command shows a key; files that hold one have mode 600.',
  ],
  [
    'case',
    'was another model trained on marked text?',
    'A case is a folder that somebody else can check: new, plan, collect, test, seal, report, and verify for the other side. Each step can be repeated; status says what is next. The key is needed from "test" on, and not before.',
  ],
  [
    'keys ledger',
    'whom which key served',
    'A file without keys that only grows: which account was served when, under which key.',
  ],
]

/** All commands. */
export const COMMANDS: readonly CommandSpec[] = [
  keygen,
  profileCreate,
  profileShow,
  profileTokenizer,
  keysAdd,
  keysRotate,
  keysList,
  keysCommitments,
  keysReveal,
  keysOpen,
  keysExport,
  ledgerAdd,
  ledgerFind,
  mark,
  detect,
  identify,
  scan,
  doctor,
  calibrate,
  attack,
  exposure,
  caseNew,
  casePlan,
  caseCollect,
  caseTest,
  caseSeal,
  caseReport,
  caseVerify,
  caseStatus,
]

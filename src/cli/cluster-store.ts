/**
 * The cluster that a scan keeps its pairs in, from options of the command line. Its password comes from an environment variable that is named, as every
 * secret does; an address that holds one is refused.
 */
import type { PairStore } from '../corpus/store.ts'
import { clickhouseStore } from '../corpus/stores/clickhouse.ts'
import type { Call, OptionSpec } from './call.ts'
import { shown } from './call.ts'
import { InputError } from './exit.ts'

/** Options of the commands that use a cluster. */
export const CLUSTER_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--clickhouse <url>',
    says: 'keep pairs in ClickHouse, at the address of its HTTP interface; --out keeps the rest',
  },
  { flags: '--clickhouse-database <name>', says: 'database for its tables (default default)' },
  { flags: '--clickhouse-user <name>', says: 'user of the server (default default)' },
  { flags: '--clickhouse-password-env <name>', says: 'environment variable that holds the password' },
  {
    flags: '--private-network',
    says: 'allow http: to another machine; scores, as secret as the key, can be read on the way',
  },
]

/** Opens the cluster of a call; undefined where it names none. */
export async function clusterStore(call: Call): Promise<PairStore | undefined> {
  const url = call.option('clickhouse')
  const [database, username, variable] = ['database', 'user', 'password-env'].map((name) =>
    call.option(`clickhouse-${name}`),
  )
  const isPrivateNetwork = call.flag('private-network')
  if (url === undefined) {
    if ([database, username, variable].some((word) => word !== undefined) || isPrivateNetwork)
      throw new InputError('option --clickhouse: expected the address of a server, got none')
    return undefined
  }
  const password = variable === undefined ? undefined : call.environment.env[variable]
  if (variable !== undefined && (password === undefined || password === ''))
    throw new InputError(
      `environment variable ${shown(variable)}: expected the password of ClickHouse, got none. Set it for this shell; it is written nowhere`,
    )
  try {
    return await clickhouseStore({
      url,
      isPrivateNetwork,
      ...(database === undefined ? {} : { database }),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new InputError(error.message.replace(/"options\.(url|database)"/, optionOf))
  }
}

function optionOf(_: string, name: string): string {
  return name === 'url' ? 'option --clickhouse:' : `option --clickhouse-${name}:`
}

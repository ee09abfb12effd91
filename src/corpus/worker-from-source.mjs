/** The worker from its TypeScript sources, for development and tests; built packages have corpus-worker.js. */
import { register } from 'tsx/esm/api'

register()
export default (await import('./worker.ts')).default

// Sets up what is missing, then starts the three servers of a team on this machine and runs until Ctrl-C. `-- --data FOLDER` keeps their data elsewhere.
import './setup.mjs'
import { run } from './run.mjs'

run('out/scripts/services/start.js', process.argv.slice(2))

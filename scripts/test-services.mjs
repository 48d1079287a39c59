// Sets up what is missing, then runs the tests against a team's three servers. `-- -g TEXT` runs those whose title matches.
import './setup.mjs'
import { run } from './run.mjs'

run('out/test/services/main.js', process.argv.slice(2))

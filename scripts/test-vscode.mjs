// Sets up what is missing, then runs the tests in a real VS Code. `-- -g TEXT` runs those whose title matches.
import './setup.mjs'
import { run } from './run.mjs'

run('out/test/vscode/main.js', process.argv.slice(2))

// Sets up what is missing, then runs the tests inside the extension host of a real VS Code. `-- -g TEXT` runs some of them.
import './setup.mjs'
import { run } from './run.mjs'

run('out/test/vscode/hostMain.js', process.argv.slice(2))

// Sets up what is missing, then opens VS Code on the demo.
import './setup.mjs'
import { run } from './run.mjs'

run('out/scripts/vscode/start.js', process.argv.slice(2))

// Sets up what is missing, then runs the extension host's tests in a desktop VS Code, which is downloaded.
import './setup.mjs'
import { run } from './run.mjs'

run('out/scripts/vscode/testDesktop.js', process.argv.slice(2))

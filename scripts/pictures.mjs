// Sets up what is missing, then draws docs/pictures/*.png from the real editor. A word draws only those it is part of.
import './setup.mjs'
import { run } from './run.mjs'

run('out/test/vscode/pictures.js', process.argv.slice(2))

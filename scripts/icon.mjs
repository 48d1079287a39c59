// Draws media/icon.png from media/icon.svg.
import './setup.mjs'
import { run } from './run.mjs'

run('out/scripts/vscode/icon.js', [])

import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/vscode/root'

const python = process.env['PYTHON'] ?? (process.platform === 'win32' ? 'python' : 'python3')

/** A training that takes its time: an epoch every 0.4 s, until the file \`end\` is there. */
const SLOW = `import os, sys, time, epochtree
with epochtree.session("slow", hyperparameters={"lr": 0.1}) as session:
    for epoch in session.epochs(500):
        for step in range(4):
            epoch.log({"loss": 1 / (epoch.number + step)}, step=4 * epoch.number + step)
            time.sleep(0.1)
        epoch.log({"accuracy": 1 - 1 / epoch.number}, split="val")
        epoch.commit(graph={"id": "g", "nodes": {}}, weights=b"w%d" % epoch.number)
        if os.path.exists("fail"):
            raise RuntimeError("the loss went to infinity")
        if os.path.exists("end"):
            break
`

/** A training whose second epoch goes on and on, a step every 20 ms. */
export const LONG_EPOCH = `import os, time, epochtree
with epochtree.session("slow") as session:
    for epoch in session.epochs(2):
        for step in range(2 if epoch.number == 1 else 100_000):
            epoch.log({"loss": 1 / (1 + step)}, step=2 * epoch.number + step)
            time.sleep(0.02)
            if os.path.exists("end"):
                break
        epoch.commit(graph={"id": "g", "nodes": {}}, weights=b"w%d" % epoch.number)
`

/** Starts one in a folder, as somebody does in a terminal. */
export function train(
  folder: string,
  script = SLOW,
): {
  readonly process: ChildProcess
  readonly ended: Promise<unknown>
  readonly end: (how?: 'end' | 'fail') => void
} {
  writeFileSync(join(folder, 'slow.py'), script)
  const child = spawn(python, ['slow.py'], {
    cwd: folder,
    env: { ...process.env, EPOCHTREE_DIR: join(folder, '.epochtree'), PYTHONPATH: join(root, 'python') },
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  return { process: child, ended, end: (how = 'end') => writeFileSync(join(folder, how), '') }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../scripts/vscode/root'

const python = process.env['PYTHON'] ?? (process.platform === 'win32' ? 'python' : 'python3')

/** A training that takes its time: an epoch every 0.4 s, until the file \`end\` is there. */
const SLOW = `import os, sys, time, epochtree
with epochtree.session(sys.argv[1], hyperparameters={"lr": 0.1}) as session:
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
export const LONG_EPOCH = `import os, sys, time, epochtree
with epochtree.session(sys.argv[1]) as session:
    for epoch in session.epochs(2):
        for step in range(2 if epoch.number == 1 else 100_000):
            epoch.log({"loss": 1 / (1 + step)}, step=2 * epoch.number + step)
            time.sleep(0.02)
            if os.path.exists("end"):
                break
        epoch.commit(graph={"id": "g", "nodes": {}}, weights=b"w%d" % epoch.number)
`

export interface SlowTraining {
  readonly process: ChildProcess
  readonly ended: Promise<unknown>
  readonly end: (how?: 'end' | 'fail') => void
}

/** Starts one in a folder, as somebody does in a terminal. Its session has the name, unless another has it. */
export function train(folder: string, name = 'slow', script = SLOW): SlowTraining {
  writeFileSync(join(folder, 'slow.py'), script)
  for (const before of ['end', 'fail']) rmSync(join(folder, before), { force: true })
  const child = spawn(python, ['slow.py', name], {
    cwd: folder,
    env: { ...process.env, EPOCHTREE_DIR: join(folder, '.epochtree'), PYTHONPATH: join(root, 'python') },
    stdio: 'ignore',
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  return { process: child, ended, end: (how = 'end') => writeFileSync(join(folder, how), '') }
}

/** What changes something or runs something, and its words: loaded apart, because a command that only looks needs none of it. */
export * as changes from '../actions/changes'
export { lostWeights } from '../actions/doctor'
export { collect, unbrought, untold } from '../actions/gc'
export { fork, resume, train } from '../actions/newSession'
export { demo } from './demo'
export {
  renderChanged,
  renderCheckout,
  renderCollected,
  renderDoctor,
  renderIngested,
  renderPulled,
  renderPushed,
  renderStarted,
  renderWritten,
} from './text/outcomes'
export { follow } from './watch'
export { examineTeam } from '../actions/examineTeam'

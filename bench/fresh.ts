// One question asked by a fresh process; prints the milliseconds from opening the store to the answer, imports not counted.
import { LocalStores } from '../server/storage/local/stores'
import { questions } from './questions'

const [dir, name] = process.argv.slice(2)
const begun = performance.now()
const stores = new LocalStores(dir!)
await questions[name!]!(stores, dir!)
const ms = performance.now() - begun
await stores.close()
console.log(ms)

import { deletable } from './actions/gc'
import type { TriedServer } from './protocol/editor'
import { answerQuestions } from './storage/local/worker'
import { tryServer } from './storage/team/tryServer'

// The program of the store's threads.
answerQuestions({
  tryServer: (_, tried: TriedServer, dir: string) => tryServer(tried, dir),
  deletable: (stores, sessionId: string) => stores.use((db) => deletable(db, stores.dir, sessionId)),
})

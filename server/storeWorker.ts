import { deletable } from './actions/gc'
import type { TriedServer } from './protocol/editor'
import { answerQuestions } from './storage/local/worker'
import { loadTeam } from './storage/team/load'

// The program of the store's threads.
answerQuestions({
  tryServer: async (_, tried: TriedServer, dir: string) => (await loadTeam()).tryServer(tried, dir),
  deletable: (stores, sessionId: string) => stores.use((db) => deletable(db, stores.dir, sessionId)),
})

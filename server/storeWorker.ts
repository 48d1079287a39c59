import { deletable } from './actions/gc'
import { answerQuestions } from './storage/local/worker'

// The program of the store's threads.
answerQuestions({
  deletable: (stores, sessionId: string) => stores.use((db) => deletable(db, stores.dir, sessionId)),
})

import { openElastic } from '../../server/storage/elastic/documents'
import type { TeamConfig } from '../../server/storage/team/ports'
import { trained } from './trained'

// Writes until it is killed, and says when the server took something.
const [config, epochs, points] = process.argv.slice(2)
const documents = openElastic(JSON.parse(config!) as TeamConfig['elastic'], async () => [])
await documents.write(trained(Number(epochs), Number(points)), { progress: () => process.send!('some') })

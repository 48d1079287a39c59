export { ThreadedStores } from '../../server/storage/local/threads'

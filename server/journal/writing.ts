/** What brings run folders into the store: loaded apart, because most questions find nothing new. */
export { read } from './ingest'
export { mark } from './marks'

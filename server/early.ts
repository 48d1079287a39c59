// The store's thread begins beside the modules of the server, which are many: imported before them.
import { beginEarly } from './storage/local/threads'

beginEarly()

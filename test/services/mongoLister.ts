import { openMongo } from '../../server/storage/mongo/openMongo'
import type { TeamConfig } from '../../server/storage/team/ports'

/** A process of its own, with as little memory as its caller gives it, that tells the names of a team's sessions. */
const team = openMongo(JSON.parse(process.argv[2]!) as TeamConfig['mongo'])
const listed = (await team.sessions()).map(({ name }) => name)
const paged: string[] = []
for await (const page of team.newest(10)) paged.push(...page.map(({ name }) => name))
const problems = await team.problems()
await team.close()
process.stdout.write(JSON.stringify({ listed, paged, problems: problems.length }))

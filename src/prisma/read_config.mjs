// Evaluates a project's prisma.config.* with the project's own Prisma and prints what of it matters, as JSON behind
// a mark. Variables that it asks for get a placeholder: it never sees a real database.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const [cli, file, mark] = process.argv.slice(1)
const PLACEHOLDER = 'postgresql://placeholder:placeholder@localhost:1/'
const SECRET = /URL|URI|DSN|PASS|SECRET|TOKEN|AUTH|CREDENTIAL|_KEY$|^PG|^DB_|DATABASE|POSTGRES/i
// What every process has, and values that say nothing.
const USUAL = /^(PATH|HOME|PWD|USER|LOGNAME|SHELL|TERM|TZ|LANG|CI|TMPDIR|HOSTNAME|NO_COLOR|(LC|XDG|NODE|npm|PRISMA)_\w+)$/
const HARMLESS = /^(|true|false|yes|no|\d{1,5}|dev|development|local|prod|production|staging|test)$/i
const MISSING = /environment variable:? ["'`]?(\w+)/i

const text = readFileSync(file, 'utf8')
const named = (pattern) => [...text.matchAll(pattern)].map((found) => found[1])
const demanded = named(/\benv(?:<[^>]*>)?\(\s*["'`](\w+)["'`]/g)
const asked = named(/\bprocess\.env(?:\.|\[\s*["'`])(\w+)/g)
// Each has its own: where the database's URL comes from is seen by it.
const placeholder = (name) => PLACEHOLDER + name
const isPlace = (value) => existsSync(path.resolve(path.dirname(file), value))
const mayBeSeen = ([name, value]) =>
  HARMLESS.test(value) || (!SECRET.test(name) && (USUAL.test(name) || isPlace(value)))
const hidden = Object.entries(process.env).filter((variable) => !mayBeSeen(variable))
const wanted = asked.filter((name) => SECRET.test(name)).concat(demanded)
for (const name of hidden.map(([name]) => name).concat(wanted)) process.env[name] = placeholder(name)

async function evaluate(load) {
  for (;;) {
    const { config, error } = await load({ configFile: file, configRoot: path.dirname(file) })
    if (!error) return config
    const said = String(error.error?.message ?? error._tag)
    const name = said.match(MISSING)?.[1]
    if (!name || process.env[name] === placeholder(name)) throw new Error(said)
    process.env[name] = placeholder(name)
  }
}

const absolute = (place) => (typeof place === 'string' ? path.resolve(path.dirname(file), place) : undefined)

/** The variable that holds the database's URL, or the schema that a URL in the file names. */
function databaseOf(url) {
  if (typeof url !== 'string') return {}
  if (url.startsWith(PLACEHOLDER)) return { urlVariable: /^\w*/.exec(url.slice(PLACEHOLDER.length))[0] }
  const named = /[?&]schema=([^&#]*)/.exec(url)?.[1]
  return { databaseSchema: named && decodeURIComponent(named) }
}

let answer
try {
  const { loadConfigFromFile } = createRequire(cli)('@prisma/config')
  const config = await evaluate(loadConfigFromFile)
  const { earlyAccess, experimental, tables, enums, migrations } = config
  answer = {
    schema: absolute(config.schema),
    migrations: absolute(migrations?.path),
    initShadowDb: migrations?.initShadowDb,
    ...databaseOf(config.datasource?.url),
    kept: { earlyAccess, experimental, tables, enums },
  }
} catch (error) {
  answer = { error: String(error?.message ?? error) }
}
process.stdout.write(`\n${mark}${JSON.stringify(answer)}\n`)
process.exit(0)

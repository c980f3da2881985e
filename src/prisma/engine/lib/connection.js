'use strict'

const { KnownError, toConnectionError } = require('./errors')

const DEFAULT_PORT = 5432
const DEFAULT_CONNECT_SECONDS = 5

// The URL alone says where to connect: `pg` would fill its gaps from these.
for (const name of Object.keys(process.env)) if (name.startsWith('PG')) delete process.env[name]

/**
 * A URL in Prisma's dialect. A socket directory in `?host=` wins over the host before the path, which cannot
 * be left out of a URL with a user and stands there for nothing.
 * @returns {{client: object, schema: string, display: string}} `client` is what `pg` takes
 */
function parseUrl(text) {
  let url
  try {
    url = new URL(text)
  } catch {
    throw new KnownError('P1013', 'The provided database string is invalid.')
  }
  const parameter = (name) => url.searchParams.get(name) || undefined
  const host = parameter('host') ?? decodeURIComponent(url.hostname)
  if (!host) throw new KnownError('P1013', 'The provided database string is invalid: it names no host.')
  const port = Number(url.port || DEFAULT_PORT)
  const client = {
    user: decodeURIComponent(url.username) || undefined,
    password: decodeURIComponent(url.password) || undefined,
    host,
    port,
    database: decodeURIComponent(url.pathname.slice(1)) || 'postgres',
    application_name: parameter('application_name'),
    connectionTimeoutMillis: 1000 * Number(parameter('connect_timeout') ?? DEFAULT_CONNECT_SECONDS),
    ssl: !host.startsWith('/') && encryption(parameter('sslmode'), parameter('sslaccept')),
  }
  return { client, schema: parameter('schema') ?? 'public', display: `${host}:${port}` }
}

/** `prefer`, Prisma's default, is taken as "no": `pg` cannot try both. */
function encryption(mode, accept) {
  if (mode === undefined || mode === 'disable' || mode === 'prefer') return false
  return { rejectUnauthorized: accept === 'strict' || mode === 'verify-full' }
}

/** Connects to `database` of the server that `url` names, by default to the one in the URL. */
async function connect(url, database) {
  const { Client } = require('pg')
  const target = parseUrl(url)
  const client = new Client({ ...target.client, database: database ?? target.client.database })
  // A server that goes away is reported by the query that meets it.
  client.on('error', () => {})
  try {
    await client.connect()
  } catch (error) {
    throw toConnectionError(error, target)
  }
  return client
}

/** Connects for the time of one `action`. */
async function withConnection(url, action, database) {
  const client = await connect(url, database)
  try {
    return await action(client)
  } finally {
    await client.end()
  }
}

const quoteIdentifier = (name) => `"${name.replaceAll('"', '""')}"`

module.exports = { parseUrl, connect, withConnection, quoteIdentifier }

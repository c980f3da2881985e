'use strict'

const UNREACHABLE = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EHOSTUNREACH', 'ENOENT', 'EACCES', 'EAI_AGAIN', 'ETIMEDOUT'])

/** An error that Prisma's documentation knows by a P-code. */
class KnownError extends Error {
  constructor(code, message, meta = null) {
    super(message)
    this.code = code
    this.meta = meta
  }
}

/** Whether `error` carries a P-code: ours, or the engine's own. */
const isKnown = (error) => /^P\d{4}$/.test(error?.code ?? '')

/** What the engine understands of an error that `pg` threw. */
function toDriverError(error) {
  const original = { originalCode: error.code, originalMessage: error.message }
  if (typeof error.severity === 'string') {
    const { code, severity, message, detail, column, hint } = error
    return { ...original, kind: 'postgres', code, severity, message, detail, column, hint }
  }
  if (UNREACHABLE.has(error.code)) return { ...original, kind: 'DatabaseNotReachable', host: error.address, port: error.port }
  const message = String(error.message ?? error)
  return { kind: 'postgres', code: 'N/A', severity: 'ERROR', message, originalCode: 'N/A', originalMessage: message }
}

/** The P-code that the native engine gives where `target` (a parsed URL) cannot be connected to. */
function toConnectionError(error, target) {
  const { display, client } = target
  switch (error.code) {
    case '3D000':
      return new KnownError('P1003', `Database \`${client.database}\` does not exist`, { database_name: client.database })
    case '28000':
    case '28P01':
      return new KnownError(
        'P1000',
        `Authentication failed against database server, the provided database credentials for \`${client.user}\` are not valid.\n\n` +
          'Please make sure to provide valid database credentials for the database server at the configured address.',
        { database_user: client.user },
      )
    case '42P04':
      return new KnownError('P1009', `Database \`${client.database}\` already exists on the database server`)
  }
  if (UNREACHABLE.has(error.code) || /timeout/i.test(error.message)) {
    return new KnownError(
      'P1001',
      `Can't reach database server at \`${display}\`\n\nPlease make sure your database server is running at \`${display}\`.`,
      { database_location: display },
    )
  }
  return error
}

/** A migration that failed: the engine says which, only `pg` knows the SQLSTATE. */
function toMigrationError(error, scriptError) {
  const name = /migration_name="([^"]*)"/.exec(error?.message)?.[1]
  if (isKnown(error) || !name || !scriptError?.severity) return error
  const { code, message, detail, hint } = scriptError
  const more = [detail && `DETAIL: ${detail}`, hint && `HINT: ${hint}`].filter(Boolean)
  return new KnownError(
    'P3018',
    'A migration failed to apply. New migrations cannot be applied before the error is recovered from. ' +
      'Read more about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve\n\n' +
      `Migration name: ${name}\n\nDatabase error code: ${code}\n\n` +
      `Database error:\n${[`ERROR: ${message}`, ...more].join('\n')}\n`,
    { migration_name: name, database_error_code: code, database_error: message },
  )
}

/** The error object of a JSON-RPC answer. */
function toRpcError(error) {
  const message = String(error?.message ?? error)
  const details = isKnown(error)
    ? { is_panic: false, message, meta: error.meta ?? null, error_code: error.code }
    : { is_panic: false, message, backtrace: null }
  return { code: 4466, message: 'An error happened. Check the data field for details.', data: details }
}

module.exports = { KnownError, isKnown, toDriverError, toConnectionError, toMigrationError, toRpcError }

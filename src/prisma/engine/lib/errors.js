'use strict'

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENOENT',
  'EACCES',
  'EAI_AGAIN',
  'ETIMEDOUT',
])

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
  if (UNREACHABLE.has(error.code))
    return { ...original, kind: 'DatabaseNotReachable', host: error.address, port: error.port }
  const message = String(error.message ?? error)
  return {
    kind: 'postgres',
    code: 'N/A',
    severity: 'ERROR',
    message,
    originalCode: 'N/A',
    originalMessage: message,
  }
}

/** The P-code that Prisma has for it where `target` (a parsed URL) cannot be connected to. */
function toConnectionError(error, target) {
  const { display, client } = target
  const { database, user } = client
  switch (error.code) {
    case '3D000':
      return new KnownError('P1003', `Database \`${database}\` does not exist`, { database_name: database })
    case '28000':
    case '28P01':
      return new KnownError(
        'P1000',
        `The server at \`${display}\` does not let \`${user}\` in: ${error.message}`,
        { database_user: user },
      )
    case '42P04':
      return new KnownError('P1009', `There is a database \`${database}\` already at \`${display}\``)
  }
  if (!UNREACHABLE.has(error.code) && !/timeout/i.test(error.message)) return error
  return new KnownError('P1001', `No database server answers at \`${display}\`: ${error.message}`, {
    database_location: display,
  })
}

/** A migration that failed: the engine says which, only `pg` knows the SQLSTATE. */
function toMigrationError(error, scriptError) {
  const name = /migration_name="([^"]*)"/.exec(error?.message)?.[1]
  if (isKnown(error) || !name || !scriptError?.severity) return error
  const { code, message, detail, hint } = scriptError
  const lines = [
    `The migration \`${name}\` failed. It has to be resolved before any other can be applied.`,
    `SQLSTATE ${code}: ${message}`,
    detail,
    hint,
  ]
  return new KnownError('P3018', `${lines.filter(Boolean).join('\n')}\n`, {
    migration_name: name,
    database_error_code: code,
    database_error: message,
  })
}

/** The error object of a JSON-RPC answer. */
function toRpcError(error) {
  const message = String(error?.message ?? error)
  const details = isKnown(error)
    ? { is_panic: false, message, meta: error.meta ?? null, error_code: error.code }
    : { is_panic: false, message, backtrace: null }
  return { code: 4466, message: 'the request failed, see data', data: details }
}

module.exports = { KnownError, isKnown, toDriverError, toConnectionError, toMigrationError, toRpcError }
